"""How the members of an ensemble agree.

Every vote takes the probabilities `(m, n, k)` of m members for n pictures and k classes, and returns `(n, k)` float32
rows that sum to 1, of which the highest is the class voted for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from toolkit.ensembling.checks import check_members
from toolkit.errors import ConfigError, DataError

FLOOR = 1e-7  # below it a probability counts as this much, where its logarithm is taken


def majority(probabilities: np.ndarray) -> np.ndarray:
    """Majority vote, ties broken by mean probability.

    The result is (votes + mean probability) / (m + 1): votes differ by whole numbers and mean probabilities by less,
    so the highest value is the class with most votes and, among equals, the one with the highest mean probability.

    Args:
        probabilities: `(m, n, k)` of m members.

    Returns:
        `(n, k)` float32, rows sum to 1.
    """
    members = check_members(probabilities)
    votes = np.zeros(members.shape[1:], np.float64)
    for member in members:
        votes[np.arange(len(member)), member.argmax(axis=1)] += 1
    return _rows(votes + members.mean(axis=0))


def mean(probabilities: np.ndarray) -> np.ndarray:
    """Mean probability.

    Args:
        probabilities: `(m, n, k)` of m members.

    Returns:
        `(n, k)` float32, rows sum to 1.
    """
    return np.asarray(check_members(probabilities).mean(axis=0), np.float32)


def geometric(probabilities: np.ndarray) -> np.ndarray:
    """Geometric mean of the probabilities, scaled to sum to 1: a member that rules a class out weighs heavily.

    Args:
        probabilities: `(m, n, k)` of m members; values below 1e-7 count as 1e-7.

    Returns:
        `(n, k)` float32, rows sum to 1.
    """
    return np.asarray(softmax(log(check_members(probabilities)).mean(axis=0)), np.float32)


def rank(probabilities: np.ndarray) -> np.ndarray:
    """Mean rank of a picture among all pictures, class by class.

    Each member orders the n pictures by their probability of a class; the lowest has rank 1, equal ones share the mean
    of their ranks. The mean rank over members, plus mean probability / 2m for ties (smaller than any difference of mean
    ranks), is scaled to sum to 1 in each row. How sure a member is in general plays no part.

    Two things follow. The result depends on which pictures are predicted together, so all must be given at once. And
    every class is called about equally often, which is wrong where classes differ in size; the vote suits scores that
    order pictures, such as AUC.

    Args:
        probabilities: `(m, n, k)` of m members.

    Returns:
        `(n, k)` float32, rows sum to 1.
    """
    members = check_members(probabilities)
    ranks = np.zeros(members.shape[1:])
    for member in members:
        for label in range(members.shape[2]):
            ranks[:, label] += mean_ranks(member[:, label]) / len(members)
    return _rows(ranks + members.mean(axis=0) / (2 * len(members)))


def weighted(probabilities: np.ndarray, weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Weighted mean probability.

    Args:
        probabilities: `(m, n, k)` of m members.
        weights: `(m,)`, none negative, not all 0; they are scaled to sum to 1.

    Returns:
        `(n, k)` float32, rows sum to 1.

    Raises:
        DataError: Weights do not fit.
    """
    members = check_members(probabilities)
    shares = np.asarray(weights, np.float64)
    if shares.shape != (len(members),) or not np.isfinite(shares).all() or shares.min() < 0 or shares.sum() <= 0:
        raise DataError(
            f"{len(members)} members need as many weights, none negative and not all 0; got {shares.tolist()}."
        )
    return _rows(np.tensordot(shares / shares.sum(), members, axes=1))


VOTES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "majority": majority,
    "mean": mean,
    "geometric": geometric,
    "rank": rank,
}


def combine(vote: str, probabilities: np.ndarray) -> np.ndarray:
    """Combine members by the vote called `vote`.

    Args:
        vote: A name in `VOTES`.
        probabilities: `(m, n, k)`.

    Raises:
        ConfigError: There is no such vote.
    """
    if vote not in VOTES:
        raise ConfigError(f"There is no vote {vote!r}; known: {', '.join(VOTES)}.")
    return VOTES[vote](probabilities)


def log(probabilities: np.ndarray) -> np.ndarray:
    """Natural logarithm, of values below 1e-7 as of 1e-7."""
    return np.asarray(np.log(np.clip(np.asarray(probabilities, np.float64), FLOOR, 1.0)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, float64."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks 1…n of `(n,)` values from the lowest, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place.ravel()])


def _rows(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / values.sum(axis=1, keepdims=True), np.float32)
