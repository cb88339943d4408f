"""The charts a page can hold, as frozen data; how they are drawn is the business of `charts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

from toolkit.errors import DataError
from toolkit.report.formatting import Style, Tone

MarkKind = Literal["clean", "noisy", "estimate", "hidden"]


def _same_length(block: str, **columns: Sequence[Any]) -> None:
    lengths = {name: len(values) for name, values in columns.items() if len(values)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise DataError(f"{block} needs columns of one length, but {told}. Give one value a row in each of them.")


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, with error bars where `low` and `high` are given.

    Attributes:
        labels: One a bar.
        values: One a bar.
        low: Lower ends of the error bars, or nothing.
        high: Upper ends, or nothing.
        caption: A line above the chart.
        style: How the values are written; fractions as `percent` are drawn on an axis from 0 to 1.
        digits: Decimals; None chooses.
        tones: One a bar, or nothing.
    """

    labels: Sequence[str]
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    caption: str = ""
    style: Style = "auto"
    digits: int | None = None
    tones: Sequence[Tone] = ()
    template: ClassVar[str] = "chart.html"

    def __post_init__(self) -> None:
        _same_length("Bars", labels=self.labels, values=self.values, low=self.low, high=self.high, tones=self.tones)
        if len(self.low) != len(self.high):
            raise DataError("Bars needs both ends of the error bars: give `low` and `high`, or neither.")


@dataclass(frozen=True)
class Line:
    """One series of a line chart.

    Attributes:
        name: Shown in the legend; an empty one is left out of it.
        x: Positions.
        y: Values; the line breaks where one is not finite.
        low: Lower edge of a band around the line, or nothing.
        high: Upper edge, or nothing.
        kind: `dashed` is for references such as the diagonal of a reliability diagram, `thin` for one
            of many alike, `faint` for what stays behind these, such as pruned trials, `strong` for the one they are
            compared with; these three have no dots and colours of their own.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    kind: Literal["line", "dots", "dashed", "thin", "faint", "strong"] = "line"

    def __post_init__(self) -> None:
        _same_length(f"Line {self.name!r}", x=self.x, y=self.y, low=self.low, high=self.high)
        if len(self.low) != len(self.high):
            raise DataError(f"Line {self.name!r} needs both edges of its band: give `low` and `high`, or neither.")


@dataclass(frozen=True)
class Lines:
    """A line chart: histories, curves over severity, trials of a search, reliability.

    Attributes:
        series: The lines.
        x_label: Under the chart, with the unit.
        y_label: Above the chart, with the unit.
        caption: A line above the chart.
        log_y: Logarithmic y; values that are not positive are left out.
        log_x: The same for x.
        style: How the values are written.
        x_style: How the positions are written.
        y_range: Ends of the y axis, so that charts beside each other can be compared; None chooses.
    """

    series: Sequence[Line]
    x_label: str = ""
    y_label: str = ""
    caption: str = ""
    log_y: bool = False
    log_x: bool = False
    style: Style = "auto"
    x_style: Style = "auto"
    y_range: tuple[float, float] | None = None
    template: ClassVar[str] = "chart.html"


@dataclass(frozen=True)
class Heatmap:
    """A matrix of shaded cells: a confusion matrix, or scores by corruption and severity.

    Attributes:
        matrix: `(rows, columns)` numbers, a nested sequence or an array.
        row_labels: One a row.
        column_labels: One a column.
        row_title: What the rows are, such as "true class".
        column_title: What the columns are, such as "predicted class".
        caption: A line above the chart.
        shade: `row` shades by the share of the row's sum, with the diagonal in one colour and what lies off it in
            another, more strongly shaded one (a confusion matrix of counts); `value` shades from the smallest number
            to the largest.
        style: How the numbers are written.
        digits: Decimals; None chooses.
        fit: Widest it should be, CSS pixels: cells become smaller until it is; None leaves them.
    """

    matrix: Sequence[Sequence[float]]
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    row_title: str = ""
    column_title: str = ""
    caption: str = ""
    shade: Literal["row", "value"] = "row"
    style: Style = "auto"
    digits: int | None = None
    fit: int | None = None
    template: ClassVar[str] = "chart.html"

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.matrix}
        if len(self.matrix) != len(self.row_labels) or not widths <= {len(self.column_labels)}:
            raise DataError(
                f"Heatmap needs one label a row and column: got {len(self.row_labels)} and {len(self.column_labels)} "
                f"labels for {len(self.matrix)} rows of {sorted(widths)} columns."
            )


@dataclass(frozen=True)
class Mark:
    """One line of an `Interval`.

    Attributes:
        label: What was measured or estimated.
        values: Scores as fractions, one dot each; may be empty for a bare interval.
        low: Lower end of an interval, or None.
        high: Upper end, or None.
        kind: `estimate` shades its interval across the other marks.
        note: A line under the label.
        names: What each value is, shown when the pointer rests on its dot.
    """

    label: str
    values: Sequence[float] = ()
    low: float | None = None
    high: float | None = None
    kind: MarkKind = "clean"
    note: str = ""
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        _same_length(f"Mark {self.label!r}", values=self.values, names=self.names)
        if (self.low is None) != (self.high is None) or not (len(self.values) or self.low is not None):
            raise DataError(f"Mark {self.label!r} needs values, or both ends of an interval (`low` and `high`).")


@dataclass(frozen=True)
class Interval:
    """Local scores, the estimated hidden score and, where known, the true one on a common axis from 0 to 1.

    Attributes:
        marks: From top to bottom.
        caption: A line above the chart.
        chance: Score of guessing, drawn as a dashed line.
        digits: Decimals of the percentages.
    """

    marks: Sequence[Mark]
    caption: str = ""
    chance: float | None = None
    digits: int = 1
    template: ClassVar[str] = "chart.html"


Chart: TypeAlias = Bars | Lines | Heatmap | Interval
