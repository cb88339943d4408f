"""A CSV with one row a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.sources.columns import LABEL_NAMES, id_and_path_columns
from toolkit.sources.labels import Labels, index_column, is_absent
from toolkit.sources.resolving import Resolver
from toolkit.sources.table import Table, read_table

_YES = {"1", "1.0", "true", "yes", "y", "t"}
_NO = {"0", "0.0", "false", "no", "n", "f", ""}


def read_csv(
    path: Path,
    *,
    images: Path | None = None,
    id_column: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    classes: Sequence[str] | None = None,
    labels: Labels = "required",
    fold_column: str | None = None,
    holdout_column: str | None = None,
) -> Manifest:
    """Read a CSV and find its pictures.

    Args:
        path: The file.
        images: Folder that paths or ids start from, with or without file ending; None: the CSV's own.
        id_column: Column of unique ids; None: guessed.
        path_column: Column of paths; None: guessed, else the ids are looked up.
        label_column: Column of labels; None: guessed.
        group_column: Column of groups that are never split; None: none.
        classes: Class names by index; None: from the labels.
        labels: Whether every row must have a label, may have one, or labels are not looked at.
        fold_column: Column of the user's own folds; None: none.
        holdout_column: Column that marks the user's own holdout; None: none.

    Raises:
        DataError: Unknown columns, doubled ids, absent labels, paths outside the folder, pictures without a fold.
        MissingFileError: The CSV or pictures are missing.
    """
    table = read_table(path)
    resolver = Resolver(path.parent if images is None else images, path)
    return manifest_of(table, resolver, id_column, path_column, label_column, group_column, classes, labels,
                       fold_column, holdout_column)  # fmt: skip


def manifest_of(
    table: Table,
    resolver: Resolver,
    id_column: str | None,
    path_column: str | None,
    label_column: str | None,
    group_column: str | None,
    classes: Sequence[str] | None,
    labels: Labels,
    fold_column: str | None = None,
    holdout_column: str | None = None,
) -> Manifest:
    """The manifest of a table whose picture folder is known; arguments and errors as for `read_csv`."""
    own = (fold_column, holdout_column)
    ids, paths = id_and_path_columns(table, id_column, path_column, (label_column, group_column, *own))
    _check_filled(table, ids)
    _check_filled(table, paths)
    _check_unique(table, ids)
    groups = None if group_column is None else _groups(table.column(group_column), group_column)
    label = label_column or table.guess(LABEL_NAMES, (ids, paths, group_column, *own))
    if labels == "required" and label is None:
        raise DataError(
            f"{table.path} has no column that looks like labels; its columns are "
            f"{', '.join(map(repr, table.columns))}. Name it in `data.label_column`."
        )
    indices, names = None, tuple(classes or ())
    if label is not None and labels != "ignored" and (labels == "required" or label in table.columns):
        where = f"column {label!r} of {table.path}"
        indices, names = index_column(table.column(label), classes, where, table.rows, required=labels == "required")
    files = resolver.resolve(table.column(paths))
    folds = None if fold_column is None else _folds(table, fold_column)
    held_out = None if holdout_column is None else _marks(table, holdout_column)
    return Manifest.build(
        resolver.root, names, table.column(ids), files, indices, groups, folds=folds, holdout=held_out
    )


def _folds(table: Table, column: str) -> list[str]:
    values = table.column(column)
    empty = [row for row, value in zip(table.rows, values, strict=True) if is_absent(value)]
    if empty:
        raise DataError(
            f"column {column!r} of {table.path} gives {len(empty)} pictures no fold (rows {_some(empty)}). Every "
            "picture needs its fold: fill them in, or remove `data.fold` so that folds are drawn."
        )
    return values


def _marks(table: Table, column: str) -> list[bool]:
    values = [value.strip().lower() for value in table.column(column)]
    strange = [row for row, value in zip(table.rows, values, strict=True) if value not in _YES | _NO]
    if strange:
        raise DataError(
            f"column {column!r} of {table.path} marks the holdout by 1 or 0 (also true and false, yes and no), but "
            f"{len(strange)} rows hold something else (rows {_some(strange)}). Correct them, or name another column in "
            "`data.holdout_column`."
        )
    return [value in _YES for value in values]


def _check_filled(table: Table, column: str) -> None:
    empty = [row for row, text in zip(table.rows, table.column(column), strict=True) if not text]
    if empty:
        raise DataError(
            f"column {column!r} of {table.path} has {len(empty)} empty cells (rows {_some(empty)}). Every row needs "
            "its picture: fill them in, or remove these rows."
        )


def _check_unique(table: Table, column: str) -> None:
    values = table.column(column)
    doubled = {name: count for name, count in Counter(values).items() if count > 1}
    if doubled:
        first = next(iter(doubled))
        rows = [row for row, name in zip(table.rows, values, strict=True) if name == first]
        raise DataError(
            f"{len(doubled)} image ids in column {column!r} of {table.path} occur more than once, for example "
            f"{first!r} (rows {_some(rows)}). Every picture needs an id of its own: remove the doubled rows or choose "
            "another `data.id_column`."
        )


def _groups(values: Sequence[str], column: str) -> list[str]:
    # The column's name keeps groups apart from image ids, which stand for pictures without a group.
    return ["" if is_absent(value) else f"{column}={value}" for value in values]


def _some(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
