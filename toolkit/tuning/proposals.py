"""Who proposes sets of values: a grid, chance, or Optuna's tree-structured Parzen estimator.

All are asked and told one set at a time, so that any control flow can use them. They draw through a callable that takes
an Optuna trial (`space.suggest` with its space and conditions), and so know conditional dimensions as it does.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.errors import SearchError
from toolkit.tuning.judging import Direction
from toolkit.tuning.levels import cells, levels
from toolkit.tuning.space import Searched

if TYPE_CHECKING:
    import optuna

Draw = Callable[[Any], dict[str, Any]]
RANDOM_STARTS = 4  # Bayesian search of report C starts from 4 random sets


class Fixed:
    """Proposes given sets, one after another."""

    def __init__(self, sets: Sequence[Mapping[str, Any]]) -> None:
        self._waiting = [dict(one) for one in sets]

    def ask(self) -> dict[str, Any] | None:
        """The next set."""
        return self._waiting.pop(0) if self._waiting else None

    def tell(self, score: float) -> None:
        """Given sets do not depend on scores."""


class Sampled:
    """Proposes what an Optuna sampler suggests.

    Args:
        draw: Draws a set from a trial.
        sampler: `random` or `tpe`.
        seed: Of the sampler.
        direction: Whether more is better.
        random_starts: Random sets before the estimator has a say.

    Raises:
        SearchError: There is no such sampler.
    """

    def __init__(
        self,
        draw: Draw,
        sampler: str,
        *,
        seed: int = 0,
        direction: Direction = "maximize",
        random_starts: int = RANDOM_STARTS,
    ) -> None:
        import optuna

        if sampler not in {"random", "tpe"}:
            raise SearchError(f"There is no sampler {sampler!r}; known: random, tpe.")
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study = optuna.create_study(
                direction=direction,
                sampler=optuna.samplers.RandomSampler(seed=seed)
                if sampler == "random"
                else optuna.samplers.TPESampler(
                    seed=seed, multivariate=True, group=True, n_startup_trials=random_starts
                ),
            )
        optuna.logging.set_verbosity(level)
        self._draw = draw
        self._asked: optuna.Trial | None = None

    def ask(self) -> dict[str, Any]:
        """The sampler's next set."""
        self._asked = self._study.ask()
        return self._draw(self._asked)

    def tell(self, score: float) -> None:
        """Teach the sampler; a score that is not finite is a failed trial."""
        from optuna.trial import TrialState

        if self._asked is None:
            raise SearchError("A proposer was told a score before it was asked for a set.")
        if math.isfinite(score):
            self._study.tell(self._asked, score)
        else:
            self._study.tell(self._asked, state=TrialState.FAIL)


def grid(draw: Draw, space: Mapping[str, Searched], count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """A grid of at most `count` different sets over the whole space.

    Dimensions get levels in turn, in the order of the space, as long as their product stays within `count`; one with a
    single level stands in its middle. What comes first in the space is thus gridded finest.

    Args:
        draw: Draws a set from a trial.
        space: Dimensions by name.
        count: Most sets.
        seed: Of the order in which they are visited.
    """
    sizes = dict.fromkeys(space, 1)
    growing = list(space)
    while growing:
        for name in list(growing):
            most = cells(space[name])
            wanted = sizes | {name: sizes[name] + 1}
            if math.prod(wanted.values()) > count or (most is not None and wanted[name] > most):
                growing.remove(name)
            else:
                sizes = wanted
    axes = {name: levels(dimension, sizes[name]) for name, dimension in space.items()}
    found: dict[str, dict[str, Any]] = {}
    for values in itertools.product(*axes.values()):
        one = draw(_Given(dict(zip(axes, values, strict=True))))
        found.setdefault(json.dumps(one, sort_keys=True), one)
    sets = list(found.values())
    return [sets[index] for index in np.random.default_rng(seed).permutation(len(sets))]


class _Given:
    """Answers a trial's questions with given values."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def suggest_float(self, name: str, *_: Any, **__: Any) -> Any:
        return self._values[name]

    suggest_int = suggest_float

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        # The space hands choices over as they are, or as JSON where Optuna could not store them.
        text = json.dumps(self._values[name])
        return next(choice for choice in choices if text in (choice, json.dumps(choice)))
