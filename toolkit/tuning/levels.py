"""Values along one dimension: evenly spread levels, and positions on an axis from 0 to 1."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from toolkit.errors import SearchError
from toolkit.tuning.space import Choice, FloatRange, IntRange, Searched


def levels(dimension: Searched, count: int) -> list[Any]:
    """Evenly spread values of a dimension, both ends among them.

    Args:
        dimension: Logarithmic ones are spread evenly in their logarithm.
        count: How many, at least 1; a single one is the middle. Choices and whole numbers give fewer where they have
            fewer.

    Returns:
        Different values in ascending order, choices in theirs.

    Raises:
        SearchError: `count` is below 1.
    """
    if count < 1:
        raise SearchError(f"{count} values of a dimension were asked for; at least 1 is needed.")
    if isinstance(dimension, Choice):
        values = list(dimension.values)
        return [values[index] for index in _spread(len(values), count)]
    if isinstance(dimension, IntRange) or dimension.step:
        step = dimension.step or 1
        steps = math.floor((dimension.high - dimension.low) / step + 1e-9)
        if not dimension.log:
            found = [dimension.low + index * step for index in _spread(steps + 1, count)]
        else:
            wanted = np.exp(_line(math.log(dimension.low), math.log(dimension.high), count))
            nearest = sorted({min(steps, max(0, round((value - dimension.low) / step))) for value in wanted})
            found = [dimension.low + index * step for index in nearest]
        return [int(value) for value in found] if isinstance(dimension, IntRange) else found
    if dimension.log:
        inner = np.exp(_line(math.log(dimension.low), math.log(dimension.high), count)).tolist()
    else:
        inner = _line(dimension.low, dimension.high, count).tolist()
    # Rounding in the logarithm must not leave the range.
    return list(dict.fromkeys(min(max(value, dimension.low), dimension.high) for value in inner))


def position(dimension: Searched, value: Any) -> float:
    """Where a value lies on its axis, 0–1.

    A whole number or choice owns a cell of the axis and lies in its middle, so that all of them weigh the same.

    Args:
        dimension: The axis.
        value: One of its values.

    Raises:
        SearchError: A choice does not have the value.
    """
    if isinstance(dimension, Choice):
        texts = [json.dumps(one) for one in dimension.values]
        if json.dumps(value) not in texts:
            raise SearchError(f"{value!r} is none of the choices {', '.join(texts)}.")
        return (texts.index(json.dumps(value)) + 0.5) / len(texts)
    low, high = _ends(dimension)
    place = (_scaled(dimension, float(value)) - low) / (high - low) if high > low else 0.5
    return min(max(place, 0.0), 1.0)


def cells(dimension: Searched) -> int | None:
    """How many values a dimension has, None for a continuous one."""
    if isinstance(dimension, Choice):
        return len(dimension.values)
    if dimension.step:
        return math.floor((dimension.high - dimension.low) / dimension.step + 1e-9) + 1
    return None


def _ends(dimension: FloatRange | IntRange) -> tuple[float, float]:
    half = 0.5 * (dimension.step or 0)
    low = dimension.low - half
    if dimension.log and low <= 0:
        low = dimension.low / 2
    return _scaled(dimension, low), _scaled(dimension, dimension.high + half)


def _scaled(dimension: FloatRange | IntRange, value: float) -> float:
    return math.log(value) if dimension.log else value


def _spread(total: int, count: int) -> list[int]:
    """Indices of `count` of `total` things, evenly spread."""
    if count == 1:
        return [(total - 1) // 2]
    return sorted({round(place) for place in _line(0, total - 1, min(count, total))}) if total > 1 else [0]


def _line(low: float, high: float, count: int) -> np.ndarray:
    return np.array([(low + high) / 2]) if count == 1 else np.linspace(low, high, count)
