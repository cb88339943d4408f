"""The form that a sample submission asks for: id column, columns to fill, kind of value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from toolkit.errors import SubmissionError
from toolkit.sources.columns import ID_NAMES
from toolkit.sources.table import Table, read_table

Values = Literal["names", "indices", "one_hot", "probabilities"]
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"\d+")


@dataclass(frozen=True)
class SampleForm:
    """What a submission table must look like.

    Attributes:
        table: The sample; its ids, order and columns are those of every submission.
        id_column: Name of its id column.
        columns: The columns that predictions fill.
        values: Kind of value in them.
        classes: Index of the class that each column is about; empty where a column holds the class itself.
        spelling: `(k,)` what stands for each class where a column holds the class itself, else empty.
    """

    table: Table
    id_column: str
    columns: tuple[str, ...]
    values: Values
    classes: tuple[int, ...] = ()
    spelling: tuple[str, ...] = ()

    @property
    def ids(self) -> list[str]:
        """The ids in the sample's order."""
        return self.table.column(self.id_column)


def read_form(sample: Path, class_names: Sequence[str], values: str = "auto") -> SampleForm:
    """Read a sample submission and find out what it asks for.

    One column beside the id holds names or indices of classes, or with two classes the probability of one; a column a
    class holds probabilities, or one-hot rows where every row of the sample is a single 1 among zeros.

    Args:
        sample: CSV, such as Kaggle's `sample_submission.csv`.
        class_names: `(k,)` names by index.
        values: `auto`, or the kind of value where the sample's placeholders mislead.

    Raises:
        MissingFileError: There is no such file.
        DataError: It is no table.
        SubmissionError: Ids are doubled, or its columns or placeholders fit no known form.
    """
    table = read_table(sample)
    id_column = table.guess(ID_NAMES) or next(iter(table.columns))
    _refuse_doubled(table, id_column)
    asked = tuple(name for name in table.columns if name != id_column)
    if not asked:
        raise SubmissionError(f"{sample} has only the column {id_column!r}: a sample needs one to fill with classes.")
    if len(asked) == 1:
        return _single(table, id_column, asked[0], tuple(class_names), values)
    return _one_a_class(table, id_column, asked, tuple(class_names), values)


def number(cell: str) -> float | None:
    """The number that a cell holds, None where it holds none (`nan` and `inf` are none)."""
    return float(cell) if _NUMBER.fullmatch(cell) else None


def _refuse_doubled(table: Table, id_column: str) -> None:
    seen: set[str] = set()
    for name, row in zip(table.column(id_column), table.rows, strict=True):
        if name in seen:
            raise SubmissionError(
                f"{table.path} holds the id {name!r} more than once (again on line {row}). Every picture needs one "
                "row: download the sample again or remove the doubled rows."
            )
        seen.add(name)


def _single(table: Table, id_column: str, column: str, names: tuple[str, ...], values: str) -> SampleForm:
    cells = table.column(column)
    if values == "auto":
        values = _kind(cells, names, column)
        if not values:
            raise SubmissionError(
                f"What {table.path} asks for in its column {column!r} is not clear: {cells[0]!r} is neither a class "
                f"({', '.join(names[:6])}) nor one's index. Set package.values to one of {', '.join(get_args(Values))}."
            )
    if values == "probabilities":
        if len(names) != 2:
            raise SubmissionError(
                f"{table.path} asks for one probability a picture ({column!r}), but there are {len(names)} classes; "
                "that is possible with two only. Set package.values to names or indices, or check data.classes."
            )
        plain = [_plain(name) for name in names]
        positive = plain.index(_plain(column)) if _plain(column) in plain else 1
        return SampleForm(table, id_column, (column,), "probabilities", (positive,))
    if values == "one_hot":
        raise SubmissionError(f"{table.path} has one column to fill, so package.values cannot be one_hot.")
    return SampleForm(table, id_column, (column,), "names" if values == "names" else "indices",
                      spelling=_spelling(values, cells, names))  # fmt: skip


def _kind(cells: Sequence[str], names: tuple[str, ...], column: str) -> str:
    if set(cells) <= set(names):
        return "names"
    if all(map(_WHOLE.fullmatch, cells)) and (_all_whole(names) or all(int(cell) < len(names) for cell in cells)):
        return "indices"
    about_one = len(names) == 2 and all(number(cell) is not None and 0 <= float(cell) <= 1 for cell in cells)
    return "probabilities" if about_one else ""


def _spelling(values: str, cells: Sequence[str], names: tuple[str, ...]) -> tuple[str, ...]:
    if values == "names":
        return names
    # Classes that are numbers keep their value; a sample that shows `1` where a class is `01` gets the bare number.
    return tuple(str(int(name)) for name in names) if _all_whole(names) else tuple(map(str, range(len(names))))


def _all_whole(names: Sequence[str]) -> bool:
    return all(map(_WHOLE.fullmatch, names))


def _one_a_class(
    table: Table, id_column: str, columns: tuple[str, ...], names: tuple[str, ...], values: str
) -> SampleForm:
    found = _class_of_columns(columns, names)
    if found is None:
        raise SubmissionError(
            f"{table.path} has {len(columns)} columns to fill ({', '.join(columns[:6])}), which are not the "
            f"{len(names)} classes ({', '.join(names[:6])}). Expected one column, or one a class named like it; check "
            "data.classes."
        )
    if values in {"names", "indices"}:
        raise SubmissionError(f"{table.path} has a column for each class, so package.values cannot be {values}.")
    if values == "auto":
        rows = list(zip(*(table.column(name) for name in columns), strict=True))
        one_hot = all(sorted(row) == ["0"] * (len(row) - 1) + ["1"] for row in rows)
        values = "one_hot" if one_hot else "probabilities"
    return SampleForm(table, id_column, columns, "one_hot" if values == "one_hot" else "probabilities", found)


def _class_of_columns(columns: tuple[str, ...], names: tuple[str, ...]) -> tuple[int, ...] | None:
    """The class index of each column: named like the class, with a common prefix, or numbered from 0."""
    if len(columns) != len(names):
        return None
    index = {_plain(name): position for position, name in enumerate(names)}
    prefix = _common_prefix(columns)
    candidates = (columns, tuple(column[len(prefix) :] for column in columns))
    for found in candidates:
        if {_plain(name) for name in found} == set(index):
            return tuple(index[_plain(name)] for name in found)
    for found in candidates:
        if sorted(found) == sorted(map(str, range(len(names)))) and not _all_whole(names):
            return tuple(map(int, found))
    return None


def _common_prefix(columns: Sequence[str]) -> str:
    first, last = min(columns), max(columns)
    length = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    # Digits at its end belong to the numbers after it: class_10 and class_11.
    return first[:length].rstrip("0123456789")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower()) or name
