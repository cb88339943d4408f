"""Self-contained HTML pages: blocks that a step fills, and the index of a project."""

from toolkit.report.blocks import (
    Badge,
    Beside,
    Block,
    Cell,
    Code,
    Column,
    Details,
    Figure,
    Figures,
    Gallery,
    Link,
    Measure,
    Note,
    Picture,
    PictureGroup,
    Row,
    Section,
    Table,
)
from toolkit.report.chart_blocks import Bars, Heatmap, Interval, Line, Lines, Mark
from toolkit.report.formatting import Style, Tone, number
from toolkit.report.index import RunSummary, write_index
from toolkit.report.page import Page, render, write_page
from toolkit.report.review import Finding, Flagged, Review, write_review
from toolkit.report.search_blocks import Axis, Curve, Field, Parallel, Slices
from toolkit.report.sprites import Sprites, write_sprites
from toolkit.report.thumbnails import thumbnail

__all__ = [
    "Axis",
    "Badge",
    "Bars",
    "Beside",
    "Block",
    "Cell",
    "Code",
    "Column",
    "Curve",
    "Details",
    "Field",
    "Figure",
    "Figures",
    "Finding",
    "Flagged",
    "Gallery",
    "Heatmap",
    "Interval",
    "Line",
    "Lines",
    "Link",
    "Mark",
    "Measure",
    "Note",
    "Page",
    "Parallel",
    "Picture",
    "PictureGroup",
    "Review",
    "Row",
    "RunSummary",
    "Section",
    "Slices",
    "Sprites",
    "Style",
    "Table",
    "Tone",
    "number",
    "render",
    "thumbnail",
    "write_index",
    "write_page",
    "write_review",
    "write_sprites",
]
