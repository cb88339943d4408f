"""Search spaces: dimensions by name, some of which exist only beside others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
class Condition:
    """`name` exists only in trials whose `parent` is at least `minimum`."""

    name: str
    parent: str
    minimum: int


Range = FloatRange | IntRange | Choice


def suggest(trial: optuna.Trial, space: Mapping[str, Range], conditions: Iterable[Condition] = ()) -> dict[str, Any]:
    """Draw one set of values.

    Args:
        trial: Asks the sampler.
        space: Dimensions by name.
        conditions: Dimensions without a condition always exist; parents are drawn first.

    Returns:
        Values by name; dimensions whose condition does not hold are absent.

    Raises:
        SearchError: A condition names a dimension that is not in the space.
    """
    rules = {rule.name: rule for rule in conditions}
    for rule in rules.values():
        if rule.parent not in space:
            raise SearchError(f"{rule.name} depends on {rule.parent}, which is not a dimension of the search space.")
    drawn: dict[str, Any] = {}
    for name in sorted(space, key=lambda name: (name in rules, list(space).index(name))):
        rule_of = rules.get(name)
        if rule_of is None or drawn[rule_of.parent] >= rule_of.minimum:
            drawn[name] = _draw(trial, name, space[name])
    return drawn


def _draw(trial: optuna.Trial, name: str, dimension: Range) -> Any:
    if isinstance(dimension, FloatRange):
        return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log, step=dimension.step)
    if isinstance(dimension, IntRange):
        return trial.suggest_int(name, dimension.low, dimension.high, log=dimension.log, step=dimension.step)
    # Optuna stores only plain values: lists and the like travel as JSON.
    texts = [json.dumps(value) for value in dimension.values]
    return json.loads(trial.suggest_categorical(name, texts))
