"""Models on disk, without their optimisers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from toolkit.artifacts import atomic_path
from toolkit.errors import MissingFileError, WeightsError


def save_model(model: Any, path: Path) -> None:
    """Write architecture and weights as one `.keras` file, whole or not at all.

    Args:
        model: A `keras.Model`, not compiled.
        path: Ends in `.keras`.
    """
    with atomic_path(path) as temporary:
        model.save(temporary)


def load_model(path: Path) -> Any:
    """Read what `save_model` wrote; only Keras's own layers are allowed in it.

    Args:
        path: A `.keras` file.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        MissingFileError: There is no such file.
        WeightsError: The file is damaged or written by an incompatible Keras.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no model at {path}. Run the step that trains it first.")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its layers raise
        raise WeightsError(
            f"{path} cannot be read as a Keras model by Keras {keras.__version__}: {error}. It may be damaged or "
            "written by a newer Keras; train it again or install the version it was written with."
        ) from error
