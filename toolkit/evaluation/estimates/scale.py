"""Accuracies on the logit scale, where shifts of all strengths look alike and no estimate leaves 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.9
Z90 = 1.6448536269514722  # two-sided 90 % quantile of the normal distribution
# Half a picture in 250: an accuracy of 0 or 1 would be infinitely far away.
_EDGE = 0.002


@dataclass(frozen=True)
class Estimate:
    """An estimated hidden accuracy.

    Attributes:
        point: The most sensible single figure, 0–1.
        low: Lower end of the 90 % interval.
        high: Upper end.
        method: How it was made, a clause without a full stop.
        error: Its mean absolute error on local tests of families that it had not seen; None where that is not measured.
    """

    point: float
    low: float
    high: float
    method: str
    error: float | None = None


def logit(accuracy: np.ndarray | float) -> np.ndarray:
    """`log(a / (1 − a))`, the argument kept within 0.002 to 0.998."""
    kept = np.clip(np.asarray(accuracy, np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(kept / (1 - kept)))


def expit(value: np.ndarray | float) -> np.ndarray:
    """The inverse of `logit`."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(value, np.float64))))


def family_weights(families: Sequence[str]) -> np.ndarray:
    """`(n,)` weights that sum to 1, equal in total for every family, however many tests it has."""
    names, place, counts = np.unique(np.asarray(families), return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(names) * counts[place]), np.float64)


def picture_noise(accuracy: np.ndarray, pictures: int) -> np.ndarray:
    """Variance of the logit of an accuracy measured on so many pictures (delta method)."""
    kept = np.clip(accuracy, 0.02, 0.98)
    return np.asarray(1 / (pictures * kept * (1 - kept)))


def shortest(draws: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The shortest interval that holds a share `level` of the draws `(n,)`."""
    ordered = np.sort(draws)
    held = int(np.ceil(level * len(ordered)))
    widths = ordered[held - 1 :] - ordered[: len(ordered) - held + 1]
    start = int(widths.argmin())
    return float(ordered[start]), float(ordered[start + held - 1])
