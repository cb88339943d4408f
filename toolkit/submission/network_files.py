"""Files of networks as packages hold them, and the mean of several networks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import atomic_path
from toolkit.errors import SubmissionError
from toolkit.submission.codabench import zip_entry

_WEIGHTS = "model.weights.h5"
ARCHITECTURE = "architecture"


def write_weights(path: Path, architecture: str, weights: Mapping[str, np.ndarray]) -> None:
    """Write weights and architecture as one `.npz`, the same bytes for the same network.

    Args:
        path: Ends in `.npz`.
        architecture: JSON for `keras.models.model_from_json`.
        weights: Arrays by layer and position.
    """
    text = np.frombuffer(architecture.encode("utf-8"), np.uint8)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, values in {ARCHITECTURE: text, **weights}.items():
            with archive.open(zip_entry(f"{name}.npy"), "w", force_zip64=True) as sink:
                np.lib.format.write_array(sink, np.ascontiguousarray(values), allow_pickle=False)


def zip_folder(folder: Path, path: Path) -> None:
    """Write a folder's files as one zip, in order of their names and without times.

    Args:
        folder: Of a SavedModel.
        path: The zip.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.writestr(zip_entry(file.relative_to(folder).as_posix()), file.read_bytes())


def average(models: Sequence[Path], destination: Path) -> None:
    """Write the network whose weights are the mean of those of several.

    Weight averaging (Wortsman et al. 2022, "Model soups", arXiv 2203.05482, eq. 1 with equal shares) rests on networks
    that were fine-tuned from the same weights; what begins at random, like the layers of a head, is not alike in them,
    so measure what it costs.

    Args:
        models: `.keras` files of one architecture.
        destination: A `.keras` file.

    Raises:
        SubmissionError: A file is no model that Keras saved, or they differ in architecture.
    """
    import h5py

    try:
        sources = [zipfile.ZipFile(model) for model in models]
        stored = [h5py.File(io.BytesIO(source.read(_WEIGHTS)), "r") for source in sources]
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise SubmissionError(
            f"One of {', '.join(map(str, models))} is not a model that Keras saved ({error}). Delete it and run "
            "`toolkit ensemble` again."
        ) from error
    try:
        sink = io.BytesIO()
        with h5py.File(sink, "w") as new:
            _mean(stored, new)
        with atomic_path(destination) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name in sources[0].namelist():
                data = sink.getvalue() if name == _WEIGHTS else sources[0].read(name)
                archive.writestr(zip_entry(name), data)
    finally:
        for opened in (*stored, *sources):
            opened.close()


def _mean(stored: Sequence[Any], new: Any) -> None:
    first = stored[0]
    if any(set(other.keys()) != set(first.keys()) for other in stored):
        raise SubmissionError(_DIFFERENT)
    for name, value in first.attrs.items():
        new.attrs[name] = value
    for name, item in first.items():
        others = [other[name] for other in stored]
        if hasattr(item, "keys"):
            _mean(others, new.create_group(name))
            continue
        if any(other.shape != item.shape for other in others):
            raise SubmissionError(_DIFFERENT)
        values = item[()]
        if values.dtype.kind == "f":
            values = np.mean([other[()] for other in others], axis=0, dtype=np.float64).astype(values.dtype)
        made = new.create_dataset(name, data=values)
        for key, value in item.attrs.items():
            made.attrs[key] = value


_DIFFERENT = (
    "package.members: average takes the mean of the weights of networks of one architecture, but these differ. Choose "
    "package.members: all, fit, or a number."
)
