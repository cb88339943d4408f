"""Charts of a search, as frozen data: parallel coordinates, slices, and a field over two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from toolkit.errors import DataError
from toolkit.report.formatting import Style

Value: TypeAlias = str | float | None


@dataclass(frozen=True)
class Axis:
    """One dimension with its value in each trial.

    Attributes:
        name: Of the dimension.
        values: One a trial: all numbers, or all texts (choices); None where the trial does not have the dimension.
        log: Logarithmic.
        order: Texts in their order; those of `values` as they occur where empty.
    """

    name: str
    values: Sequence[Value]
    log: bool = False
    order: Sequence[str] = ()

    @property
    def categories(self) -> list[str] | None:
        """Texts in their order, None on an axis of numbers."""
        present = [value for value in self.values if value is not None]
        if not self.order and not any(isinstance(value, str) for value in present):
            return None
        return list(dict.fromkeys([*self.order, *(str(value) for value in present)]))


@dataclass(frozen=True)
class Curve:
    """A curve over an axis, such as a marginal.

    Attributes:
        x: Values of the axis.
        y: Height at each.
        sd: Half the width of the band at each, or nothing.
    """

    x: Sequence[str | float]
    y: Sequence[float]
    sd: Sequence[float] = ()


@dataclass(frozen=True)
class Parallel:
    """Parallel coordinates: one line a trial through its value on each axis; the better, the stronger.

    Attributes:
        axes: From left to right; the score is drawn as a further axis at the right.
        scores: One a trial; trials without a finite one are left out.
        score_name: Its heading.
        minimize: Whether less is better.
        caption: A line above the chart.
        style: How scores are written.
    """

    axes: Sequence[Axis]
    scores: Sequence[float]
    score_name: str = "score"
    minimize: bool = False
    caption: str = ""
    style: Style = "auto"
    template: ClassVar[str] = "chart.html"

    def __post_init__(self) -> None:
        _check("Parallel", self.axes, self.scores)


@dataclass(frozen=True)
class Slices:
    """The score over each dimension, side by side; a dot a trial, later ones stronger.

    Attributes:
        axes: One panel each.
        scores: One a trial.
        curves: One an axis or None, such as the marginal of a model; may be empty.
        score_name: Its heading.
        caption: A line above the chart.
        style: How scores are written.
    """

    axes: Sequence[Axis]
    scores: Sequence[float]
    curves: Sequence[Curve | None] = ()
    score_name: str = "score"
    caption: str = ""
    style: Style = "auto"
    template: ClassVar[str] = "chart.html"

    def __post_init__(self) -> None:
        _check("Slices", self.axes, self.scores)
        if self.curves and len(self.curves) != len(self.axes):
            raise DataError(f"Slices needs one curve an axis: {len(self.axes)} axes, {len(self.curves)} curves.")


@dataclass(frozen=True)
class Field:
    """A shaded plane over two dimensions with contours, and the trials as dots on it.

    Attributes:
        x: Horizontal dimension of the trials.
        y: Vertical dimension.
        scores: One a trial, shown when the pointer rests on its dot.
        x_grid: Values of x at the columns of `heights`.
        y_grid: Values of y at its rows.
        heights: `(rows, columns)` numbers, the first row at the bottom.
        caption: A line above the chart.
        style: How heights are written.
    """

    x: Axis
    y: Axis
    scores: Sequence[float]
    x_grid: Sequence[str | float]
    y_grid: Sequence[str | float]
    heights: Sequence[Sequence[float]]
    caption: str = ""
    style: Style = "auto"
    template: ClassVar[str] = "chart.html"

    def __post_init__(self) -> None:
        _check("Field", [self.x, self.y], self.scores)
        if len(self.heights) != len(self.y_grid) or {len(row) for row in self.heights} > {len(self.x_grid)}:
            raise DataError(
                f"Field needs a height at each of {len(self.y_grid)} rows and {len(self.x_grid)} columns; got "
                f"{len(self.heights)} rows of {sorted({len(row) for row in self.heights})}."
            )


SearchChart: TypeAlias = Parallel | Slices | Field


def _check(block: str, axes: Sequence[Axis], scores: Sequence[float]) -> None:
    for axis in axes:
        if len(axis.values) != len(scores):
            raise DataError(
                f"{block} needs one value a trial: axis {axis.name!r} has {len(axis.values)}, but there are "
                f"{len(scores)} scores."
            )
