"""What a comparison allows to be said, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.evaluation.contenders import Comparison, Pair
from toolkit.evaluation.paired import pictures_needed, smallest_seen

LEVEL = 0.05
POWER = 0.8


@dataclass(frozen=True)
class Conclusion:
    """What can be said of a pair on a test.

    Attributes:
        pair: The pair.
        better: Name of the better one, None where the difference is within noise.
        text: A sentence or two.
    """

    pair: Pair
    better: str | None
    text: str


def conclude(pair: Pair) -> Conclusion:
    """Say which is better and by how much, or how many pictures it would take to know."""
    different = pair.corrected < LEVEL
    better, worse = (pair.other, pair.one) if pair.difference > 0 else (pair.one, pair.other)
    where = f"On {_pictures(pair)}"
    if different:
        low, high = pair.interval if pair.difference > 0 else (-pair.interval[1], -pair.interval[0])
        text = (
            f"{where}, {better} is better than {worse} by {_points(abs(pair.difference))}, 95 % interval "
            f"{_number(low)} to {_number(high)}; {_corrected(pair)}."
        )
        return Conclusion(pair, better, text)
    if pair.difference == 0:
        said = f"{where}, {pair.one} and {pair.other} are right equally often"
    else:
        said = (
            f"{where}, the difference between {pair.one} and {pair.other} is within noise: {better} is ahead by "
            f"{_points(abs(pair.difference))}, 95 % interval of {pair.other} minus {pair.one} "
            f"{_number(pair.interval[0])} to {_number(pair.interval[1])}; {_corrected(pair)}"
        )
    return Conclusion(pair, None, f"{said}. {_power(pair)}")


def further_statements(found: Comparison) -> list[str]:
    """What the single corruptions say of each pair, and what single trainings leave open."""
    names = dict.fromkeys((pair.one, pair.other) for pair in found.cells)
    told = [_by_corruption(found.cells, *pair) for pair in names]
    if any(pair.runs is None for pair in found.pairs):
        told.append(
            "A configuration trained once is compared as that one network: another seed might decide otherwise. Train "
            "several seeds of each to compare configurations."
        )
    return told


def _by_corruption(cells: Sequence[Pair], one: str, other: str) -> str:
    """On how many corruptions each of two is better by itself."""
    own = [pair for pair in cells if (pair.one, pair.other) == (one, other)]
    wins = {name: [pair.test for pair in own if conclude(pair).better == name] for name in (one, other)}
    parts = [f"{name} is better on {len(tests)}{_some(tests)}" for name, tests in wins.items()]
    even = len(own) - sum(map(len, wins.values()))
    return f"Of {len(own)} corruptions taken one by one, {parts[0]}, {parts[1]}, and {even} are within noise."


def _some(tests: Sequence[str]) -> str:
    if not tests:
        return ""
    return f" ({', '.join(tests[:3])}{', …' if len(tests) > 3 else ''})"


def _pictures(pair: Pair) -> str:
    return f"these {pair.n:,} pictures ({pair.test})"


def _power(pair: Pair) -> str:
    """How many more pictures a difference of this size would take, and which size these would have shown."""
    level = LEVEL / pair.family
    stated = f"at {POWER:.0%} power and a level of {level:.2g}".replace("%", " %")
    error = pair.spread.error
    if not math.isfinite(error):
        return "All pictures belong to one group, so nothing can be said of others."
    smallest = smallest_seen(pair.spread, level=level, power=POWER)
    which = "pictures" if pair.runs is None else "pictures and seeds"
    seen = f"These {which} would show a true difference of {_points(smallest)} or more ({stated})."
    if pair.difference == 0 or error == 0:
        return seen if error else "They never disagree."
    needed = pictures_needed(pair.difference, pair.pictures, pair.n, pair.runs, level=level, power=POWER)
    if math.isinf(needed):
        return f"No number of pictures would show a difference this small between so few seeds: train more. {seen}"
    more = max(1, math.ceil(needed - pair.n))
    return f"About {_rounded(more):,} more pictures would be needed to see a difference this large. {seen}"


def _corrected(pair: Pair) -> str:
    value = pair.corrected
    told = "below .0001" if value < 1e-4 else f"{value:.2g}" if value < 0.095 else f"{value:.2f}"
    return f"corrected p {told}" if pair.family > 1 else f"p {told}"


def _points(share: float) -> str:
    figure = _number(share)
    return f"{figure} point" if figure == "1.0" else f"{figure} points"


def _number(share: float) -> str:
    points = 100 * share
    return f"{points:.2f}".replace("-", "−") if 0 < abs(points) < 0.1 else f"{points:.1f}".replace("-", "−")


def _rounded(count: int) -> int:
    """Two significant digits, upwards."""
    unit = int(10 ** max(0, len(str(count)) - 2))
    return math.ceil(count / unit) * unit
