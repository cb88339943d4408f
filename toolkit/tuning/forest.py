"""Marginals of a random forest over a box, computed exactly from its leaves (Hutter et al. 2014, algorithm 2).

A regression tree is constant on boxes that partition the space. The mean of its prediction over all dimensions but a
few is therefore a sum over leaves: value × share of the space the leaf takes in the dimensions averaged over, for the
leaves that contain the point in the others. No sampling is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Boxes:
    """The leaves of one tree over the unit cube.

    Attributes:
        values: `(leaves,)` predictions.
        low: `(leaves, d)` lower corners, 0–1.
        high: `(leaves, d)` upper corners, 0–1.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def mean(self) -> float:
        """Mean prediction over the cube."""
        return float(self.values @ self._widths.prod(axis=1))

    @property
    def variance(self) -> float:
        """Variance of the prediction over the cube."""
        return float((self.values - self.mean) ** 2 @ self._widths.prod(axis=1))

    @property
    def _widths(self) -> np.ndarray:
        return self.high - self.low  # type: ignore[no-any-return]  # (leaves, d)

    def edges(self, dimension: int) -> np.ndarray:
        """Where the prediction can jump along a dimension, ends included: `(cells + 1,)`, ascending."""
        return np.unique(np.concatenate([self.low[:, dimension], self.high[:, dimension]]))

    def single(self, dimension: int, points: np.ndarray) -> np.ndarray:
        """Mean prediction `(points,)` given one coordinate.

        Args:
            dimension: 0…d−1.
            points: `(points,)` coordinates, 0–1.
        """
        share = np.delete(self._widths, dimension, axis=1).prod(axis=1)
        return self._covers(dimension, points) @ (self.values * share)  # type: ignore[no-any-return]

    def pair(self, one: int, other: int, points: np.ndarray, other_points: np.ndarray) -> np.ndarray:
        """Mean prediction `(points, other_points)` given two coordinates; arguments as those of `single`."""
        share = np.delete(self._widths, [one, other], axis=1).prod(axis=1)
        weighted = self._covers(one, points) * (self.values * share)
        return weighted @ self._covers(other, other_points).T  # type: ignore[no-any-return]

    def main_variance(self, dimension: int) -> float:
        """Variance that one dimension explains alone."""
        edges = self.edges(dimension)
        marginal = self.single(dimension, _middles(edges))
        return float((marginal - self.mean) ** 2 @ np.diff(edges))

    def interaction_variance(self, one: int, other: int) -> float:
        """Variance that two dimensions explain together, beyond what each explains alone."""
        a, b = self.edges(one), self.edges(other)
        joint = self.pair(one, other, _middles(a), _middles(b))  # (cells of one, cells of other)
        first, second = joint @ np.diff(b), np.diff(a) @ joint
        rest = joint - first[:, None] - second[None, :] + self.mean
        return float(np.diff(a) @ rest**2 @ np.diff(b))

    def _covers(self, dimension: int, points: np.ndarray) -> np.ndarray:
        """`(points, leaves)`: 1 where the leaf contains the coordinate, as the tree decides it (left if ≤)."""
        low, high = self.low[:, dimension], self.high[:, dimension]
        above = (points[:, None] > low) | (low <= 0)
        return (above & (points[:, None] <= high)).astype(np.float64)


def grow(rows: np.ndarray, scores: np.ndarray, *, trees: int, seed: int) -> list[Boxes]:
    """Fit a random forest, each tree to a bootstrap sample, until leaves are pure.

    Args:
        rows: `(n, d)` positions in the unit cube; NaN where any position would do, drawn anew for each tree.
        scores: `(n,)` what is predicted.
        trees: How many.
        seed: Of the forest.
    """
    from sklearn.ensemble import RandomForestRegressor

    free = np.isnan(rows)
    if not free.any():
        forest = RandomForestRegressor(n_estimators=trees, max_depth=64, random_state=seed).fit(rows, scores)
        return [_boxes(one.tree_, rows.shape[1]) for one in forest.estimators_]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(trees):
        filled = np.where(free, rng.uniform(size=rows.shape), rows)
        single = RandomForestRegressor(n_estimators=1, max_depth=64, random_state=int(rng.integers(2**31)))
        found.append(_boxes(single.fit(filled, scores).estimators_[0].tree_, rows.shape[1]))
    return found


def _boxes(tree: Any, d: int) -> Boxes:
    values, lows, highs = [], [], []
    waiting = [(0, np.zeros(d), np.ones(d))]
    while waiting:
        node, low, high = waiting.pop()
        feature = int(tree.feature[node])
        if feature < 0:
            values.append(float(tree.value[node].ravel()[0]))
            lows.append(low)
            highs.append(high)
            continue
        cut = float(tree.threshold[node])
        below, above = high.copy(), low.copy()
        below[feature] = above[feature] = cut
        waiting += [(int(tree.children_left[node]), low, below), (int(tree.children_right[node]), above, high)]
    return Boxes(np.array(values), np.array(lows), np.array(highs))


def _middles(edges: np.ndarray) -> np.ndarray:
    return (edges[1:] + edges[:-1]) / 2  # type: ignore[no-any-return]
