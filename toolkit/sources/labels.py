"""From labels as a source writes them to indices; the class order is fixed here, once."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toolkit.errors import DataError


def index_labels(
    labels: Sequence[str], classes: Sequence[str] | None, where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Indices of labels, and the class names by index.

    Given class names: a label is one of them, or else an index into them. Without: if every label is a whole number
    written plainly (`0`, `7`, not `01`), it keeps its value as its index, unless more than half of the indices up to
    the largest would then be empty; otherwise names that look like whole numbers are sorted by value, others
    alphabetically.

    Args:
        labels: n texts, none empty.
        classes: Class names by index, or None.
        where: File and column, for errors.

    Returns:
        `(n,)` int64, and k names.

    Raises:
        DataError: A label is not among the classes.
    """
    labels = [_tidy(label) for label in labels]
    found = set(labels)
    if classes is not None:
        names = tuple(str(name) for name in classes)
        if len(set(names)) != len(names):
            raise DataError(f"`data.classes` names a class twice: {', '.join(names)}. Every class needs its own name.")
        index = {name: number for number, name in enumerate(names)}
        if not found <= index.keys() and all(_plain_number(label) and int(label) < len(names) for label in found):
            index = {str(number): number for number in range(len(names))}
        unknown = sorted(found - index.keys())
        if unknown:
            near = difflib.get_close_matches(unknown[0], names, n=1, cutoff=0.6)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"{where} holds {len(unknown)} labels that `data.classes` does not name, for example {unknown[0]!r}; "
                f"known are {', '.join(names[:20])}.{hint} Correct the labels or `data.classes`."
            )
        return np.array([index[label] for label in labels], np.int64), names
    if all(_plain_number(label) for label in found):
        values = {int(label) for label in found}
        if max(values) + 1 <= 2 * len(values):
            names = tuple(str(number) for number in range(max(values) + 1))
            return np.array([int(label) for label in labels], np.int64), names
    numeric = all(label.isascii() and label.isdigit() for label in found)
    names = tuple(sorted(found, key=(lambda label: (int(label), label)) if numeric else None))
    index = {name: number for number, name in enumerate(names)}
    return np.array([index[label] for label in labels], np.int64), names


def check_present(labels: Sequence[str], where: str, first_row: int = 1) -> None:
    """Make sure that no label is empty or a spelling of nothing.

    Args:
        labels: Texts.
        where: File and column.
        first_row: Number of the first row, as a person counts.

    Raises:
        DataError: Some are.
    """
    empty = [row for row, label in enumerate(labels, start=first_row) if is_absent(label)]
    if empty:
        shown = ", ".join(str(row) for row in empty[:5])
        raise DataError(
            f"{where} has {len(empty)} absent labels (rows {shown}{', …' if len(empty) > 5 else ''}). Every picture "
            "that is trained on needs a label: fill them in, or remove these rows."
        )


def is_absent(label: str) -> bool:
    """Whether a text stands for no label."""
    return label.strip().lower() in {"", "nan", "na", "n/a", "null", "none", "<na>"}


def _tidy(label: str) -> str:
    """Drop the `.0` that a table program gives whole numbers beside empty cells."""
    label = label.strip()
    head, point, tail = label.partition(".")
    return head if point and head.isdigit() and set(tail) == {"0"} else label


def _plain_number(label: str) -> bool:
    return label.isascii() and label.isdigit() and str(int(label)) == label


def nearest_column(name: str, columns: Sequence[str], path: Path) -> DataError:
    """The error for a column that does not exist."""
    near = difflib.get_close_matches(name, columns, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return DataError(f"{path} has no column {name!r}{hint} Its columns are {', '.join(map(repr, columns))}.")
