"""Search spaces: dimensions by name, some of which exist only beside others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from toolkit.errors import SearchError

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class FloatRange:
    """Real numbers from `low` to `high`, both included; `log` searches their logarithm."""

    low: float
    high: float
    log: bool = False
    step: float | None = None


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from `low` to `high`, both included; `log` searches their logarithm."""

    low: int
    high: int
    log: bool = False
    step: int = 1


@dataclass(frozen=True)
class Choice:
    """One of `values`, which may be any JSON values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Fixed:
    """The same value in every trial; it is no dimension for samplers and importances."""

    value: Any


@dataclass(frozen=True)
class Condition:
    """`name` exists only in trials in which `parent` exists and has a fitting value.

    Attributes:
        name: The dimension that depends.
        parent: Another dimension.
        minimum: Smallest fitting number; None: any.
        maximum: Largest fitting number; None: any.
        values: The fitting values; None: any.
    """

    name: str
    parent: str
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[Any, ...] | None = None

    def holds(self, drawn: Mapping[str, Any]) -> bool:
        """Whether the values drawn so far call for the dimension."""
        if self.parent not in drawn:
            return False
        value = drawn[self.parent]
        if self.values is not None and value not in self.values:
            return False
        if self.minimum is not None and not value >= self.minimum:
            return False
        return self.maximum is None or bool(value <= self.maximum)


Searched = FloatRange | IntRange | Choice
Range = Searched | Fixed


def searched(space: Mapping[str, Range]) -> dict[str, Searched]:
    """The dimensions that have more than one value."""
    return {name: dimension for name, dimension in space.items() if not isinstance(dimension, Fixed)}


def suggest(trial: optuna.Trial, space: Mapping[str, Range], conditions: Iterable[Condition] = ()) -> dict[str, Any]:
    """Draw one set of values.

    Args:
        trial: Asks the sampler.
        space: Dimensions by name.
        conditions: Dimensions without a condition always exist, those with several only where all hold; parents are
            drawn first.

    Returns:
        Values by name; dimensions whose condition does not hold are absent.

    Raises:
        SearchError: A condition names a dimension that is not in the space, or conditions depend on each other.
    """
    rules = tuple(conditions)
    drawn: dict[str, Any] = {}
    for name in draw_order(space, rules):
        if exists(name, rules, drawn):
            drawn[name] = _draw(trial, name, space[name])
    return drawn


def exists(name: str, rules: Iterable[Condition], drawn: Mapping[str, Any]) -> bool:
    """Whether a dimension belongs to a trial with these values."""
    return all(rule.holds(drawn) for rule in rules if rule.name == name)


def draw_order(space: Mapping[str, Range], rules: Iterable[Condition]) -> list[str]:
    """Names of the dimensions, parents before those that depend on them, otherwise in the order of the space.

    Raises:
        SearchError: A parent is not in the space, or conditions depend on each other.
    """
    parents: dict[str, list[str]] = {}
    for rule in rules:
        if rule.parent not in space:
            raise SearchError(f"{rule.name} depends on {rule.parent}, which is not a dimension of the search space.")
        parents.setdefault(rule.name, []).append(rule.parent)

    def depth(name: str, seen: tuple[str, ...]) -> int:
        if name in seen:
            circle = " → ".join([*seen[seen.index(name) :], name])
            raise SearchError(f"Conditions of the search space depend on each other: {circle}. Remove one of them.")
        return 1 + max((depth(parent, (*seen, name)) for parent in parents.get(name, [])), default=-1)

    return sorted(space, key=lambda name: depth(name, ()))


def values_of(name: str, dimension: Range) -> list[Any]:
    """All values of a dimension, in ascending or given order.

    Raises:
        SearchError: They are not finite in number.
    """
    if isinstance(dimension, Fixed):
        return [dimension.value]
    if isinstance(dimension, Choice):
        return list(dimension.values)
    if isinstance(dimension, IntRange):
        return list(range(dimension.low, dimension.high + 1, dimension.step))
    if dimension.step is None:
        raise SearchError(
            f"The samplers grid and bruteforce visit every value, but {name} has infinitely many between "
            f"{dimension.low:g} and {dimension.high:g}. Give it a step, or list its values as a choice."
        )
    # Decimal, as Optuna has it: 0.1 + 0.1 + 0.1 must be 0.3.
    low, high, step = (Decimal(str(number)) for number in (dimension.low, dimension.high, dimension.step))
    return [float(low + step * index) for index in range(int((high - low) / step) + 1)]


def points(space: Mapping[str, Range], conditions: Iterable[Condition] = ()) -> Iterator[dict[str, Any]]:
    """Every distinct set of values that `suggest` can draw.

    Sets that would differ only in a dimension whose condition does not hold are one and the same.

    Raises:
        SearchError: A dimension has infinitely many values.
    """
    rules = tuple(conditions)
    order = draw_order(space, rules)
    listed = {name: values_of(name, space[name]) for name in order}

    def extend(drawn: dict[str, Any], position: int) -> Iterator[dict[str, Any]]:
        if position == len(order):
            yield drawn
            return
        name = order[position]
        if not exists(name, rules, drawn):
            yield from extend(drawn, position + 1)
            return
        for value in listed[name]:
            yield from extend({**drawn, name: value}, position + 1)

    return extend({}, 0)


def encode(dimension: Range, value: Any) -> Any:
    """A value as Optuna stores it: choices travel as JSON, because it takes only plain values there."""
    return json.dumps(value) if isinstance(dimension, Choice) else value


def fits(dimension: Range, value: Any) -> bool:
    """Whether a dimension can take a value."""
    if isinstance(dimension, Choice):
        return value in dimension.values
    if isinstance(dimension, Fixed):
        return bool(value == dimension.value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(dimension, IntRange) and value != int(value):
        return False
    return dimension.low <= value <= dimension.high


def _draw(trial: optuna.Trial, name: str, dimension: Range) -> Any:
    if isinstance(dimension, Fixed):
        return dimension.value
    if isinstance(dimension, FloatRange):
        return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log, step=dimension.step)
    if isinstance(dimension, IntRange):
        return trial.suggest_int(name, dimension.low, dimension.high, log=dimension.log, step=dimension.step)
    return json.loads(trial.suggest_categorical(name, [encode(dimension, value) for value in dimension.values]))
