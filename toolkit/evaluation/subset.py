"""Some of the pictures, where all would take too long."""

from __future__ import annotations

import numpy as np


def stratified(labels: np.ndarray, n: int | None, seed: int) -> np.ndarray:
    """Rows of about `n` pictures, each class with its share of them and with one at least.

    Args:
        labels: `(m,)` int.
        n: Pictures wanted; None or m and more: all. Where there are more classes than that, one of each is taken.
        seed: Of the draw.

    Returns:
        `(n,)` int row numbers in ascending order.
    """
    total = len(labels)
    if n is None or n >= total:
        return np.arange(total)
    classes, counts = np.unique(labels, return_counts=True)
    quota = counts * (n / total)
    taken = np.maximum(1, np.floor(quota).astype(int))
    # What rounding down left over goes to the largest remainders (Hare's method).
    order = np.argsort(taken - quota, kind="stable")
    for place in order[: max(0, n - int(taken.sum()))]:
        taken[place] += 1
    rng = np.random.default_rng([seed, 307])
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:wanted] for label, wanted in zip(classes, taken, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
