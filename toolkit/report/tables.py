"""Table cells made ready for the template: text, alignment and what they sort by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from toolkit.report.blocks import Badge, Cell, Column, Link, Measure, Picture, Row, Table
from toolkit.report.formatting import Tone, column_digits, is_number, number, span

# Tables longer than this scroll in a box of their own under fixed headings.
TALL = 30
_WIDEST_WORD = 18
_PICTURE = 6  # digits that are as wide as a picture in a cell


@dataclass(frozen=True)
class CellView:
    """A cell as the template writes it.

    Attributes:
        text: What is shown, not yet escaped.
        value: What it sorts by: None for its text, an empty string for nothing (always last).
        note: The interval of a measure; an empty string keeps its place in a column of measures.
        item: The badge, link or picture behind it.
        kind: Which of these it is.
    """

    text: str
    value: str | None = None
    note: str | None = None
    item: Badge | Link | Picture | None = None
    kind: str = "text"


@dataclass(frozen=True)
class RowView:
    """A row as the template writes it."""

    cells: tuple[CellView, ...]
    tone: Tone


@dataclass(frozen=True)
class TableView:
    """A table as the template writes it.

    Attributes:
        columns: With `align` and `digits` decided.
        rows: Those that are shown.
        total: Rows there are.
        tall: Whether it scrolls in a box of its own.
        widths: Least width of each column, in digits: its words are not broken to fit a narrow page.
        notes: Least width of the intervals in each column, in digits, so that they line up.
    """

    columns: tuple[Column, ...]
    rows: tuple[RowView, ...]
    total: int
    tall: bool
    widths: tuple[int, ...]
    notes: tuple[int, ...]


def table_view(table: Table) -> TableView:
    """Format the rows of a table that are shown.

    Returns:
        What the template needs.
    """
    given = [row if isinstance(row, Row) else Row(row) for row in table.rows[: table.limit]]
    columns = tuple(
        _decide(column if isinstance(column, Column) else Column(column), [row.cells[index] for row in given])
        for index, column in enumerate(table.columns)
    )
    measured = [any(isinstance(row.cells[index], Measure) for row in given) for index in range(len(columns))]
    rows = tuple(RowView(tuple(_cells(row.cells, columns, measured)), row.tone) for row in given)
    by_column = [[row.cells[index] for row in rows] for index in range(len(columns))]
    widths = tuple(
        _longest(word for cell in cells for word in cell.text.split())
        + _PICTURE * any(cell.kind == "picture" for cell in cells)
        for cells in by_column
    )
    notes = tuple(_longest(cell.note or "" for cell in cells) for cells in by_column)
    return TableView(columns, rows, len(table.rows), len(rows) > TALL, widths, notes)


def _longest(texts: Iterable[str]) -> int:
    return min(max(map(len, texts), default=0), _WIDEST_WORD)


def _decide(column: Column, cells: Sequence[Cell]) -> Column:
    present = [cell for cell in cells if cell is not None]
    if column.align is None:
        numeric = bool(present) and all(isinstance(cell, Measure) or is_number(cell) for cell in present)
        column = replace(column, align="right" if numeric else "left")
    if column.digits is None and column.style == "auto":
        values = [(cell.value, cell.low, cell.high) if isinstance(cell, Measure) else (cell,) for cell in present]
        column = replace(column, digits=column_digits(chain.from_iterable(values)))
    return column


def _cells(cells: Sequence[Cell], columns: Sequence[Column], measured: Sequence[bool]) -> Iterator[CellView]:
    for cell, column, has_notes in zip(cells, columns, measured, strict=True):
        view = _view(cell, column)
        yield replace(view, note="") if has_notes and view.note is None else view


def _view(cell: Cell, column: Column) -> CellView:
    if isinstance(cell, str):
        return CellView(cell)
    if isinstance(cell, Badge | Link):
        return CellView(cell.text, item=cell, kind=type(cell).__name__.lower())
    if isinstance(cell, Picture):
        return CellView(cell.title, value=cell.title, item=cell, kind="picture")
    if isinstance(cell, Measure):
        shown = CellView(number(cell.value, column.style, column.digits), _sort_value(cell.value))
        return replace(shown, note=span(cell.low, cell.high, column.style, column.digits))
    return CellView(number(cell, column.style, column.digits), _sort_value(cell))


def _sort_value(cell: float | bool | None) -> str:
    if cell is None or cell != cell:  # NaN is the only number that differs from itself
        return ""
    return repr(float(cell))
