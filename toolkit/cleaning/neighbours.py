"""Nearest neighbours among whitened descriptions of pictures, by exact search in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

_BLOCK = 1024
_SAMPLE = 20_000
_EXTRA, _ITERATIONS = 32, 6


@dataclass(frozen=True)
class Neighbours:
    """Neighbours of n rows by falling cosine similarity.

    Attributes:
        nearest: `(n, k)` int64 rows, the nearest first, never the row itself.
        ranked: `(n, r)` int64: for each asked rank that exists, the row at that rank.
    """

    nearest: np.ndarray
    ranked: np.ndarray


def principal_components(features: np.ndarray, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Centred projections on the directions of largest variance.

    Args:
        features: `(n, d)`.
        dims: Largest number of directions; fewer if there are fewer rows or columns.

    Returns:
        `(n, q)` float32 projections and `(q,)` variances, falling.
    """
    features = np.asarray(features, np.float32)
    centred = features - features.mean(axis=0)
    sample = centred[:: max(1, len(centred) // _SAMPLE)]
    covariance = sample.T @ sample / np.float32(max(1, len(sample)))
    kept = min(dims, max(1, len(features) - 1), features.shape[1])
    variances, directions = _leading_eigenvectors(covariance, kept)
    return centred @ directions, np.maximum(variances, 0)


def _leading_eigenvectors(matrix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest eigenvalues `(q,)`, falling, and their vectors `(d, q)` of a covariance matrix.

    Block power iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4): for a tenth of a thousand directions, a small
    part of the work of a whole decomposition.
    """
    width = min(len(matrix), count + _EXTRA)
    basis = np.random.default_rng(0).standard_normal((len(matrix), width)).astype(np.float32)
    if width == len(matrix):
        basis = np.eye(width, dtype=np.float32)
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(matrix @ basis)[0] if width < len(matrix) else basis
    values, vectors = np.linalg.eigh((basis.T @ matrix @ basis).astype(np.float64))
    return values[::-1][:count], (basis @ vectors[:, ::-1][:, :count]).astype(np.float32)


def whiten(features: np.ndarray, dims: int = 128, floor: float = 0.05) -> np.ndarray:
    """Principal components of equal variance, so that what all pictures share does not make them neighbours.

    Args:
        features: `(n, d)`.
        dims: Number of directions.
        floor: Share of the mean variance added to each, against blowing up noise.

    Returns:
        `(n, q)` float32.
    """
    projections, variances = principal_components(features, dims)
    return np.asarray(projections / np.sqrt(variances + floor * variances.mean() + 1e-12), np.float32)


def find_neighbours(
    features: np.ndarray, k: int, ranks: Sequence[int] = (), workers: int = 2, among: np.ndarray | None = None
) -> Neighbours:
    """Find the k nearest rows of each row by cosine similarity.

    Args:
        features: `(n, d)` float32.
        k: Number of neighbours; at most as many as there are.
        ranks: Also give the neighbours at these ranks (0 = nearest), where there are so many.
        workers: Threads.
        among: `(m, d)` rows to search instead of `features` itself; there no row is left out.
    """
    unit = _unit(features)
    base = unit if among is None else _unit(among)
    rows, others = len(unit), len(base) - (among is None)
    k = min(k, others)
    ranks = [rank for rank in ranks if rank < others]
    depth = max([k, *(rank + 1 for rank in ranks)], default=0)
    nearest, ranked = np.empty((rows, k), np.int64), np.empty((rows, len(ranks)), np.int64)

    def search(start: int) -> None:
        stop = min(start + _BLOCK, rows)
        similarity = unit[start:stop] @ base.T
        if among is None:
            similarity[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        found = np.argpartition(similarity, len(base) - depth, axis=1)[:, len(base) - depth :]
        values = np.take_along_axis(similarity, found, axis=1)
        found = np.take_along_axis(found, np.argsort(-values, axis=1, kind="stable"), axis=1)
        nearest[start:stop] = found[:, :k]
        ranked[start:stop] = found[:, ranks]

    if depth > 0:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(search, range(0, rows, _BLOCK)))
    return Neighbours(nearest, ranked)


def _unit(features: np.ndarray) -> np.ndarray:
    return np.asarray(features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-9))
