"""`.npz` files: `images` and `labels`, or MedMNIST's `train_images`, `train_labels`, `val_images`, …"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.sources.labels import check_present, index_labels

Split = Literal["train", "val", "test"]
_IMAGE_NAMES = ("images", "data", "X", "x")
_LABEL_NAMES = ("labels", "targets", "y", "Y")


def array_names(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays in a file, by name; their contents are not read.

    Raises:
        MissingFileError: There is no such file.
        DataError: It is no `.npz`, or holds Python objects.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no file at {path}. Set `data.source` to an existing .npz.")
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                with archive.open(entry) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _header_2
                    shape, _, dtype = read(stream)
                name = entry.removesuffix(".npy")
                if dtype.hasobject:
                    raise DataError(
                        f"The array {name!r} of {path} holds Python objects, which could run code when they are read, "
                        "so they are not. Save it again as numbers: np.savez(file, images=np.stack(images), …)."
                    )
                shapes[name] = tuple(int(length) for length in shape)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise DataError(f"{path} is no readable .npz file ({error}). Save it again with np.savez.") from error
    return shapes


def _header_2(stream: object) -> tuple[tuple[int, ...], bool, np.dtype]:
    return np.lib.format.read_array_header_2_0(stream)  # type: ignore[arg-type]


def read_npz(
    path: Path, *, classes: Sequence[str] | None = None, split: Split = "train", labelled: bool = True
) -> Manifest:
    """Read a file of arrays; the pictures stay in it until they are decoded.

    Args:
        path: The file.
        classes: Class names by index; None: from the labels.
        split: Which of MedMNIST's three parts.
        labelled: Whether labels must be there.

    Raises:
        DataError: No pictures, shapes that do not fit, absent labels, objects instead of numbers.
    """
    shapes = array_names(path)
    images, labels = _choose(shapes, split, path)
    shape = shapes[images]
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)) or not shape[0]:
        raise DataError(
            f"The array {images!r} of {path} has shape {shape}; expected (n, h, w), (n, h, w, 1) or (n, h, w, 3)."
        )
    count = shape[0]
    prefix = f"{split}/" if images.startswith(f"{split}_") else ""
    width = max(5, len(str(count - 1)))
    ids = [f"{prefix}{row:0{width}d}" for row in range(count)]
    paths = [f"{path.name}::{images}::{row}" for row in range(count)]
    if labels is None:
        if labelled:
            raise DataError(
                f"{path} holds no labels for {images!r}; its arrays are {', '.join(shapes)}. Expected one named labels."
            )
        return Manifest.build(path.parent, classes or (), ids, paths)
    where = f"array {labels!r} of {path}"
    texts = _texts(path, labels, count, where)
    check_present(texts, where, first_row=0)
    indices, found = index_labels(texts, classes, where)
    return Manifest.build(path.parent, found, ids, paths, indices)


def _choose(shapes: dict[str, tuple[int, ...]], split: Split, path: Path) -> tuple[str, str | None]:
    """Names of the picture and label arrays."""
    if f"{split}_images" in shapes:
        labels = f"{split}_labels"
        return f"{split}_images", labels if labels in shapes else None
    images = next((name for name in _IMAGE_NAMES if name in shapes), None)
    if images is None:
        raise DataError(
            f"{path} holds no pictures for {split!r}: its arrays are {', '.join(shapes) or 'none'}. Expected images "
            f"and labels, or {split}_images and {split}_labels."
        )
    return images, next((name for name in _LABEL_NAMES if name in shapes), None)


def _texts(path: Path, name: str, count: int, where: str) -> list[str]:
    with np.load(path, allow_pickle=False) as arrays:
        values = arrays[name]
    if values.shape not in ((count,), (count, 1)):
        if values.ndim == 2 and len(values) == count and values.shape[1] > 1 and (values.sum(axis=1) == 1).all():
            return [str(label) for label in values.argmax(axis=1)]
        raise DataError(
            f"The {where} has shape {values.shape}; expected ({count},) or ({count}, 1): one label a picture."
        )
    flat = values.reshape(-1)
    if np.issubdtype(flat.dtype, np.floating):
        return ["" if np.isnan(label) else f"{label:g}" for label in flat]
    return [str(label) for label in flat.tolist()]
