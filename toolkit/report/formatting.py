"""Numbers as a reader wants them: four significant digits, thousands separators, percents and durations where asked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Literal

import numpy as np

Style = Literal["auto", "percent", "seconds", "bytes"]
Tone = Literal["plain", "good", "warn", "bad"]

ABSENT = "–"
SIGNIFICANT_DIGITS = 4
PERCENT_DIGITS = 1
_SMALLEST_PLAIN = 1e-4
_LARGEST_PLAIN = 1e15
# Beyond this ratio of largest to smallest, one number of decimals cannot serve a whole column.
_WIDEST_COLUMN = 1e5
_MOST_DECIMALS = 8
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NARROW_SPACE = "\u202f"
_SPACE = "\u00a0"  # a number is never parted from its unit
_MINUS = "−"


def is_number(value: object) -> bool:
    """Whether `value` is a real number (NumPy's scalars too), not a boolean."""
    return isinstance(value, Real) and not isinstance(value, bool)


def number(value: object, style: Style = "auto", digits: int | None = None) -> str:
    """Write a value for a reader.

    Args:
        value: A number; booleans become yes or no, None and values that are not finite a dash, other values their text.
        style: `percent` takes fractions (0.93 is 93.0 %), `seconds` and `bytes` those units.
        digits: Decimals; None chooses (four significant digits, one decimal of a percent).
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not isinstance(value, Real):
        return str(value)
    if not math.isfinite(float(value)):
        return ABSENT
    if style == "percent":
        return _signed(f"{100 * float(value):,.{PERCENT_DIGITS if digits is None else digits}f}{_NARROW_SPACE}%")
    if style == "seconds":
        return _duration(float(value))
    if style == "bytes":
        return _size(float(value))
    if digits is None and isinstance(value, Integral):
        return _signed(f"{int(value):,}")
    if digits is None and is_extreme(float(value)):
        return _scientific(float(value))
    return _signed(f"{float(value):,.{decimals(float(value)) if digits is None else digits}f}")


def span(low: float, high: float, style: Style = "auto", digits: int | None = None) -> str:
    """Write a range: `71.3–93.0 %`."""
    first, last = number(low, style, digits), number(high, style, digits)
    unit = f"{_NARROW_SPACE}%"
    return f"{first.removesuffix(unit)}–{last}" if style == "percent" else f"{first}–{last}"


def decimals(value: float) -> int:
    """How many decimals show four significant digits of `value`, zeros at the end left out."""
    if value == 0 or not math.isfinite(value):
        return 0
    most = SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(abs(value)))
    if most <= 0:
        return 0
    text = f"{value:.{min(most, _MOST_DECIMALS)}f}".rstrip("0")
    return len(text.partition(".")[2])


def column_digits(values: Iterable[object]) -> int | None:
    """Decimals that make a column of numbers line up, None where each number must choose for itself.

    Args:
        values: The column; what is not a number is passed over.
    """
    sizes = [float(value) for value in values if isinstance(value, Real) and is_number(value)]
    plain = [size for size in sizes if math.isfinite(size) and size != 0]
    if not plain or all(size.is_integer() for size in plain) or any(is_extreme(size) for size in plain):
        return None
    if max(map(abs, plain)) / min(map(abs, plain)) > _WIDEST_COLUMN:
        return None
    return max(decimals(size) for size in plain)


def is_extreme(value: float) -> bool:
    """Whether `value` reads better as a power of ten."""
    return value != 0 and not _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN


def _signed(text: str) -> str:
    if text.startswith("-") and not any(digit in text for digit in "123456789"):
        text = text[1:]  # what rounds to nothing has no sign
    return text.replace("-", _MINUS, 1)


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.{SIGNIFICANT_DIGITS - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{_signed(mantissa)}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def _duration(seconds: float) -> str:
    if seconds < 0:
        return _MINUS + _duration(-seconds)
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f}{_SPACE}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}{_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{_SPACE}min{_SPACE}{rest:02d}{_SPACE}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}{_SPACE}h{_SPACE}{minutes:02d}{_SPACE}min"


def _size(size: float) -> str:
    if size < 0:
        return _MINUS + _size(-size)
    if size < 1024:
        return f"{size:.0f}{_SPACE}B"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1023.95:
            return f"{size:.1f}{_SPACE}{unit}"
    return f"{size / 1024:,.1f}{_SPACE}TiB"
