"""`.npz` files: `images` and `labels`, or MedMNIST's `train_images`, `train_labels`, `val_images`, …"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.sources.labels import Labels, index_column

Split = Literal["train", "val", "test"]
_IMAGE_NAMES = ("images", "data", "X", "x")
_LABEL_NAMES = ("labels", "targets", "y", "Y")
# What zipfile and NumPy raise for files that are damaged, encrypted or packed in an unknown way.
_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError, KeyError)


@dataclass(frozen=True)
class Header:
    """Shape and type of an array whose contents were not read."""

    shape: tuple[int, ...]
    dtype: np.dtype


def array_headers(path: Path) -> dict[str, Header]:
    """Shapes and types of the arrays in a file, by name.

    Raises:
        MissingFileError: There is no such file.
        DataError: It is no `.npz`, or holds Python objects.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no file at {path}. Set `data.source` to an existing .npz.")
    headers: dict[str, Header] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                if not entry.endswith(".npy"):
                    continue
                with archive.open(entry) as stream:
                    if np.lib.format.read_magic(stream) == (1, 0):
                        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
                    else:
                        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
                headers[entry.removesuffix(".npy")] = Header(tuple(int(length) for length in shape), dtype)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    for name, header in headers.items():
        if header.dtype.hasobject:
            raise DataError(
                f"The array {name!r} of {path} holds Python objects, which could run code when they are read, "
                "so they are not. Save it again as numbers: np.savez(file, images=np.stack(images), …)."
            )
    return headers


def read_npz(
    path: Path, *, classes: Sequence[str] | None = None, split: Split = "train", labels: Labels = "required"
) -> Manifest:
    """Read a file of arrays; the pictures stay in it until they are decoded.

    Args:
        path: The file.
        classes: Class names by index; None: from the labels.
        split: Which of MedMNIST's three parts; `images` and `labels` are training.
        labels: Whether labels must be there, may be, or are not looked at.

    Raises:
        DataError: No pictures, shapes that do not fit, absent labels, objects instead of numbers.
    """
    headers = array_headers(path)
    images, answers = _choose(headers, split, path)
    shape, dtype = headers[images].shape, headers[images].dtype
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)) or 0 in shape:
        raise DataError(
            f"The array {images!r} of {path} has shape {shape}; expected (n, h, w), (n, h, w, 1) or (n, h, w, 3)."
        )
    if dtype.kind not in "buif":
        raise DataError(f"The array {images!r} of {path} holds {dtype}; expected numbers, best uint8 from 0 to 255.")
    count = shape[0]
    prefix = f"{split}/" if images == f"{split}_images" else ""
    width = max(5, len(str(count - 1)))
    ids = [f"{prefix}{row:0{width}d}" for row in range(count)]
    paths = [f"{path.name}::{images}::{row}" for row in range(count)]
    if answers is None and labels == "required":
        raise DataError(
            f"{path} holds no labels for {images!r}; its arrays are {', '.join(headers)}. Expected one named "
            f"{'labels' if not prefix else f'{split}_labels'}."
        )
    if answers is None or labels == "ignored":
        return Manifest.build(path.parent, classes or (), ids, paths)
    where = f"array {answers!r} of {path}"
    texts, known = _texts(path, answers, count, classes, where)
    indices, names = index_column(texts, known, where, range(count), required=labels == "required")
    return Manifest.build(path.parent, names, ids, paths, indices)


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is no readable .npz file ({error}). Save it again with np.savez.")


def _choose(headers: dict[str, Header], split: Split, path: Path) -> tuple[str, str | None]:
    """Names of the picture and label arrays."""
    if f"{split}_images" in headers:
        labels = f"{split}_labels"
        return f"{split}_images", labels if labels in headers else None
    images = next((name for name in _IMAGE_NAMES if name in headers), None)
    if images is None or split != "train":
        also = "images and labels, or " if split == "train" else ""
        raise DataError(
            f"{path} holds no pictures for {split!r}: its arrays are {', '.join(headers) or 'none'}. Expected {also}"
            f"{split}_images and {split}_labels."
        )
    return images, next((name for name in _LABEL_NAMES if name in headers), None)


def _texts(
    path: Path, name: str, count: int, classes: Sequence[str] | None, where: str
) -> tuple[list[str], Sequence[str] | None]:
    """Labels as texts, and the class names; those of one-hot labels are as many as they have columns."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = arrays[name]
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    if values.ndim == 2 and len(values) == count and values.shape[1] > 1 and values.dtype.kind in "buif":
        if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
            raise DataError(
                f"The {where} has shape {values.shape}, but is not one-hot: rows must hold one 1 and else 0. Several "
                "labels a picture are not supported; give one label a picture."
            )
        if classes is not None and len(classes) != values.shape[1]:
            raise DataError(
                f"The {where} is one-hot over {values.shape[1]} classes, but `data.classes` names {len(classes)}."
            )
        known = [str(number) for number in range(values.shape[1])] if classes is None else classes
        return [str(known[label]) for label in values.argmax(axis=1)], known
    if values.shape not in ((count,), (count, 1)):
        raise DataError(
            f"The {where} has shape {values.shape}; expected ({count},) or ({count}, 1): one label a picture."
        )
    return [_text(label) for label in values.reshape(-1).tolist()], classes


def _text(label: object) -> str:
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace")
    return str(label)
