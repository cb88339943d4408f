"""SVG and HTML elements with escaped text, and the scales and ticks of the charts.

Charts place things in percent of their box and text in pixels, so they fit a phone and a desk without shrinking
their letters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from toolkit.report.formatting import Style, is_extreme, number

_NICE = (1.0, 2.0, 5.0, 10.0)


def tag(element: str, *children: str | Markup | None, **attributes: str | float | None) -> Markup:
    """Make an element; text and attribute values are escaped.

    Args:
        element: Its name.
        children: Text (escaped) and elements (kept); None is left out.
        attributes: `class_` becomes `class`, other underscores become hyphens; None is left out.
    """
    named = (
        f' {name.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(escape(child) for child in children if child is not None)
    return Markup(f"<{element}{''.join(named)}>{inside}</{element}>")


def join(parts: Iterable[Markup]) -> Markup:
    """Put elements one after another."""
    return Markup("").join(parts)


def percent(fraction: float) -> str:
    """A coordinate as a percentage of the box."""
    return f"{_short(100 * fraction)}%"


def _short(value: str | float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Scale:
    """Maps values to a fraction of the axis.

    Attributes:
        low: Value at 0.
        high: Value at 1.
        log: Logarithmic; `low` is positive then.
    """

    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, values: Iterable[float], *, log: bool = False, room: bool = True, count: int = 5) -> Scale:
        """The scale that holds all finite (and, if `log`, positive) values.

        Args:
            values: What is shown.
            log: Logarithmic.
            room: Extend to the next ticks.
            count: About how many ticks there will be.
        """
        shown = [float(value) for value in values if math.isfinite(value) and (value > 0 or not log)]
        low, high = (min(shown), max(shown)) if shown else ((1.0, 10.0) if log else (0.0, 1.0))
        if log:
            low, high = (low / 2, high * 2) if low == high else (low, high)
            return cls(*_rounded(low, high), log=True) if room else cls(low, high, log=True)
        if low == high:
            low, high = low - (abs(low) / 10 or 0.5), high + (abs(high) / 10 or 0.5)
        if room:
            step = _step(low, high, count)
            low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        return cls(low, high)

    def at(self, value: float) -> float:
        """Where `value` lies, 0 to 1; NaN for what cannot be shown."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, style: Style = "auto", count: int = 5, *, whole: bool = False) -> list[tuple[float, str]]:
        """Round values inside the scale, each with its text.

        Args:
            style: How they are written.
            count: About how many.
            whole: Integers only.
        """
        if self.log:
            return [(value, number(value, style)) for value in self._log_ticks(count)]
        step = _step(self.low, self.high, count)
        step = max(step, 1.0) if whole else step
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        values = [index * step for index in range(first, last + 1)]
        digits = max(0, -math.floor(math.log10(step * (100 if style == "percent" else 1)) + 1e-9))
        if style == "auto" and any(is_extreme(value) for value in values):
            return [(value, number(value)) for value in values]
        return [(value, number(value, style, digits)) for value in values]

    def _log_ticks(self, count: int) -> list[float]:
        lowest, highest = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        factors = (1, 2, 5) if highest - lowest <= 2 else (1,)
        every = max(1, math.ceil((highest - lowest) / (2 * count)))
        candidates = [float(f"{factor}e{power}") for power in range(lowest, highest + 1, every) for factor in factors]
        return [value for value in candidates if self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)]


def _rounded(low: float, high: float) -> tuple[float, float]:
    below, above = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.floor(math.log10(high))
    return (
        max(nice * below for nice in _NICE if nice * below <= low * (1 + 1e-9)),
        min(nice * above for nice in _NICE if nice * above >= high * (1 - 1e-9)),
    )


def _step(low: float, high: float, count: int) -> float:
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    return next(nice * unit for nice in _NICE if rough <= nice * unit * (1 + 1e-9))
