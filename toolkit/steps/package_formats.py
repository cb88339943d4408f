"""The form that networks are packed in, chosen so that they load in the contest's runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.config import Config
from toolkit.console import Console, OnProgress
from toolkit.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.submission.environments import Pins
    from toolkit.submission.model_code import Form

_EXPORTED = {"savedmodel", "onnx"}


@dataclass(frozen=True)
class Packing:
    """How networks are packed and where they will run.

    Attributes:
        form: `keras`, `weights`, `savedmodel` or `onnx`.
        pins: Versions of the contest's runtime, None for those that run here.
    """

    form: Form
    pins: Pins | None

    @property
    def words(self) -> str:
        """`weights and architecture for TensorFlow 2.17.1, Keras 3.4.1`."""
        named = {"keras": "Keras files", "weights": "weights and architecture", "savedmodel": "SavedModels",
                 "onnx": "ONNX files"}  # fmt: skip
        return f"{named[self.form]} for {self.pins.words if self.pins else 'the versions that run here'}"


def choose_form(config: Config, models: Sequence[Path]) -> Packing:
    """Choose by `package.runtime`.

    A `.keras` file loads in the minor version of Keras that wrote it; another version gets weights and architecture, a
    runtime without Keras a SavedModel.

    Args:
        config: All settings.
        models: The `.keras` files that are to be packed.

    Raises:
        ConfigError: `package.float16` does not go with the form.
    """
    from toolkit.submission.codabench import keras_version
    from toolkit.submission.environments import Pins
    from toolkit.submission.versions import numbers

    runtime = config.package.runtime
    if isinstance(runtime, str):
        chosen = Packing({"current": "keras", "savedmodel": "savedmodel", "onnx": "onnx"}[runtime], None)  # type: ignore[arg-type]
    else:
        pins = Pins(runtime.tensorflow, runtime.keras, runtime.python, runtime.packages)
        saved = {numbers(version)[:2] for version in map(keras_version, models) if version}
        if runtime.keras is None:
            chosen = Packing("savedmodel", pins)
        else:
            chosen = Packing("keras" if saved == {numbers(runtime.keras)[:2]} else "weights", pins)
    if chosen.form in _EXPORTED and config.package.float16:
        raise ConfigError(
            f"package.float16 makes no smaller package where networks are packed as {chosen.form}, which keep all bits "
            "of their weights. Set it to false, or name the version of keras in package.runtime."
        )
    return chosen


def interpreter(chosen: Packing, console: Console) -> str | None:
    """The Python of the contest's runtime, built where needed; None for the one that runs here."""
    from toolkit.submission.environments import runtime_python

    return None if chosen.pins is None else str(runtime_python(chosen.pins, on_note=console.note))


def convert(models: Sequence[Path], form: Form, folder: Path, *, float16: bool, console: Console) -> list[Path]:
    """Write networks in the form that they are packed in.

    Args:
        models: `.keras` files.
        form: The form; `keras` keeps them as they are.
        folder: Where the others are written.
        float16: Whether matrices have half the bits.
        console: Shows the progress.
    """
    if form == "keras":
        return list(models)
    from toolkit.nn.export_process import export_apart

    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"network{index}" for index in range(len(models))]
    with console.progress(f"Networks as {form}") as on_progress:
        if form == "weights":
            return _weights(models, places, float16, on_progress)
        if form == "onnx":
            files = [place.with_suffix(".onnx") for place in places]
            export_apart(models, files, form, on_progress)
            return files
        export_apart(models, places, form, on_progress)
        return [_zipped(place) for place in places]


def _weights(models: Sequence[Path], places: Sequence[Path], float16: bool, on_progress: OnProgress) -> list[Path]:
    from toolkit.nn import runtime

    runtime.setup()
    from toolkit.nn import exporting
    from toolkit.nn.saving import load_model
    from toolkit.submission.network_files import write_weights

    files = [place.with_suffix(".npz") for place in places]
    for index, (model, file) in enumerate(zip(models, files, strict=True)):
        network = load_model(model)
        write_weights(file, exporting.architecture(network), exporting.weights(network, float16=float16))
        on_progress(index + 1, len(models))
    return files


def _zipped(folder: Path) -> Path:
    import shutil

    from toolkit.submission.network_files import zip_folder

    path = folder.with_suffix(".zip")
    zip_folder(folder, path)
    shutil.rmtree(folder)
    return path
