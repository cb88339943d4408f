"""fANOVA: how much of an objective's variance each hyperparameter explains, alone and in pairs.

F. Hutter, H. Hoos, K. Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014. A
random forest is fitted to the trials; the variance of its prediction over the whole search space is split into parts of
single dimensions, of pairs and the rest. Optuna's evaluator gives single dimensions only.

- The space is measured as it is searched: logarithmic dimensions by their logarithm (Optuna's evaluator measures them
  plainly), every choice and every whole number alike. A choice is one axis in the order of its values, not one axis a
  value, so that no volume falls on combinations that cannot occur.
- **Conditional dimensions** get importances too: the objective of a trial without one is the same whatever value it
  would have, so each tree sees a value drawn uniformly for it, another one a tree. The forest learns from the dimension
  it depends on whether it counts. Its share is of the variance over the whole space: smaller the rarer it exists, with
  the rest in the pair of both. (A fixed value, such as the middle of the range, would mark these trials and let the
  forest split on the mark instead of on the dimension that decides.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from toolkit.errors import SearchError
from toolkit.tuning.forest import Boxes, grow
from toolkit.tuning.levels import cells, levels, position
from toolkit.tuning.space import Searched

FEWEST_ROWS = 4
TREES = 64
_POINTS = 33


@dataclass(frozen=True)
class Share:
    """A share of the variance.

    Attributes:
        mean: Over the trees, 0–1.
        sd: Over the trees: how sure the forest is.
    """

    mean: float
    sd: float


@dataclass(frozen=True)
class Marginal:
    """The objective along one dimension, averaged over all others.

    Attributes:
        values: Values of the dimension.
        mean: Of the trees' predictions at each of them.
        sd: Over the trees, which saw different bootstrap samples of the trials.
        trees: `(trees, values)` prediction of each tree.
    """

    values: tuple[Any, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    trees: np.ndarray


class Fanova:
    """A forest fitted to trials.

    Args:
        parameters: One set of values a trial; absent dimensions are those that it does not have.
        scores: One a trial.
        space: Dimensions by name; those with a single value explain nothing.
        trees: Size of the forest.
        seed: Of the forest.

    Raises:
        SearchError: Fewer than `FEWEST_ROWS` trials, scores that are not finite, or lengths that differ.
    """

    def __init__(
        self,
        parameters: Sequence[Mapping[str, Any]],
        scores: Sequence[float],
        space: Mapping[str, Searched],
        *,
        trees: int = TREES,
        seed: int = 0,
    ) -> None:
        y = np.asarray(scores, np.float64)
        if len(parameters) != len(y) or len(y) < FEWEST_ROWS or not np.isfinite(y).all():
            raise SearchError(
                f"Importances need at least {FEWEST_ROWS} trials with finite scores, one score a trial; got "
                f"{len(parameters)} trials and {int(np.isfinite(y).sum())} finite scores of {len(y)}."
            )
        self.space = dict(space)
        self.names = tuple(space)
        rows = [
            [position(space[name], row[name]) if name in row else np.nan for name in self.names] for row in parameters
        ]
        self._trees: list[Boxes] = grow(np.asarray(rows, np.float64).reshape(len(y), -1), y, trees=trees, seed=seed)

    def single(self) -> dict[str, Share]:
        """Share of each dimension alone, the largest first; empty where the forest sees no differences."""
        found = {name: self._share([name]) for name in self.names}
        return _ordered(found)

    def pairs(self) -> dict[tuple[str, str], Share]:
        """Share of each pair beyond the shares of its two dimensions, the largest first."""
        found = {pair: self._share(pair) for pair in combinations(self.names, 2)}
        return _ordered(found)

    def marginal(self, name: str, points: int = _POINTS) -> Marginal:
        """The objective along one dimension.

        Args:
            name: Of the dimension.
            points: Largest number of values.
        """
        dimension = self.space[name]
        values = levels(dimension, cells(dimension) or points)
        if len(values) > points:
            values = levels(dimension, points)
        at = np.array([position(dimension, value) for value in values])
        curves = np.stack([tree.single(self.names.index(name), at) for tree in self._trees])  # (trees, values)
        return Marginal(tuple(values), tuple(curves.mean(axis=0)), tuple(curves.std(axis=0)), curves)

    def surface(self, one: str, other: str, points: int = 24) -> tuple[list[Any], list[Any], np.ndarray]:
        """The objective over two dimensions.

        Args:
            one: Name of the first dimension.
            other: Name of the second.
            points: Largest number of values of each.

        Returns:
            Values of each, and the forest's mean prediction `(values of one, values of other)`.
        """
        grids = [list(self.marginal(name, points).values) for name in (one, other)]
        at = [
            np.array([position(self.space[name], value) for value in grid])
            for name, grid in zip((one, other), grids, strict=True)
        ]
        columns = self.names.index(one), self.names.index(other)
        planes = [tree.pair(*columns, *at) for tree in self._trees]
        return grids[0], grids[1], np.mean(planes, axis=0)

    def _share(self, names: Sequence[str]) -> Share | None:
        columns = [self.names.index(name) for name in names]
        shares = []
        for tree in self._trees:
            total = tree.variance
            if total > 0:
                part = tree.main_variance(*columns) if len(columns) == 1 else tree.interaction_variance(*columns)
                shares.append(part / total)
        return Share(float(np.mean(shares)), float(np.std(shares))) if shares else None


def pooled(
    parameters: Mapping[str, Sequence[Mapping[str, Any]]],
    scores: Mapping[str, Sequence[float]],
    space: Mapping[str, Searched],
    *,
    trees: int = TREES,
    seed: int = 0,
) -> Fanova:
    """One forest over the trials of several data sets.

    Scores are brought to mean 0 and sd 1 within each data set: that one data set is harder than another is no effect of
    a hyperparameter, and the data set with the widest scores must not decide alone.

    Args:
        parameters: Sets of values by data set.
        scores: Their scores by data set.
        space: Dimensions by name, the same for all.
        trees: Size of the forest.
        seed: Of the forest.

    Raises:
        SearchError: As `Fanova`.
    """
    rows: list[Mapping[str, Any]] = []
    standard: list[float] = []
    for name, sets in parameters.items():
        values = np.asarray(scores[name], np.float64)
        rows += sets
        standard += ((values - values.mean()) / (values.std() or 1.0)).tolist()
    return Fanova(rows, standard, space, trees=trees, seed=seed)


def _ordered(found: Mapping[Any, Share | None]) -> dict[Any, Share]:
    present = {key: share for key, share in found.items() if share is not None}
    return dict(sorted(present.items(), key=lambda item: -item[1].mean))
