"""Half-size models: a `.keras` file whose weight matrices are stored as float16.

Keras casts what it reads to the dtype of the variable, so such a file loads anywhere that the original does and still
computes in float32; only the last digits of the weights are lost.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import atomic_path
from toolkit.errors import SubmissionError

_WEIGHTS = "model.weights.h5"


def halve(model: Path, destination: Path) -> None:
    """Copy a `.keras` file with its float32 arrays of two or more axes as float16.

    Vectors stay as they are: biases and the statistics of batch normalisation are small, and a variance may lie
    outside of float16's range.

    Args:
        model: The `.keras` file.
        destination: The copy; the same model gives the same bytes.

    Raises:
        SubmissionError: The file is no model that Keras saved.
    """
    try:
        with (
            zipfile.ZipFile(model) as source,
            atomic_path(destination) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as sink,
        ):
            for name in source.namelist():
                data = source.read(name)
                sink.writestr(zipfile.ZipInfo(name), _halved(data) if name == _WEIGHTS else data)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise SubmissionError(
            f"{model} is not a model that Keras saved ({error}). Delete it and run `toolkit ensemble` again."
        ) from error


def _halved(weights: bytes) -> bytes:
    import h5py

    sink = io.BytesIO()
    with h5py.File(io.BytesIO(weights), "r") as old, h5py.File(sink, "w") as new:
        _copy(old, new)
    return sink.getvalue()


def _copy(old: Any, new: Any) -> None:
    for name, value in old.attrs.items():
        new.attrs[name] = value
    for name, item in old.items():
        if hasattr(item, "keys"):
            _copy(item, new.create_group(name))
            continue
        values = item[()]
        if values.dtype == np.float32 and values.ndim >= 2 and np.abs(values).max(initial=0) < np.finfo(np.float16).max:
            values = values.astype(np.float16)
        made = new.create_dataset(name, data=values)
        for key, value in item.attrs.items():
            made.attrs[key] = value
