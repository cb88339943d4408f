"""What a page is made of: frozen blocks that know nothing of the step that fills them and nothing of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from toolkit.errors import DataError
from toolkit.report.chart_blocks import Chart
from toolkit.report.formatting import Style, Tone
from toolkit.report.search_blocks import SearchChart


@dataclass(frozen=True)
class Badge:
    """A short word in a coloured frame, in a table cell or under a picture."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Link:
    """A link to a file beside the page.

    Attributes:
        text: What is shown.
        path: Relative path as the file system writes it, with `/` between folders and nothing percent-encoded.
            Web addresses cannot be expressed: pages work without a network.
    """

    text: str
    path: str


@dataclass(frozen=True)
class Measure:
    """A measured value with its interval, for a table cell.

    Attributes:
        value: The measurement.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Picture:
    """A picture with words.

    Attributes:
        image: `data:image/jpeg;base64,…` or `data:image/png;base64,…` (see `thumbnail`), or the bytes of such a file.
        title: Usually the image id.
        caption: A line under the title.
        badges: Labels, scores, reasons.
    """

    image: str | bytes
    title: str = ""
    caption: str = ""
    badges: Sequence[Badge] = ()


@dataclass(frozen=True)
class PictureGroup:
    """Pictures that belong side by side, such as a group of duplicates."""

    pictures: Sequence[Picture]
    title: str = ""
    note: str = ""
    badges: Sequence[Badge] = ()


@dataclass(frozen=True)
class Gallery:
    """Pictures in a grid, or groups of pictures side by side.

    Attributes:
        items: Pictures and groups, shown in this order.
        caption: A line under the gallery.
        size: Side of the square a picture is fitted into, CSS pixels.
        limit: Items shown; None shows all.
        rest: Which file holds all of them, named where `limit` cuts.
        empty: What is said when there is nothing to show.
    """

    items: Sequence[Picture | PictureGroup]
    caption: str = ""
    size: int = 96
    limit: int | None = 500
    rest: str = ""
    empty: str = "No pictures."
    template: ClassVar[str] = "gallery.html"


@dataclass(frozen=True)
class Figure:
    """One number worth a tile.

    Attributes:
        label: What it is.
        value: The number, or text that is shown as it is.
        note: A line under it.
        tone: Colour.
        style: How the number is written.
        digits: Decimals; None chooses.
    """

    label: str
    value: str | float | None
    note: str = ""
    tone: Tone = "plain"
    style: Style = "auto"
    digits: int | None = None


@dataclass(frozen=True)
class Figures:
    """A row of tiles."""

    items: Sequence[Figure]
    template: ClassVar[str] = "figures.html"


Cell: TypeAlias = str | float | bool | Measure | Badge | Link | Picture | None


@dataclass(frozen=True)
class Column:
    """How a table column is headed and written.

    Attributes:
        name: Heading.
        style: How its numbers are written.
        digits: Decimals; None chooses one number of decimals for the whole column.
        align: None puts columns of numbers right, others left.
        note: Explanation shown when the pointer rests on the heading.
    """

    name: str
    style: Style = "auto"
    digits: int | None = None
    align: Literal["left", "right"] | None = None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A table row with a tone."""

    cells: Sequence[Cell]
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    """A table; a click on a heading sorts it.

    Attributes:
        columns: Columns, or just their headings.
        rows: One cell a column; `Row` where a row has a tone.
        caption: A line above the table.
        sortable: Whether headings sort.
        limit: Rows shown; None shows all.
        rest: Which file holds all of them, named where `limit` cuts.
        empty: What is said when there are no rows.
    """

    columns: Sequence[Column | str]
    rows: Sequence[Row | Sequence[Cell]]
    caption: str = ""
    sortable: bool = True
    limit: int | None = 1000
    rest: str = ""
    empty: str = "No rows."
    template: ClassVar[str] = "table.html"

    def __post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            cells = row.cells if isinstance(row, Row) else row
            if len(cells) != len(self.columns):
                raise DataError(
                    f"Row {index} of table {self.caption!r} has {len(cells)} cells, but there are {len(self.columns)} "
                    "columns. Give one cell a column; None leaves it empty."
                )


@dataclass(frozen=True)
class Note:
    """A paragraph that stands out; text in `backticks` is set as code."""

    text: str
    tone: Tone = "plain"
    template: ClassVar[str] = "note.html"


@dataclass(frozen=True)
class Code:
    """Commands or other text to copy."""

    text: str
    caption: str = ""
    template: ClassVar[str] = "code.html"


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away until asked for."""

    summary: str
    blocks: Sequence[Block]
    open: bool = False
    template: ClassVar[str] = "details.html"


@dataclass(frozen=True)
class Beside:
    """Blocks next to each other where the page is wide enough, to be compared.

    Attributes:
        blocks: From left to right.
        width: Least width of each, CSS pixels; what does not fit goes below.
    """

    blocks: Sequence[Block]
    width: int = 440
    template: ClassVar[str] = "beside.html"


Block: TypeAlias = Figures | Table | Gallery | Chart | SearchChart | Note | Code | Details | Beside


@dataclass(frozen=True)
class Section:
    """A titled part of a page.

    Attributes:
        title: Heading.
        text: Paragraphs, an empty line between them; text in `backticks` is set as code.
        blocks: From top to bottom.
    """

    title: str
    text: str = ""
    blocks: Sequence[Block] = ()
