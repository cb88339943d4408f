"""How the members of an ensemble agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toolkit.errors import ConfigError, DataError


def majority(probabilities: np.ndarray) -> np.ndarray:
    """Majority vote, ties broken by mean probability.

    The result is (votes + mean probability) / (m + 1): votes differ by whole numbers and mean probabilities by less,
    so the highest value is the class with most votes and, among equals, the one with the highest mean probability.

    Args:
        probabilities: `(m, n, k)` of m members.

    Returns:
        `(n, k)` float32, rows sum to 1.
    """
    members = _checked(probabilities)
    votes = np.zeros(members.shape[1:], np.float64)
    for member in members:
        votes[np.arange(len(member)), member.argmax(axis=1)] += 1
    return np.asarray((votes + members.mean(axis=0)) / (len(members) + 1), np.float32)


def mean(probabilities: np.ndarray) -> np.ndarray:
    """Mean probability.

    Args:
        probabilities: `(m, n, k)` of m members.

    Returns:
        `(n, k)` float32, rows sum to 1.
    """
    return np.asarray(_checked(probabilities).mean(axis=0), np.float32)


VOTES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"majority": majority, "mean": mean}


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


def _checked(probabilities: np.ndarray) -> np.ndarray:
    members = np.asarray(probabilities, np.float64)
    if members.ndim != 3 or not len(members):
        raise DataError(f"A vote needs probabilities of shape (members, pictures, classes), got {members.shape}.")
    if not np.isfinite(members).all():
        broken = int(np.flatnonzero(~np.isfinite(members).all(axis=(1, 2)))[0])
        raise DataError(
            f"Member {broken} (counted from 0) has probabilities that are not finite. Train it again or leave it out."
        )
    return members
