"""From labels as a source writes them to indices; the class order is fixed here, once."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np

from toolkit.errors import DataError
from toolkit.manifest import UNLABELLED

Labels = Literal["required", "optional", "ignored"]

_ABSENT = frozenset({"", "nan", "na", "n/a", "null", "none", "<na>"})
# Longer ones are serial numbers, not classes, and would not fit an integer.
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_WHOLE_FLOAT = re.compile(r"(-?[0-9]{1,18})\.0+")


def index_column(
    texts: Sequence[str], classes: Sequence[str] | None, where: str, rows: Sequence[int], *, required: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Indices of a column of labels, some of which may be absent.

    Args:
        texts: n labels as the source writes them.
        classes: Class names by index, or None; a class named `none` or `NA` makes such labels present.
        where: File and column, for errors.
        rows: Number of each row, as a person counts.
        required: Whether an absent label is an error.

    Returns:
        `(n,)` int64, -1 where absent, and k names.

    Raises:
        DataError: A label is absent though required, or not among the classes.
    """
    names = frozenset(classes or ())
    present = [not is_absent(text, names) for text in texts]
    empty = [(row, text) for row, text, there in zip(rows, texts, present, strict=True) if not there]
    if empty and required:
        shown = ", ".join(str(row) for row, _ in empty[:5]) + (", …" if len(empty) > 5 else "")
        words = sorted({text.strip() for _, text in empty if text.strip()})
        hint = f" If {words[0]!r} is a class, name it in `data.classes`." if words else ""
        raise DataError(
            f"{where} has {len(empty)} absent labels (rows {shown}). Every picture that is trained on needs a label: "
            f"fill them in, or remove these rows.{hint}"
        )
    indices = np.full(len(texts), UNLABELLED, np.int64)
    if len(empty) == len(texts):
        return indices, tuple(classes or ())
    found, order = index_labels([text for text, there in zip(texts, present, strict=True) if there], classes, where)
    indices[np.array(present)] = found
    return indices, order


def index_labels(
    labels: Sequence[str], classes: Sequence[str] | None, where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Indices of labels, and the class names by index.

    Given class names: a label is one of them, or else an index into them. Without: if every label is a whole number
    written plainly (`0`, `7`, not `01`), it keeps its value as its index, unless more than half of the indices up to
    the largest would then be empty; otherwise names that look like whole numbers are sorted by value, others
    alphabetically. In a column of whole numbers the `.0` that table programs add beside empty cells is dropped.

    Args:
        labels: n texts, none absent.
        classes: Class names by index, or None.
        where: File and column, for errors.

    Returns:
        `(n,)` int64, and k names.

    Raises:
        DataError: A label is not among the classes.
    """
    spelled = {label: unicodedata.normalize("NFC", label.strip()) for label in set(labels)}
    whole = _without_point_zero(spelled)
    if classes is not None:
        names = _checked(classes)
        index = {name: number for number, name in enumerate(names)}
        if not index.keys() >= set(spelled.values()):
            spelled = whole
        if not index.keys() >= set(spelled.values()) and all(
            _plain_number(label) and int(label) < len(names) for label in spelled.values()
        ):
            index = {str(number): number for number in range(len(names))}
        _check_known(set(spelled.values()), index, names, where)
    else:
        spelled = whole
        names = _class_order(set(spelled.values()))
        index = {name: number for number, name in enumerate(names)}
    number = {label: index[name] for label, name in spelled.items()}
    return np.array([number[label] for label in labels], np.int64), names


def is_absent(text: str, names: Collection[str] = ()) -> bool:
    """Whether a text stands for nothing; never where it is one of `names`."""
    return text.strip().lower() in _ABSENT and text.strip() not in names


def _class_order(found: set[str]) -> tuple[str, ...]:
    if all(_plain_number(label) for label in found):
        largest = max(int(label) for label in found)
        if largest + 1 <= 2 * len(found):
            return tuple(str(number) for number in range(largest + 1))
    if all(_WHOLE.fullmatch(label) for label in found):
        return tuple(sorted(found, key=lambda label: (int(label), label)))
    return tuple(sorted(found))


def _checked(classes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(unicodedata.normalize("NFC", str(name)) for name in classes)
    if len(set(names)) != len(names):
        raise DataError(f"`data.classes` names a class twice: {', '.join(names)}. Every class needs its own name.")
    return names


def _check_known(found: set[str], index: dict[str, int], names: Sequence[str], where: str) -> None:
    unknown = sorted(found - index.keys())
    if unknown:
        near = difflib.get_close_matches(unknown[0], names, n=1, cutoff=0.6)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"{where} holds {len(unknown)} labels that `data.classes` does not name, for example {unknown[0]!r}; "
            f"known are {', '.join(names[:20])}{', …' if len(names) > 20 else ''}.{hint} Correct the labels or "
            "`data.classes`."
        )


def _without_point_zero(spelled: dict[str, str]) -> dict[str, str]:
    """Whole numbers without `.0`, if there are no other labels: `1.0` beside `1.5` is a name."""
    whole = {}
    for label, text in spelled.items():
        match = _WHOLE_FLOAT.fullmatch(text)
        if not match and not _WHOLE.fullmatch(text):
            return spelled
        whole[label] = match[1] if match else text
    return whole


def _plain_number(label: str) -> bool:
    return bool(_WHOLE.fullmatch(label)) and int(label) >= 0 and str(int(label)) == label
