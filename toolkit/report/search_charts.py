"""Parallel coordinates, slices and fields as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup

from toolkit.report.formatting import number
from toolkit.report.search_blocks import Axis, Curve, Field, Parallel, SearchChart, Slices, Value
from toolkit.report.svg import Scale, join, percent, tag

_UNIT = 1000
_BANDS = 8
_FAINTEST, _STRONGEST = 0.12, 0.95
_MOST_TICKS = 5
_LONGEST = 14


def draw_search(block: SearchChart) -> Markup:
    """Draw a chart of a search; HTML with inline SVG, all text escaped."""
    if isinstance(block, Parallel):
        return _parallel(block)
    return _slices(block) if isinstance(block, Slices) else _field(block)


class _Place:
    """Where the values of an axis lie, 0–1, and its ticks."""

    def __init__(self, axis: Axis, further: Sequence[Value] = ()) -> None:
        self.categories = axis.categories
        numbers = [float(v) for v in (*axis.values, *further) if v is not None and not isinstance(v, str)]
        self.whole = bool(numbers) and all(value.is_integer() for value in numbers)
        self.scale = Scale.around(numbers, log=axis.log, room=False, count=3)

    def at(self, value: Value) -> float:
        """NaN for what the trial does not have."""
        if value is None:
            return math.nan
        if self.categories is not None:
            return (self.categories.index(str(value)) + 0.5) / len(self.categories)
        return self.scale.at(float(value))

    def ticks(self) -> list[tuple[float, str]]:
        if self.categories is not None:
            every = max(1, math.ceil(len(self.categories) / _MOST_TICKS))
            return [(self.at(text), _short(text)) for text in self.categories[::every]]
        ticks = self.scale.ticks(count=3, whole=self.whole)
        every = max(1, math.ceil(len(ticks) / _MOST_TICKS))
        return [(self.scale.at(value), text) for value, text in ticks[::every]]


def _parallel(block: Parallel) -> Markup:
    kept = [index for index, score in enumerate(block.scores) if math.isfinite(score)]
    if not kept or not block.axes:
        return tag("p", "Nothing to show.", class_="empty")
    axes = [Axis(a.name, [a.values[i] for i in kept], a.log, a.order) for a in block.axes]
    scores = [block.scores[i] for i in kept]
    axes.append(Axis(block.score_name, scores))
    places = [_Place(axis) for axis in axes]
    xs = [index / (len(axes) - 1) for index in range(len(axes))]
    worth = _worth(scores, minimize=block.minimize)
    lines = []
    for row in sorted(range(len(scores)), key=lambda row: worth[row]):  # the best are drawn last, on top
        points = [(x, 1 - place.at(axis.values[row])) for x, place, axis in zip(xs, places, axes, strict=True)]
        told = f"trial {kept[row]}: {block.score_name} {number(scores[row], block.style)}"
        best = worth[row] == 1
        lines.append(tag("path", tag("title", told), class_="line s2" if best else "line s1", d=_broken(points),
                         stroke_opacity=round(_strength(worth[row]), 3)))  # fmt: skip
    parts = [tag("svg", join(lines), viewBox=f"0 0 {_UNIT} {_UNIT}", preserveAspectRatio="none", class_="stretch",
                 width="100%", height="100%")]  # fmt: skip
    for index, (x, place, axis) in enumerate(zip(xs, places, axes, strict=True)):
        last = index == len(axes) - 1
        parts.append(tag("line", class_="axis", x1=percent(x), x2=percent(x), y1="0", y2="100%"))
        # Names stand at two heights in turn, so that neighbours do not run into each other.
        parts.append(tag("text", _short(axis.name, 24), tag("title", axis.name), class_="axis-title", x=percent(x),
                         y=-26 if index % 2 else -10, text_anchor=_anchor(x)))  # fmt: skip
        for at, text in place.ticks():
            parts.append(tag("text", text, class_="on-lines", x=percent(x), dx=6 if not last else -6, y=percent(1 - at),
                             dy="0.35em", text_anchor="end" if last else "start"))  # fmt: skip
    told = f"Parallel coordinates of {len(kept)} trials: {', '.join(axis.name for axis in axes)}"
    picture = tag("svg", join(parts), class_="plot", role="img", aria_label=told)
    return tag("div", tag("div", picture, class_="parallel", style=f"--n:{len(axes)}"), class_="scroll")


def _slices(block: Slices) -> Markup:
    curves = block.curves or [None] * len(block.axes)
    if not block.axes:
        return tag("p", "Nothing to show.", class_="empty")
    heights = [score for score in block.scores if math.isfinite(score)]
    edges = [y + s for c in curves if c for y, sd in zip(c.y, c.sd or [0.0] * len(c.y), strict=True) for s in (-sd, sd)]
    y_scale = Scale.around([*heights, *edges], count=4)
    panels = [_panel(block, axis, curve, y_scale) for axis, curve in zip(block.axes, curves, strict=True)]
    return tag("div", join(panels), class_="slices")


def _panel(block: Slices, axis: Axis, curve: Curve | None, y_scale: Scale) -> Markup:
    place = _Place(axis, curve.x if curve and axis.categories is None else ())
    parts: list[Markup] = []
    for tick, text in y_scale.ticks(block.style, count=4):
        height = percent(1 - y_scale.at(tick))
        parts += [tag("line", class_="grid", x1="0", x2="100%", y1=height, y2=height),
                  tag("text", text, x=-6, y=height, dy="0.35em", text_anchor="end")]  # fmt: skip
    parts += _x_ticks(place)
    if curve:
        parts.append(_curve(curve, place, y_scale))
    total = max(1, len(block.scores) - 1)
    for index, (value, score) in enumerate(zip(axis.values, block.scores, strict=True)):
        x, y = place.at(value), y_scale.at(score) if math.isfinite(score) else math.nan
        if math.isfinite(x) and math.isfinite(y):
            told = f"trial {index}: {axis.name} {_told(value)}, {block.score_name} {number(score, block.style)}"
            parts.append(tag("circle", tag("title", told), class_="dot s1", cx=percent(x), cy=percent(1 - y), r=3,
                             fill_opacity=round(0.25 + 0.7 * index / total, 2)))  # fmt: skip
    label = f"{block.score_name} over {axis.name}"
    picture = tag("svg", join(parts), class_="plot", role="img", aria_label=label)
    return tag("div", tag("div", axis.name, class_="slice-name"), picture, class_="slice")


def _curve(curve: Curve, place: _Place, y_scale: Scale) -> Markup:
    xs = [place.at(value) for value in curve.x]
    parts = []
    if len(curve.sd):
        top = [(x, 1 - y_scale.at(y + sd)) for x, y, sd in zip(xs, curve.y, curve.sd, strict=True)]
        low = [(x, 1 - y_scale.at(y - sd)) for x, y, sd in zip(xs, curve.y, curve.sd, strict=True)]
        parts.append(tag("path", class_="band s2", d=_broken([*top, *reversed(low)]) + "Z"))
    parts.append(
        tag("path", class_="line s2", d=_broken([(x, 1 - y_scale.at(y)) for x, y in zip(xs, curve.y, strict=True)]))
    )
    return tag("svg", join(parts), viewBox=f"0 0 {_UNIT} {_UNIT}", preserveAspectRatio="none", class_="stretch",
               width="100%", height="100%")  # fmt: skip


def _field(block: Field) -> Markup:
    columns, rows = _Place(block.x, block.x_grid), _Place(block.y, block.y_grid)
    finite = [height for row in block.heights for height in row if math.isfinite(height)]
    if not finite:
        return tag("p", "Nothing to show.", class_="empty")
    low, high = min(finite), max(finite)
    across, up = _edges([columns.at(x) for x in block.x_grid]), _edges([rows.at(y) for y in block.y_grid])
    parts: list[Markup] = []
    for i, row in enumerate(block.heights):
        for j, height in enumerate(row):
            share = (height - low) / (high - low) if high > low else 0.5
            # Steps of shade make the contours.
            band = min(_BANDS - 1, math.floor(share * _BANDS)) / (_BANDS - 1)
            told = f"{block.x.name} {_told(block.x_grid[j])}, {block.y.name} {_told(block.y_grid[i])}: "
            parts.append(tag("rect", tag("title", told + number(height, block.style)), class_="level",
                             x=percent(across[j]), width=percent(across[j + 1] - across[j]), y=percent(1 - up[i + 1]),
                             height=percent(up[i + 1] - up[i]), fill_opacity=round(0.05 + 0.85 * band, 3)))  # fmt: skip
    parts += _x_ticks(columns)
    for at, text in rows.ticks():
        parts.append(tag("text", text, x=-8, y=percent(1 - at), dy="0.35em", text_anchor="end"))
    for index, score in enumerate(block.scores):
        x, y = columns.at(block.x.values[index]), rows.at(block.y.values[index])
        if math.isfinite(x) and math.isfinite(y):
            told = f"trial {index}: {number(score, block.style)}"
            parts.append(tag("circle", tag("title", told), class_="trial", cx=percent(x), cy=percent(1 - y), r=3.5))
    key = tag(
        "div", f"from {number(low, block.style)} (pale) to {number(high, block.style)} (strong)", class_="x-label"
    )
    picture = tag("svg", join(parts), class_="plot", role="img", aria_label=f"{block.y.name} over {block.x.name}")
    return tag("div", tag("div", block.y.name, class_="y-label"), picture,
               tag("div", block.x.name, class_="x-label"), key, class_="lines field")  # fmt: skip


def _x_ticks(place: _Place) -> Iterator[Markup]:
    yield tag("line", class_="axis", x1="0", x2="100%", y1="100%", y2="100%")
    for at, text in place.ticks():
        yield tag("text", text, x=percent(at), y="100%", dy="1.5em", text_anchor=_anchor(at))


def _edges(middles: Sequence[float]) -> list[float]:
    """Borders between neighbouring middles; the outermost reach the ends of the axis."""
    return [0.0, *((a + b) / 2 for a, b in pairwise(middles)), 1.0]


def _worth(scores: Sequence[float], *, minimize: bool) -> list[float]:
    """Rank of each score, 0 for the worst and 1 for the best: outliers must not make all others alike."""
    order = sorted(range(len(scores)), key=lambda row: -scores[row] if minimize else scores[row])
    worth = [0.0] * len(scores)
    for rank, row in enumerate(order):
        worth[row] = rank / (len(scores) - 1) if len(scores) > 1 else 1.0
    return worth


def _strength(worth: float) -> float:
    return _FAINTEST + (_STRONGEST - _FAINTEST) * worth**2


def _broken(points: Sequence[tuple[float, float]]) -> str:
    """A path through the points, interrupted where one is not finite."""
    steps: list[str] = []
    pen_down = False
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            steps.append(f"{'L' if pen_down else 'M'}{_UNIT * x:.1f} {_UNIT * y:.1f}")
        pen_down = math.isfinite(x) and math.isfinite(y)
    return "".join(steps)


def _anchor(at: float) -> str:
    return "start" if at < 0.04 else "end" if at > 0.96 else "middle"


def _short(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _told(value: Value) -> str:
    return value if isinstance(value, str) else number(value)
