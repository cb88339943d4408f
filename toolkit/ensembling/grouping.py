"""Folds of out-of-fold predictions, on which a blend is learned and judged in turn."""

from __future__ import annotations

import numpy as np

from toolkit.errors import DataError


def group_folds(labels: np.ndarray, groups: np.ndarray, n_splits: int = 5, *, seed: int = 0) -> np.ndarray:
    """Stratified folds that keep groups whole.

    Groups are dealt out in turn, class by class (a group counts for its most common class) and the largest first. A
    class with fewer groups than folds is absent from some folds: a blend learned without it is still judged on it.

    Args:
        labels: `(n,)` int in 0…k−1.
        groups: `(n,)` group of each picture.
        n_splits: Folds; as many as there are groups where these are fewer.
        seed: Of the draw.

    Returns:
        `(n,)` int64 fold of each picture.

    Raises:
        DataError: There are fewer than two groups.
    """
    codes = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1].ravel()
    count = int(codes.max(initial=-1)) + 1
    if count < 2:
        raise DataError(
            f"All {len(labels)} pictures with out-of-fold predictions belong to one group, so nothing is left to judge "
            "a vote on that was learned from the others. Set ensemble.vote to majority or mean, or check `data.group`."
        )
    classes = int(labels.max()) + 1
    pictures = np.bincount(codes * classes + labels, minlength=count * classes).reshape(count, classes)
    shuffled = np.random.default_rng(seed).permutation(count)
    order = np.lexsort((shuffled, -pictures.sum(axis=1), pictures.argmax(axis=1)))  # by class, then size, then chance
    fold = np.empty(count, np.int64)
    fold[order] = np.arange(count) % min(n_splits, count)
    return np.asarray(fold[codes])
