"""Settings of the submission: the section `package`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from toolkit.config.section import Section

_VERSION = re.compile(r"^\d+(\.\d+)*([abrc.post]+\d+)?$")


class Runtime(Section):
    """Versions of the contest's server."""

    tensorflow: str | None = Field(None, description="Version of TensorFlow, such as 2.17.1.")
    keras: str | None = Field(None, description="Version of Keras, such as 3.4.1; null: only TensorFlow is relied on.")
    python: str | None = Field(None, description="Version of Python, such as 3.11; null: the one that runs here.")
    packages: tuple[str, ...] = Field((), description="Further requirements as pip reads them, such as pandas==2.2.2.")

    @field_validator("tensorflow", "keras", "python", mode="before")
    @classmethod
    def _version(cls, value: Any) -> Any:
        if isinstance(value, float) and len(repr(value).partition(".")[2]) == 1:
            # YAML reads 3.10 as the number 3.1: what was meant cannot be told.
            raise ValueError(f'write the version in quotes, as in "{value}": without, 3.10 and 3.1 are the same')
        text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        if isinstance(text, str) and not _VERSION.match(text):
            raise ValueError(f"{text!r} is no version such as 2.17.1")
        return text

    @model_validator(mode="after")
    def _something(self) -> Runtime:
        if self.tensorflow is None:
            raise ValueError("name at least the version of tensorflow; for this environment write runtime: current")
        return self


class Package(Section):
    """The submission."""

    target: Literal["codabench", "codabench-results", "kaggle", "kaggle-kernel"] = Field(
        "codabench", description="codabench (code), codabench-results, kaggle (submission.csv), or kaggle-kernel."
    )
    output: Literal["labels", "one_hot", "probabilities"] = Field("labels", description="What `predict` returns.")
    input_range: Literal["auto", "0-255", "0-1"] = Field("auto", description="Range of floating-point pictures.")
    destination: Path = Field(Path("submissions"), description="Folder for finished packages.")
    max_mb: float = Field(500.0, gt=0.0, description="Largest zip in MB.")
    time_limit: int = Field(600, ge=1, description="Seconds that the contest worker grants each step.")
    runtime: Literal["current", "savedmodel", "onnx"] | Runtime = Field(
        "current",
        description="current; versions such as {tensorflow: 2.17.1, keras: 3.4.1, python: 3.11}; savedmodel; or onnx.",
    )
    members: Annotated[int, Field(ge=1)] | Literal["all", "fit", "fewest", "average"] = Field(
        "all",
        description="Packed, best out of fold first: all, fit (what max_mb holds), fewest, a number, or average (one).",
    )
    float16: bool = Field(False, description="Store weights with half the bits; the networks still compute in float32.")
    size_table: bool = Field(False, description="Say what other sizes would score, also where all are packed in full.")
    batch_norm: Literal["auto", "train", "target"] = Field(
        "auto", description="Statistics of batch normalisation: as ensemble.batch_norm (auto), train, or target."
    )
    hidden_images: int | None = Field(
        None, ge=1, description="Pictures of the hidden test, to foretell whether time_limit suffices; null: unknown."
    )
    test_source: Path | None = Field(
        None,
        description="Unlabelled test pictures of the targets that hand in predictions; null: those of data.source.",
    )
    sample: Path | None = Field(
        None, description="CSV whose ids, order and columns a Kaggle table takes; null: the one in data.source."
    )
    values: Literal["auto", "names", "indices", "one_hot", "probabilities"] = Field(
        "auto", description="What a table holds, where the placeholders of its sample mislead."
    )
    template: Path | None = Field(
        None, description="codabench-results: a predictions file, or a zip of one, whose name and form are taken over."
    )
    competition: str | None = Field(
        None, pattern=r"^[\w-]+$", description="Kaggle's short name of the contest, as in its address."
    )
    owner: str | None = Field(
        None, pattern=r"^[\w-]+$", description="Your name on Kaggle, which a kernel's data set is uploaded under."
    )
