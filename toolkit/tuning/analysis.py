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
from toolkit.tuning.space import Searched


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
    """

    single: dict[str, Share]
    pairs: dict[tuple[str, str], Share]
    ped: dict[str, float]
    marginals: dict[str, Marginal]
    surface: Surface | None
    narrowed: list[Narrowed]


def analyse(
    parameters: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    space: Mapping[str, Searched],
    *,
    direction: Direction = "maximize",
    seed: int = 0,
) -> Analysis | None:
    """Importances, marginals and a narrower space.

    Args:
        parameters: Sets of complete trials.
        scores: Their scores; trials whose score is not finite are passed over.
        space: Dimensions by name.
        direction: Whether more is better.
        seed: Of the forest.

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
    best = rows[int(np.argmax(values) if direction == "maximize" else np.argmin(values))]
    return Analysis(
        single,
        fitted.pairs(),
        ped_anova(rows, values, space, direction=direction),
        {name: fitted.marginal(name) for name in space},
        surface,
        narrower(fitted, direction=direction, keep=best),
    )
