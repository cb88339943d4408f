"""The product's own picture: local scores, the estimated hidden score and the true one on a common axis."""

from __future__ import annotations

import math
from collections.abc import Iterator

from markupsafe import Markup

from toolkit.report.chart_blocks import Interval, Mark
from toolkit.report.formatting import ABSENT, number, span
from toolkit.report.svg import join, percent, tag

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def interval(block: Interval) -> Markup:
    """Draw one line a mark; the interval of an estimate is shaded across all of them."""
    rows: list[Markup] = []
    for index, mark in enumerate(block.marks, start=1):
        place = f"--r:{index}"
        note = tag("small", mark.note) if mark.note else None
        rows.append(tag("div", mark.label, note, class_="mark-label", style=place))
        rows.append(tag("svg", join(_track(mark, block.digits)), class_=f"mark-track {mark.kind}", style=place,
                        aria_hidden="true"))  # fmt: skip
        rows.append(tag("div", *_value(mark, block.digits), class_=f"mark-value {mark.kind}", style=place))
    return tag(
        "div",
        tag("svg", join(_ground(block)), class_="mark-ground", aria_hidden="true"),
        join(rows),
        tag("svg", join(_axis(block)), class_="mark-axis", aria_hidden="true"),
        class_="interval",
        style=f"--n:{len(block.marks)}",
    )


def _ground(block: Interval) -> Iterator[Markup]:
    for tick in _TICKS:
        yield tag("line", class_="grid", x1=percent(tick), x2=percent(tick), y1="0", y2="100%")
    for mark in block.marks:
        ends = _interval(mark)
        if mark.kind == "estimate" and ends:
            low, high = map(_inside, ends)
            yield tag("rect", class_="estimate-band", x=percent(low), width=percent(high - low), y="0", height="100%")
    if block.chance is not None:
        x = percent(_inside(block.chance))
        yield tag("line", class_="chance", x1=x, x2=x, y1="0", y2="100%")


def _track(mark: Mark, digits: int) -> Iterator[Markup]:
    ends = [_inside(value) for value in (_interval(mark) or mark.values) if math.isfinite(value)]
    if ends and max(ends) > min(ends):
        yield tag("line", class_="range", x1=percent(min(ends)), x2=percent(max(ends)), y1="50%", y2="50%")
    for index, value in enumerate(mark.values):
        if not math.isfinite(value):
            continue
        name = mark.names[index] if len(mark.names) else mark.label
        title = tag("title", f"{name}: {number(value, 'percent', digits)}")
        if mark.kind == "hidden":
            shape = tag("path", title, d="M0-8 8 0 0 8-8 0z", class_="dot")
            yield tag("svg", shape, x=percent(_inside(value)), y="50%", overflow="visible")
        else:
            yield tag("circle", title, class_="dot", cx=percent(_inside(value)), cy="50%", r=6)


def _axis(block: Interval) -> Iterator[Markup]:
    yield tag("line", class_="axis", x1="0", x2="100%", y1="0", y2="0")
    for tick in _TICKS:
        anchor = "start" if tick == 0 else "end" if tick == 1 else "middle"
        yield tag("line", class_="axis", x1=percent(tick), x2=percent(tick), y1="0", y2="4")
        yield tag("text", number(tick, "percent", 0), x=percent(tick), y="1.5em", text_anchor=anchor)
    if block.chance is not None:
        text = f"chance {number(block.chance, 'percent', block.digits)}"
        anchor = "start" if block.chance < 0.2 else "end" if block.chance > 0.8 else "middle"
        yield tag("text", text, x=percent(_inside(block.chance)), y="2.8em", text_anchor=anchor)


def _value(mark: Mark, digits: int) -> tuple[str, Markup | None]:
    """What stands large at the right, and what stands small beneath it."""
    limits = _interval(mark)
    ends = span(*limits, "percent", digits) if limits else ""
    if not len(mark.values):
        return ends or ABSENT, None
    finite = [value for value in mark.values if math.isfinite(value)]
    low, high = min(finite, default=math.nan), max(finite, default=math.nan)
    measured = span(low, high, "percent", digits) if low < high else number(low, "percent", digits)
    if mark.kind == "estimate" and ends:  # an estimate is its interval; the middle alone would promise too much
        return ends, tag("small", f"middle {measured}")
    return measured, tag("small", ends) if ends else None


def _interval(mark: Mark) -> tuple[float, float] | None:
    if mark.low is None or mark.high is None or not math.isfinite(mark.low + mark.high):
        return None
    return float(mark.low), float(mark.high)


def _inside(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)
