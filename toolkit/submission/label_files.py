"""Labels in files of contests that we did not write: truth and predictions, as far as they can be told."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_LARGEST = 50_000_000  # bytes; a file of labels is smaller


@dataclass(frozen=True)
class LabelFile:
    """One label a picture.

    Attributes:
        labels: `(n,)` int64 or str.
        ids: n ids where the file has them, else None.
    """

    labels: np.ndarray
    ids: tuple[str, ...] | None = None


def find_labels(folder: Path | None, count: int | None = None) -> LabelFile | None:
    """The first file of a folder that can be read as labels.

    Args:
        folder: Looked through with its subfolders; `.npy`, `.npz`, `.csv` and `.txt`, in this order.
        count: Number of pictures, None for any.
    """
    if folder is None or not folder.is_dir():
        return None
    for pattern in ("*.npy", "*.npz", "*.csv", "*.txt"):
        for path in sorted(folder.rglob(pattern)):
            if path.is_file() and path.stat().st_size <= _LARGEST:
                for found in _read(path):
                    if len(found.labels) and count in (None, len(found.labels)):
                        return found
    return None


def paired(truth: LabelFile, predicted: LabelFile) -> tuple[np.ndarray, np.ndarray] | None:
    """Labels of the same pictures side by side: joined on ids where both have them, else in order.

    Returns:
        Two `(n,)` arrays, None where they cannot be compared.
    """
    theirs, ours = truth.labels, predicted.labels
    if truth.ids and predicted.ids:
        position = {name: row for row, name in enumerate(predicted.ids)}
        if set(position) != set(truth.ids):
            return None
        ours = ours[[position[name] for name in truth.ids]]
    if len(theirs) != len(ours) or theirs.dtype.kind != ours.dtype.kind:
        return None
    return theirs, ours


def to_labels(values: np.ndarray, label_values: tuple[int, ...] | None = None) -> np.ndarray | None:
    """Labels `(n,)` of labels `(n,)` or `(n, 1)`, or of rows `(n, k)`; None for anything else.

    Args:
        values: Any array.
        label_values: The label of each column of rows, None for its index.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "iufb" and np.isfinite(values).all():
        winners = values.argmax(axis=1)
        known = label_values is not None and len(label_values) == values.shape[1]
        return np.asarray(np.asarray(label_values)[winners] if known else winners, np.int64)
    if values.ndim != 1 or values.dtype.kind not in "iufU":
        return None
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        return None
    return values if values.dtype.kind == "U" else values.astype(np.int64)


def _read(path: Path) -> Iterator[LabelFile]:
    try:
        if path.suffix in {".npy", ".npz"}:
            loaded = np.load(path, allow_pickle=False)
            arrays = [loaded] if path.suffix == ".npy" else [loaded[name] for name in loaded.files]
            for array in arrays:
                labels = to_labels(array)
                if labels is not None:
                    yield LabelFile(labels)
            return
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, ValueError, EOFError, csv.Error):
        return
    if not rows or len({len(row) for row in rows}) > 1 or len(rows[0]) > 2:
        return
    if len(rows[0]) == 2 and not _whole(rows[0][1]):
        rows = rows[1:]  # names of columns; names of classes as labels need no header to be told from it
    elif len(rows[0]) == 1 and not _whole(rows[0][0]) and all(_whole(row[0]) for row in rows[1:]):
        rows = rows[1:]
    cells = [row[-1].strip() for row in rows]
    labels = np.array([int(float(cell)) for cell in cells]) if all(map(_whole, cells)) else np.array(cells, str)
    yield LabelFile(labels, tuple(row[0] for row in rows) if rows and len(rows[0]) == 2 else None)


def _whole(cell: str) -> bool:
    try:
        return float(cell) == int(float(cell))
    except (ValueError, OverflowError):
        return False
