"""Keep few of many pairs, but enough that the same rows stay connected."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


class Links:
    """Which pairs of rows are kept, and which rows they connect."""

    def __init__(self, rows: int, limit: int) -> None:
        self._limit = limit
        self._count = np.zeros(rows, np.int64)  # (n,) pairs of each row so far
        self._parent = np.arange(rows)  # (n,) a row of the same component, its own where it is the root

    def restart(self) -> None:
        """Count pairs from zero; what is connected stays so."""
        self._count[:] = 0

    def full(self, rows: np.ndarray) -> np.ndarray:
        """Which of the rows have `limit` pairs, bool."""
        return np.asarray(self._count[rows] >= self._limit)

    def roots(self, rows: np.ndarray) -> np.ndarray:
        """A row that stands for the component of each row, int64."""
        roots = self._parent[rows]
        while True:
            above = self._parent[roots]
            if np.array_equal(above, roots):
                break
            roots = above
        self._parent[rows] = roots
        return np.asarray(roots)

    def add(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keep a pair if one of its rows has fewer than `limit` pairs, or if nothing yet connects them.

        Args:
            a: `(p,)` int64 rows.
            b: `(p,)` int64 rows, other than `a`.

        Returns:
            The pairs kept.
        """
        if not len(a):
            return a, b
        wanted = ~self.full(a) | ~self.full(b)
        rank = _occurrences(np.stack([a[wanted], b[wanted]], axis=1).ravel()).reshape(-1, 2)
        # The first pairs of a row up to its limit are kept, so a rank at the limit means that it has that many.
        low = (self._count[a[wanted]] + rank[:, 0] < self._limit) | (self._count[b[wanted]] + rank[:, 1] < self._limit)
        wanted[wanted] = low
        kept_a, kept_b = a[wanted], b[wanted]
        self._connect(kept_a, kept_b)
        left_a, left_b = a[~wanted], b[~wanted]
        root_a, root_b = self.roots(left_a), self.roots(left_b)
        apart = np.flatnonzero(root_a != root_b)
        if len(apart):
            low_root, high_root = np.minimum(root_a, root_b)[apart], np.maximum(root_a, root_b)[apart]
            bridges = apart[np.unique(low_root * len(self._parent) + high_root, return_index=True)[1]]
            self._connect(left_a[bridges], left_b[bridges])
            kept_a, kept_b = np.concatenate([kept_a, left_a[bridges]]), np.concatenate([kept_b, left_b[bridges]])
        np.add.at(self._count, kept_a, 1)
        np.add.at(self._count, kept_b, 1)
        return kept_a, kept_b

    def _connect(self, a: np.ndarray, b: np.ndarray) -> None:
        root_a, root_b = self.roots(a), self.roots(b)
        apart = root_a != root_b
        nodes, ends = np.unique(np.stack([root_a[apart], root_b[apart]]), return_inverse=True)
        if not len(nodes):
            return
        start, stop = ends.reshape(2, -1)
        edges = coo_array((np.ones(len(start), bool), (start, stop)), (len(nodes), len(nodes)))
        components = connected_components(edges, directed=False)[1]
        first = np.unique(components, return_index=True)[1]
        self._parent[nodes] = nodes[first][components]


def _occurrences(values: np.ndarray) -> np.ndarray:
    """How often each value occurred before, int64."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]] if len(values) else np.empty(0, bool)
    starts = np.flatnonzero(new)
    counts = np.empty(len(values), np.int64)
    counts[order] = np.arange(len(values)) - starts[np.cumsum(new) - 1]
    return counts
