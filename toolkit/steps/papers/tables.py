"""Tables of text, as a report prints them, and the published ones to stand beside ours."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict

from toolkit.errors import ConfigError
from toolkit.report import Block, Section, Table

METHODS = ("an2dl", "kasuri", "four_methods", "unfreeze", "tinyvgg")


class TextTable(BaseModel):
    """A table whose cells are finished text.

    Attributes:
        title: Above the table.
        columns: Headings.
        rows: One cell a column.
        note: Below the table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """As GitHub shows it."""
        lines = [f"**{self.title}**", ""] if self.title else []
        lines += [_line(self.columns), _line("---" for _ in self.columns), *map(_line, self.rows)]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])

    def block(self) -> Table:
        """For a page."""
        return Table(list(self.columns), [list(row) for row in self.rows], caption=self.title, sortable=False)


class Part(BaseModel):
    """A part of the document: a heading, a paragraph, tables.

    Attributes:
        title: Heading.
        text: Paragraph below it.
        tables: From top to bottom.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    text: str = ""
    tables: tuple[TextTable, ...] = ()

    def markdown(self) -> str:
        """As GitHub shows it."""
        return "\n\n".join([f"## {self.title}", *filter(None, [self.text]), *(one.markdown() for one in self.tables)])

    def section(self, charts: Sequence[Block] = ()) -> Section:
        """For a page, with charts below the tables."""
        notes = "\n\n".join(one.note for one in self.tables if one.note)
        text = "\n\n".join(filter(None, [self.text, notes]))
        return Section(self.title, text, [*(one.block() for one in self.tables), *charts])


class Published(BaseModel):
    """What a report printed.

    Attributes:
        report: Letter and short name.
        citation: Authors, title, place.
        data: What it was measured on.
        remarks: What a reader should know of its figures.
        tables: By name.
        figures: Single numbers by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: str
    citation: str
    data: str
    remarks: str
    tables: dict[str, TextTable]
    figures: dict[str, float] = {}


@functools.cache
def published(method: str) -> Published:
    """The published figures of a report, from the package's own data.

    Raises:
        ConfigError: There is no such report.
    """
    if method not in METHODS:
        raise ConfigError(f"There is no report {method!r}; known: {', '.join(METHODS)}.")
    text = resources.files(__package__).joinpath("published", f"{method}.yaml").read_text(encoding="utf-8")
    return Published.model_validate(yaml.safe_load(text))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> TextTable:
    """A table of anything that has a text; None is a dash."""
    texts = tuple(tuple(cell_text(value) for value in row) for row in rows)
    return TextTable(title=title, columns=tuple(columns), rows=texts, note=note)


def cell_text(value: object) -> str:
    """A cell: numbers with four significant digits, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def percent(value: float, digits: int = 1) -> str:
    """`0.9312` as `93.1`, without the sign: the heading says %."""
    return f"{100 * value:.{digits}f}"


def mean_sd(values: Sequence[float], digits: int = 1) -> str:
    """Mean ± standard deviation (n − 1) in per cent; a single value has none."""
    from toolkit.tuning.objective import spread

    mean = percent(sum(values) / len(values), digits)
    return f"{mean} ± {percent(spread(values), digits)}" if len(values) > 1 else mean


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
