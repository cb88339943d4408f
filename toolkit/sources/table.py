"""A CSV as text, however it was written."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError, MissingFileError


@dataclass(frozen=True)
class Table:
    """A CSV; every cell is text, so that labels like `01` survive.

    Attributes:
        path: The file.
        columns: n values by column name.
        rows: Line of the file on which each row begins, `(n,)`.
    """

    path: Path
    columns: dict[str, list[str]]
    rows: list[int]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[str]:
        """Values of a column.

        Raises:
            DataError: There is none; the nearest is named.
        """
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise DataError(
                f"{self.path} has no column {name!r}{hint} Its columns are {', '.join(map(repr, self.columns))}."
            )
        return self.columns[name]

    def guess_all(self, names: Sequence[str], taken: Collection[str | None] = ()) -> list[str]:
        """Columns that bear one of these names, capitals and punctuation aside, in the order of the names."""
        plain = {_plain(column): column for column in reversed(self.columns) if column not in taken}
        return [plain[_plain(name)] for name in names if _plain(name) in plain]

    def guess(self, names: Sequence[str], taken: Collection[str | None] = ()) -> str | None:
        """The first of `guess_all`."""
        return next(iter(self.guess_all(names, taken)), None)


def read_table(path: Path) -> Table:
    """Read a CSV: commas, semicolons or tabs; UTF-8 or UTF-16 with BOM, UTF-8 without, else Latin-1.

    Raises:
        MissingFileError: There is no such file.
        DataError: No rows, doubled columns, or rows of other lengths than the header.
    """
    text = _decode(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=lambda mark: len(next(csv.reader([header], delimiter=mark), [])))
    records, numbers, previous = [], [], 0
    # Lines are left to the reader: cells may hold line breaks, and splitlines() knows more of them than CSV does.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                records.append([cell.strip() for cell in record])
                numbers.append(previous + 1)
            previous = reader.line_num
    except csv.Error as error:
        raise DataError(
            f"{path}: the row that begins on line {previous + 1} cannot be read ({error}). Check it for a quotation "
            "mark that is not closed."
        ) from error
    if len(records) < 2:
        raise DataError(f"{path} holds no rows below its header. Expected one row a picture.")
    for number, record in zip(numbers, records, strict=True):
        if len(record) != len(records[0]):
            raise DataError(
                f"{path}: row {number} has {len(record)} cells, but the header has {len(records[0])}. Check that row "
                "for a missing or additional separator or quotation mark."
            )
    columns: dict[str, list[str]] = {}
    for name, *values in zip(*records, strict=True):
        if not name and not any(values):
            continue  # spreadsheets write separators for columns that were once in use
        if name in columns:
            raise DataError(f"{path} has the column {name!r} more than once. Every column needs its own name.")
        columns[name] = values
    return Table(path, columns, numbers[1:])


def _decode(path: Path) -> str:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise MissingFileError(f"There is no CSV at {path}. Set `data.source` to an existing file.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    try:
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\x00" in text:
        raise DataError(f"{path} is no text file. Expected a CSV with a header line and one row a picture.")
    return text


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
