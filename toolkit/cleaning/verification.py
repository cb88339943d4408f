"""Decide which aligned pairs are duplicates, against what look-alikes of the same data set reach.

Strength is Fisher's transform of the correlation, so equal steps divide the unexplained share of a picture by equal
factors. A pair is linked only if it is stronger than an absolute bound, than nearly all look-alike pairs of the data
set, and by a margin than its own two pictures' look-alikes. A group of linked pictures is kept only if its weakest
link is stronger by a margin than its strongest tie to any picture outside: chains of ever so slightly different
pictures do not pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Measured:
    """Correlations at the best alignment of candidate pairs and of look-alike pairs among n pictures.

    Attributes:
        first: `(p,)` int64 rows.
        second: `(p,)` int64 rows.
        score: `(p,)` float32 in -1–1.
        control_first: `(c,)` int64 rows.
        control_second: `(c,)` int64 rows.
        control_score: `(c,)` float32 in -1–1.
    """

    first: np.ndarray
    second: np.ndarray
    score: np.ndarray
    control_first: np.ndarray
    control_second: np.ndarray
    control_score: np.ndarray


@dataclass(frozen=True)
class Thresholds:
    """When a pair is a duplicate.

    Attributes:
        correlation: Absolute bound, 0–1.
        careful: The bound where look-alikes come near it.
        distinct: By how much the bound must exceed nearly all look-alike pairs (Fisher's z), at most up to `careful`.
        alone: The bound where the data set is too small to have look-alikes.
        certain: Correlation at which a pair is linked whatever the look-alikes reach.
        control_quantile: Share of the look-alike pairs that a link must exceed.
        control_margin: By how much a link must exceed its own pictures' look-alikes (Fisher's z).
        gap: By how much a group's weakest link must exceed its strongest tie to the outside (Fisher's z).
        background: Correlation below which a tie counts as none.
    """

    correlation: float = 0.95
    careful: float = 0.98
    distinct: float = 0.8
    alone: float = 0.985
    certain: float = 0.998
    control_quantile: float = 0.999
    control_margin: float = 1.1
    gap: float = 0.25
    background: float = 0.75


def group_duplicates(rows: int, measured: Measured, thresholds: Thresholds) -> np.ndarray:
    """Group n pictures by verified pairs.

    Args:
        rows: Number of pictures n.
        measured: What was measured between them.
        thresholds: When a pair is a duplicate.

    Returns:
        `(n,)` int64: the smallest row of each picture's group, its own row if it has no duplicate.
    """
    strength = _fisher(measured.score)
    controls = _fisher(measured.control_score)
    bound = np.arctanh(thresholds.correlation if len(controls) else thresholds.alone)
    if len(controls):
        nearly_all = float(np.quantile(controls, thresholds.control_quantile))
        careful = float(np.arctanh(thresholds.careful))
        bound = max(bound, min(careful, nearly_all + thresholds.distinct), nearly_all)
    own = _strongest_controls(rows, measured, controls)
    needed = np.maximum(bound, np.maximum(own[measured.first], own[measured.second]) + thresholds.control_margin)
    linked = strength >= np.minimum(needed, np.arctanh(thresholds.certain))
    background = float(np.arctanh(thresholds.background))
    return _persistent_groups(rows, measured, np.where(linked, strength, np.minimum(strength, bound)), linked,
                              background, thresholds.gap)  # fmt: skip


def _fisher(correlation: np.ndarray) -> np.ndarray:
    return np.asarray(np.arctanh(np.clip(correlation, 0, 0.99995)), np.float64)


def _strongest_controls(rows: int, measured: Measured, strength: np.ndarray, count: int = 2) -> np.ndarray:
    """Mean strength of each picture's strongest look-alike pairs `(n,)`."""
    row = np.concatenate([measured.control_first, measured.control_second])
    value = np.concatenate([strength, strength])
    order = np.lexsort((-value, row))
    row, value = row[order], value[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    row, value = row[rank < count], value[rank < count]
    return np.asarray(np.bincount(row, value, rows) / np.maximum(1, np.bincount(row, minlength=rows)))


def _persistent_groups(
    rows: int, measured: Measured, strength: np.ndarray, linked: np.ndarray, background: float, gap: float
) -> np.ndarray:
    """Largest groups in the single-linkage tree of the linked pairs that stand out by `gap`.

    A node below `rows` is a picture; others are groups, made when two nodes join at a level.
    """
    group_of = np.arange(rows)
    weakest: dict[int, float] = {}
    parts: dict[int, tuple[int, int]] = {}
    stands_out: set[int] = set()
    parent = list(range(rows))

    def top(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    links = np.flatnonzero(linked)
    for edge in links[np.argsort(-strength[links], kind="stable")].tolist():
        a, b = top(int(measured.first[edge])), top(int(measured.second[edge]))
        if a == b:
            continue
        level = float(strength[edge])
        stands_out.update(node for node in (a, b) if node >= rows and weakest[node] - level >= gap)
        joined = len(parent)
        parent.append(joined)
        parent[a] = parent[b] = joined
        parts[joined], weakest[joined] = (a, b), level

    tops = np.array([top(row) for row in range(rows)], np.int64)
    tie = np.full(len(parent), background)
    first, second = tops[measured.first], tops[measured.second]
    leaving = first != second
    np.maximum.at(tie, first[leaving], strength[leaving])
    np.maximum.at(tie, second[leaving], strength[leaving])
    roots = [int(node) for node in np.unique(tops) if node >= rows]
    stands_out.update(node for node in roots if weakest[node] - tie[node] >= gap)

    waiting = roots
    while waiting:
        node = waiting.pop()
        if node in stands_out:
            members = _pictures(node, parts)
            group_of[members] = min(members)
        else:
            waiting.extend(part for part in parts[node] if part >= rows)
    return group_of


def _pictures(node: int, parts: dict[int, tuple[int, int]]) -> list[int]:
    found, waiting = [], [node]
    while waiting:
        node = waiting.pop()
        if node in parts:
            waiting.extend(parts[node])
        else:
            found.append(node)
    return found


def connected_groups(rows: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Label `(rows,)` int64 of each row's connected component under the pairs given."""
    edges = coo_matrix((np.ones(len(first), np.int8), (first, second)), shape=(rows, rows))
    return np.asarray(connected_components(edges, directed=False)[1], np.int64)
