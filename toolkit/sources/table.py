"""A CSV with one row a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import UNLABELLED, Manifest
from toolkit.sources.files import Resolver, is_image
from toolkit.sources.labels import check_present, index_labels, is_absent, nearest_column

# Names by which columns are recognised where the config names none, the likeliest first.
ID_NAMES = ("image_id", "id", "image", "img_id", "filename", "file_name", "file", "name", "path", "filepath")
PATH_NAMES = ("path", "filepath", "file_path", "image_path", "filename", "file_name", "file")
LABEL_NAMES = ("label", "class", "target", "category", "label_id", "class_id", "labels", "class_name", "diagnosis", "y")
GROUP_NAMES = ("group", "group_id", "patient", "patient_id", "slide", "slide_id", "video", "video_id", "subject")


@dataclass(frozen=True)
class Table:
    """A CSV as text.

    Attributes:
        path: The file.
        columns: Values by column name, all texts of one length.
    """

    path: Path
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def column(self, name: str) -> list[str]:
        """Values of a column.

        Raises:
            DataError: There is none; the nearest is named.
        """
        if name not in self.columns:
            raise nearest_column(name, list(self.columns), self.path)
        return self.columns[name]

    def guess(self, names: Sequence[str]) -> str | None:
        """The first column that bears one of these names, capitals aside."""
        lower = {column.lower().strip(): column for column in self.columns}
        return next((lower[name] for name in names if name in lower), None)


def read_table(path: Path) -> Table:
    """Read a CSV: commas, semicolons or tabs; UTF-8 with or without BOM, else Latin-1; everything stays text.

    Raises:
        MissingFileError: There is no such file.
        DataError: No rows, doubled columns, or rows of other lengths than the header.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise MissingFileError(f"There is no CSV at {path}. Set `data.source` to an existing file.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\x00" in text:
        raise DataError(f"{path} is no text file. Expected a CSV with a header line and one row a picture.")
    lines = text.splitlines()
    header = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=header.count)
    rows = [row for row in csv.reader(lines, delimiter=separator) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise DataError(f"{path} holds no rows below its header. Expected one row a picture.")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) != len(names):
        doubled = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{path} has the column {doubled[0]!r} more than once. Every column needs its own name.")
    uneven = [number for number, row in enumerate(rows[1:], start=2) if len(row) != len(names)]
    if uneven:
        raise DataError(
            f"{path}: row {uneven[0]} has {len(rows[uneven[0] - 1])} cells, but the header has {len(names)}. Check "
            "that row for a missing or additional separator or quotation mark."
        )
    columns = {name: [row[index].strip() for row in rows[1:]] for index, name in enumerate(names)}
    return Table(path, columns)


def read_csv(
    path: Path,
    *,
    images: Path | None = None,
    id_column: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    classes: Sequence[str] | None = None,
    labelled: bool = True,
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
        labelled: Whether every row must have a label.

    Raises:
        DataError: Unknown columns, doubled ids, absent labels, paths outside the folder.
        MissingFileError: The CSV or pictures are missing.
    """
    table = read_table(path)
    ids, paths = id_and_path_columns(table, id_column, path_column)
    names = table.column(ids)
    root = path.parent if images is None else images
    files = Resolver(root, path).resolve(table.column(paths))
    label = label_column or table.guess(LABEL_NAMES)
    if label_column is not None and labelled:
        table.column(label_column)
    groups = None if group_column is None else _groups(table.column(group_column), group_column)
    if label is None or label not in table.columns:
        if labelled:
            raise DataError(
                f"{path} has no column that looks like labels; its columns are {', '.join(table.columns)}. Name it in "
                "`data.label_column`."
            )
        return Manifest.build(root, classes or (), names, files, None, groups)
    texts = table.column(label)
    where = f"column {label!r} of {path}"
    if labelled:
        check_present(texts, where, first_row=2)
    if not labelled and any(is_absent(text) for text in texts):
        return Manifest.build(root, classes or (), names, files, [UNLABELLED] * len(names), groups)
    indices, found = index_labels(texts, classes, where)
    return Manifest.build(root, found, names, files, indices, groups)


def id_and_path_columns(table: Table, id_column: str | None, path_column: str | None) -> tuple[str, str]:
    """The columns of ids and of paths; the same one where a table has no other.

    Raises:
        DataError: Neither is named or recognised.
    """
    for name in (id_column, path_column):
        if name is not None:
            table.column(name)
    ids = id_column or table.guess(ID_NAMES)
    paths = path_column or table.guess(PATH_NAMES)
    if ids is None and paths is None:
        likely = [name for name, values in table.columns.items() if all(is_image(value) for value in values)]
        if not likely:
            raise DataError(
                f"{table.path} has no column that looks like picture ids or paths; its columns are "
                f"{', '.join(table.columns)}. Name one in `data.id_column` or `data.path_column`."
            )
        ids = likely[0]
    first = ids or paths or ""
    return first, paths or first


def _groups(values: Sequence[str], column: str) -> list[str]:
    # The column's name keeps groups apart from image ids, which stand for pictures without a group.
    return ["" if is_absent(value) else f"{column}={value}" for value in values]
