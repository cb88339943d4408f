"""The Codabench code submission: a flat, reproducible zip of trained networks and the class that runs them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Any, Literal

from toolkit.artifacts import atomic_path, file_hash
from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission.model_code import BatchNorm, Form, describe_ensemble, write_code

Output = Literal["labels", "one_hot", "probabilities"]
InputRange = Literal["auto", "0-255", "0-1"]
ResizeMode = Literal["squash", "pad", "crop"]
Vote = Literal["majority", "mean", "geometric", "rank", "weighted", "stack"]

# Without a `command`: a file `metadata` makes it a code submission, of which nothing is copied into the predictions.
METADATA = "description: class Model in model.py, run by the ingestion program\n"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can hold: the same bytes whenever it is built
_READABLE = 0o100644
_ENDINGS: dict[Form, str] = {
    "keras": ".keras", "weights": ".npz", "savedmodel": ".savedmodel.zip", "onnx": ".onnx",
}  # fmt: skip
_PACKAGES: dict[Form, tuple[str, ...]] = {
    "keras": ("tensorflow", "keras", "numpy"), "weights": ("tensorflow", "keras", "numpy"),
    "savedmodel": ("tensorflow", "numpy"), "onnx": ("onnxruntime", "numpy"),
}  # fmt: skip


@dataclass(frozen=True)
class BuiltZip:
    """A finished zip.

    Attributes:
        path: Where it lies.
        sha256: Hash of its bytes, hexadecimal.
        bytes: Its size.
        members: Names of its files, in order.
    """

    path: Path
    sha256: str
    bytes: int
    members: tuple[str, ...]


def build_zip(
    models: Sequence[Path],
    destination: Path,
    *,
    class_names: Sequence[str],
    image_size: int,
    resize_mode: ResizeMode = "squash",
    vote: Vote = "majority",
    owner: Sequence[int] | None = None,
    blend: Mapping[str, Any] | None = None,
    views: Sequence[str] = ("identity",),
    form: Form = "keras",
    batch_norm: BatchNorm = "train",
    batch_norm_source: int = 0,
    output: Output = "labels",
    input_range: InputRange = "auto",
    label_values: Sequence[int] | None = None,
    title: str = "An ensemble of image classifiers.",
    max_mb: float = 500.0,
    versions: Mapping[str, str] | None = None,
) -> BuiltZip:
    """Write the zip, whole or not at all; the same models and settings give the same bytes.

    Args:
        models: Files of networks; each takes RGB `(n, image_size, image_size, 3)` in 0–255 and returns `(n, k)`
            probabilities.
        destination: Path of the zip.
        class_names: `(k,)` names by index.
        image_size: Width and height in pixels that the networks see.
        resize_mode: How other shapes become square.
        vote: How networks agree, where `blend` does not say it.
        owner: The member that each network belongs to, counted from 0; None: all belong to one.
        blend: What `toolkit.ensembling.blending.Blend.to_dict` gives; None: `vote` and nothing else.
        views: Views of each picture over which a network's probabilities are averaged.
        form: What the files are: `.keras`; `weights` (`.npz` of weights with the architecture); `savedmodel` (a zip of
            TensorFlow's folder); or `onnx`.
        batch_norm: Whether batch normalisation keeps its statistics of training, or takes them from the `target`: the
            pictures of a call.
        batch_norm_source: `target`: training's statistics count as so many pictures.
        output: What `predict` returns: `(n,)` labels, or `(n, k)` one-hot rows or probabilities.
        input_range: Range of floating-point pictures; auto: 0–1 if no value exceeds 1.
        label_values: The integer that `labels` returns for each class, None for its index.
        title: First line of `model.py`.
        max_mb: Largest zip in MB (10^6 bytes).
        versions: Package versions for `requirements.txt`, None for the installed ones and the models' Keras.

    Raises:
        MissingFileError: A model does not exist.
        SubmissionError: There are no models, one is no file of its form, labels do not fit, the form cannot renew
            batch normalisation, or the zip would be too large.
    """
    values = tuple(range(len(class_names))) if label_values is None else tuple(int(value) for value in label_values)
    _check(models, class_names, values, max_mb, form)
    members = [0] * len(models) if owner is None else [sorted(set(owner)).index(member) for member in owner]
    names = _names(members, _ENDINGS[form])
    described = describe_ensemble(names, members, blend or {"vote": vote}, views)
    texts = {
        "metadata": METADATA,
        "model.py": write_code(
            described, form, batch_norm, title=_one_line(title), class_names=[str(name) for name in class_names],
            label_values=values, image_size=image_size, resize_mode=resize_mode, output=output, input_range=input_range,
            batch_norm_source=batch_norm_source,
        ),
        "ensemble.json": json.dumps(described, indent=1) + "\n",
        "requirements.txt": _requirements(models, versions, form),
    }  # fmt: skip
    with atomic_path(destination) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, text in texts.items():
                archive.writestr(zip_entry(name), text)
            for name, model in zip(names, models, strict=True):
                with model.open("rb") as source, archive.open(zip_entry(name), "w", force_zip64=True) as sink:
                    while block := source.read(1 << 20):
                        sink.write(block)
        _check_size(temporary.stat().st_size, models, max_mb)
    return BuiltZip(destination, file_hash(destination), destination.stat().st_size, (*texts, *names))


def _names(members: Sequence[int], ending: str) -> list[str]:
    """`fold0.keras` and so on; with several members `member0-fold0.keras`."""
    several = len(set(members)) > 1
    places = [list(members[:index]).count(member) for index, member in enumerate(members)]
    return [
        f"member{member}-fold{place}{ending}" if several else f"fold{place}{ending}"
        for member, place in zip(members, places, strict=True)
    ]


def _check(
    models: Sequence[Path], class_names: Sequence[str], values: tuple[int, ...], max_mb: float, form: Form
) -> None:
    if not models:
        raise SubmissionError(
            "There are no trained models to pack. Run `toolkit ensemble` first: it writes one model a fold, which "
            "`toolkit package` packs."
        )
    if len(class_names) < 2 or len(values) != len(class_names) or len(set(values)) != len(values):
        raise SubmissionError(
            f"The package needs at least two classes with one label each, all different, but has {len(class_names)} "
            f"class names and the labels {list(values)}. Check `data.classes` in the config."
        )
    for model in models:
        if not model.is_file():
            raise MissingFileError(f"The model {model} does not exist. Run `toolkit ensemble` again to train it.")
        if form != "onnx" and not zipfile.is_zipfile(model):
            raise SubmissionError(
                f"{model} is not a model that Keras can load: a `{_ENDINGS[form]}` file is a zip archive. Delete it "
                "and run `toolkit ensemble` again."
            )
    _check_size(sum(model.stat().st_size for model in models), models, max_mb)


def _check_size(size: int, models: Sequence[Path], max_mb: float) -> None:
    if size > max_mb * 1e6:
        largest = max(models, key=lambda model: model.stat().st_size)
        raise SubmissionError(
            f"The zip would be {size / 1e6:.0f} MB, more than package.max_mb = {max_mb:g}: {len(models)} models, the "
            f"largest {largest.stat().st_size / 1e6:.0f} MB ({largest}). Set package.float16: true for half the size, "
            "or package.members: fit for as many as fit; a table says what each costs in score. Use fewer folds "
            "(ensemble.folds) or a smaller backbone (model.backbone) to train less, or raise package.max_mb if the "
            "contest accepts it."
        )


def zip_entry(name: str) -> zipfile.ZipInfo:
    """An entry that has the same bytes whenever and wherever it is written."""
    info = zipfile.ZipInfo(name, _EARLIEST)
    info.create_system = 3  # Unix, on any system
    info.external_attr = _READABLE << 16
    info.compress_type = zipfile.ZIP_STORED  # weights hardly shrink, and zlib's output differs between versions
    return info


def _requirements(models: Sequence[Path], versions: Mapping[str, str] | None, form: Form) -> str:
    if versions is None:
        found = {}
        for package in _PACKAGES[form]:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                continue
        saved = {version for version in map(keras_version, models) if version} if form == "keras" else set()
        versions = {**found, **({"keras": max(saved, key=_numbers)} if saved else {})}
    lines = ["# For information: what the networks were made for."]
    return "\n".join([*lines, *(f"{name}=={version}" for name, version in versions.items())]) + "\n"


def keras_version(model: Path | IO[bytes]) -> str | None:
    """The version of Keras that saved a `.keras` file, None where the file does not say."""
    try:
        with zipfile.ZipFile(model) as archive:
            found = json.loads(archive.read("metadata.json")).get("keras_version")
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        return None
    return str(found) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _one_line(text: str) -> str:
    return " ".join(text.replace("\\", "/").replace('"', "'").split())
