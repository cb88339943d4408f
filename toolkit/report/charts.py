"""Bar and line charts as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain

from markupsafe import Markup

from toolkit.report.chart_blocks import Bars, Chart, Heatmap, Interval, Line, Lines
from toolkit.report.formatting import column_digits, number, span
from toolkit.report.heatmap import heatmap
from toolkit.report.interval import interval
from toolkit.report.search_blocks import SearchChart
from toolkit.report.search_charts import draw_search
from toolkit.report.svg import Scale, join, percent, tag

COLOURS = 6
# Lines with more points than this show no dots of their own.
_MOST_DOTS = 60
_UNIT = 1000
_CROWD = {"thin": "s1 thin", "faint": "s6 faint", "strong": "s2"}


def draw(block: Chart | SearchChart) -> Markup:
    """Draw a chart block.

    Returns:
        HTML with inline SVG, all text escaped.
    """
    if isinstance(block, Bars):
        return bars(block)
    if isinstance(block, Lines):
        return lines(block)
    if isinstance(block, Heatmap):
        return heatmap(block)
    if isinstance(block, Interval):
        return interval(block)
    if isinstance(block, SearchChart):
        return draw_search(block)
    raise TypeError(
        f"{type(block).__name__} is no chart: expected Bars, Lines, Heatmap, Interval, Parallel, Slices or Field."
    )


def bars(block: Bars) -> Markup:
    """Draw horizontal bars with labels left and values right."""
    shown = [float(value) for value in chain(block.values, block.low, block.high) if math.isfinite(value)]
    if block.style == "percent" and all(0 <= value <= 1 for value in shown):
        scale = Scale(0.0, 1.0)
    else:
        low, high = min([0.0, *shown]), max([0.0, *shown])
        scale = Scale(low, high if high > low else low + 1.0)
    digits = column_digits(block.values) if block.digits is None and block.style == "auto" else block.digits
    return tag("div", join(_bar_rows(block, scale, digits)), class_="bars")


def _bar_rows(block: Bars, scale: Scale, digits: int | None) -> Iterator[Markup]:
    zero = scale.at(0.0)
    for index, (label, value) in enumerate(zip(block.labels, block.values, strict=True)):
        tone = block.tones[index] if len(block.tones) else "plain"
        parts = [tag("rect", class_="track", width="100%", height="100%", rx=2)]
        at = scale.at(value)
        if math.isfinite(at):
            parts.append(tag("rect", class_=f"bar tone-{tone}", x=percent(min(at, zero)), width=percent(abs(at - zero)),
                             height="100%", rx=2))  # fmt: skip
        told = number(value, block.style, digits)
        if len(block.low) and math.isfinite(block.low[index]) and math.isfinite(block.high[index]):
            parts += _whisker(scale.at(block.low[index]), scale.at(block.high[index]))
            told += f" ({span(block.low[index], block.high[index], block.style, digits)})"
        parts.append(tag("title", f"{label}: {told}"))
        yield tag("span", label, class_="bar-label")
        yield tag("svg", join(parts), class_="bar-track", aria_hidden="true")
        yield tag("span", number(value, block.style, digits), class_="bar-value")


def _whisker(low: float, high: float) -> list[Markup]:
    return [
        tag("line", class_="whisker", x1=percent(low), x2=percent(high), y1="50%", y2="50%"),
        *(tag("line", class_="whisker", x1=percent(x), x2=percent(x), y1="25%", y2="75%") for x in (low, high)),
    ]


def lines(block: Lines) -> Markup:
    """Draw lines over a grid with round ticks, legend above."""
    x_scale = Scale.around(chain.from_iterable(line.x for line in block.series), log=block.log_x, room=False)
    if block.y_range:
        y_scale = Scale(*block.y_range, log=block.log_y)
    else:
        y_scale = Scale.around(chain.from_iterable((*s.y, *s.low, *s.high) for s in block.series), log=block.log_y)
    whole = all(float(value).is_integer() for line in block.series for value in line.x)
    parts = [*_grid(x_scale, y_scale, block, whole)]
    for index, line in enumerate(block.series):
        parts += _series(line, index, x_scale, y_scale, block)
    named = [(index, line) for index, line in enumerate(block.series) if line.name]
    legend = join(tag("span", _swatch(line, index), line.name) for index, line in named)
    told = ", ".join(line.name for _, line in named) or "values"
    picture = tag("svg", join(parts), class_="plot", role="img",
                  aria_label=f"{block.y_label or 'y'} over {block.x_label or 'x'}: {told}")  # fmt: skip
    return tag(
        "div",
        tag("div", legend, class_="legend") if named else None,
        tag("div", block.y_label, class_="y-label") if block.y_label else None,
        picture,
        tag("div", block.x_label, class_="x-label") if block.x_label else None,
        class_="lines",
    )


def _grid(x_scale: Scale, y_scale: Scale, block: Lines, whole: bool) -> Iterator[Markup]:
    for value, text in y_scale.ticks(block.style):
        y = percent(1 - y_scale.at(value))
        yield tag("line", class_="grid", x1="0", x2="100%", y1=y, y2=y)
        yield tag("text", text, x=-8, y=y, dy="0.35em", text_anchor="end")
    yield tag("line", class_="axis", x1="0", x2="100%", y1="100%", y2="100%")
    for value, text in x_scale.ticks(block.x_style, whole=whole):
        x = percent(x_scale.at(value))
        yield tag("line", class_="axis", x1=x, x2=x, y1="100%", y2="100%", transform="translate(0 4)")
        yield tag("text", text, x=x, y="100%", dy="1.6em", text_anchor="middle")


def _series(line: Line, index: int, x_scale: Scale, y_scale: Scale, block: Lines) -> list[Markup]:
    colour = _colour(line, index)
    xs = [x_scale.at(value) for value in line.x]
    ys = [1 - y_scale.at(value) for value in line.y]
    parts: list[Markup] = []
    if len(line.low):
        edge = [1 - y_scale.at(value) for value in line.high]
        back = [1 - y_scale.at(value) for value in line.low]
        parts.append(tag("path", class_=f"band {colour}", d=_area(xs, edge, back)))
    if line.kind != "dots":
        parts.append(tag("path", class_=f"line {colour}", d=_path(xs, ys)))
    drawn = [tag("svg", join(parts), viewBox=f"0 0 {_UNIT} {_UNIT}", preserveAspectRatio="none", class_="stretch",
                 width="100%", height="100%")] if parts else []  # fmt: skip
    if line.kind == "dots" or (line.kind == "line" and len(xs) <= _MOST_DOTS):
        for x, y, position, value in zip(xs, ys, line.x, line.y, strict=True):
            if math.isfinite(x) and math.isfinite(y):
                told = f"{line.name} at {number(position, block.x_style)}: {number(value, block.style)}".strip()
                drawn.append(tag("circle", tag("title", told), class_=f"dot {colour}", cx=percent(x), cy=percent(y),
                                 r=3.5 if line.kind == "dots" else 2.5))  # fmt: skip
    return drawn


def _colour(line: Line, index: int) -> str:
    if line.kind in _CROWD:
        return _CROWD[line.kind]
    # After one turn through the colours the strokes change, so that no two lines look alike.
    stroke = ("", " dash", " dotted")[index // COLOURS % 3]
    return f"s{index % COLOURS + 1}{stroke}" if line.kind != "dashed" else "reference"


def _swatch(line: Line, index: int) -> Markup:
    shape = (
        tag("circle", class_=f"dot {_colour(line, index)}", cx=11, cy=5, r=3.5)
        if line.kind == "dots"
        else tag("line", class_=f"line {_colour(line, index)}", x1=0, x2=22, y1=5, y2=5)
    )
    return tag("svg", shape, width=22, height=10, aria_hidden="true")


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    steps: list[str] = []
    pen_down = False
    for x, y in zip(xs, ys, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen_down = False
            continue
        steps.append(f"{'L' if pen_down else 'M'}{_UNIT * x:.1f} {_UNIT * y:.1f}")
        pen_down = True
    return "".join(steps)


def _area(xs: Sequence[float], edge: Sequence[float], back: Sequence[float]) -> str:
    points = [(x, top, low) for x, top, low in zip(xs, edge, back, strict=True) if math.isfinite(x + top + low)]
    if not points:
        return ""
    there = [f"{_UNIT * x:.1f} {_UNIT * top:.1f}" for x, top, _ in points]
    again = [f"{_UNIT * x:.1f} {_UNIT * low:.1f}" for x, _, low in reversed(points)]
    return f"M{'L'.join(there + again)}Z"
