"""Everything a finished search tells about its dimensions, in one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.tuning.fanova import FEWEST_ROWS, Fanova, Marginal, Share
from toolkit.tuning.judging import Direction
from toolkit.tuning.narrowing import Narrowed, narrower
from toolkit.tuning.ped_anova import FEWEST_ROWS as FEWEST_PED_ROWS
from toolkit.tuning.ped_anova import ped_anova
from toolkit.tuning.records import StudyResult, TrialRecord
from toolkit.tuning.space import Searched

# Pruned trials are compared at the last epoch that at least this share of all trials reached.
_REACHED = 0.9


@dataclass(frozen=True)
class Comparable:
    """Trials whose scores can be compared.

    Attributes:
        parameters: Of each trial.
        scores: Of each.
        epochs: After so many epochs; None: of trials that were trained to the end.
    """

    parameters: list[dict[str, Any]]
    scores: list[float]
    epochs: int | None = None


def comparable(result: StudyResult) -> Comparable:
    """Complete trials with their scores, or, where most were pruned, all trials early on.

    What a pruner leaves is the better part of the space, too few trials and too much alike to tell what mattered. What
    all trials reported before it chose has no such bias.

    Args:
        result: A study.
    """
    complete = [trial for trial in result.trials if trial.state == "complete" and trial.value is not None]
    plain = Comparable([trial.params for trial in complete], [trial.value or 0.0 for trial in complete])
    pruned = [trial for trial in result.trials if trial.state == "pruned" and trial.curve]
    if len(pruned) <= len(complete):
        return plain
    told = [trial for trial in (*complete, *pruned) if trial.curve]
    last = sorted(trial.curve[-1][0] for trial in told)
    epochs = last[int((1 - _REACHED) * len(last))]
    reached = [(trial.params, value) for trial in told if (value := _value_at(trial, epochs)) is not None]
    if len(reached) <= len(complete):
        return plain
    return Comparable([params for params, _ in reached], [value for _, value in reached], epochs)


def _value_at(trial: TrialRecord, epoch: int) -> float | None:
    return next((value for number, value in trial.curve if number == epoch), None)


@dataclass(frozen=True)
class Surface:
    """The objective over two dimensions.

    Attributes:
        names: Of both.
        grids: Values of each.
        heights: `(values of the first, values of the second)`.
    """

    names: tuple[str, str]
    grids: tuple[list[Any], list[Any]]
    heights: np.ndarray


@dataclass(frozen=True)
class Analysis:
    """What mattered in a search.

    Attributes:
        single: fANOVA's share of each dimension, the largest first; empty where all trials scored alike.
        pairs: Its share of each pair beyond that.
        ped: PED-ANOVA's shares.
        marginals: The objective along each dimension.
        surface: Over the two most important dimensions, None with a single dimension.
        narrowed: A proposal for the next search.
        trials: How many trials it rests on.
        epochs: Their scores are those after so many epochs; None: the final ones.
    """

    single: dict[str, Share]
    pairs: dict[tuple[str, str], Share]
    ped: dict[str, float]
    marginals: dict[str, Marginal]
    surface: Surface | None
    narrowed: list[Narrowed]
    trials: int = 0
    epochs: int | None = None


def analyse(
    parameters: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    space: Mapping[str, Searched],
    *,
    direction: Direction = "maximize",
    seed: int = 0,
    keep: Mapping[str, Any] | None = None,
    epochs: int | None = None,
) -> Analysis | None:
    """Importances, marginals and a narrower space.

    Args:
        parameters: Sets of complete trials.
        scores: Their scores; trials whose score is not finite are passed over.
        space: Dimensions by name.
        direction: Whether more is better.
        seed: Of the forest.
        keep: Values that the narrower space holds in any case; None: those of the best of these scores.
        epochs: After so many epochs the scores were taken; None: they are the final ones.

    Returns:
        None where there are too few trials to tell anything.
    """
    finite = [index for index, score in enumerate(scores) if np.isfinite(score)]
    if len(finite) < max(FEWEST_ROWS, FEWEST_PED_ROWS) or not space:
        return None
    rows, values = [parameters[index] for index in finite], [scores[index] for index in finite]
    fitted = Fanova(rows, values, space, seed=seed)
    single = fitted.single()
    top = list(single)[:2]
    surface = None
    if len(top) == 2:
        first, second, heights = fitted.surface(top[0], top[1])
        surface = Surface((top[0], top[1]), (first, second), heights)
    best = keep or rows[int(np.argmax(values) if direction == "maximize" else np.argmin(values))]
    return Analysis(
        single,
        fitted.pairs(),
        ped_anova(rows, values, space, direction=direction),
        {name: fitted.marginal(name) for name in space},
        surface,
        narrower(fitted, direction=direction, keep=best),
        len(rows),
        epochs,
    )
