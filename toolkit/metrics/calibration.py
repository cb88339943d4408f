"""Whether a network is as often right as it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in bins of equal width from 0 to 1; empty bins are left out.

    Attributes:
        confidence: Mean highest probability in each bin.
        accuracy: Share of its pictures that are right.
        counts: Its pictures.
    """

    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017, arXiv 1706.04599): mean gap over all pictures, 0–1."""
        gaps = np.abs(np.subtract(self.confidence, self.accuracy)) * self.counts
        return float(gaps.sum() / max(1, sum(self.counts)))


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """Sort pictures into bins by confidence (Guo et al. 2017, section 2).

    Args:
        labels: `(n,)` int in 0…k−1.
        probabilities: `(n, k)` rows that sum to 1.
        bins: Of equal width.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    held = counts > 0
    return Reliability(
        tuple((np.bincount(place, confidence, bins)[held] / counts[held]).tolist()),
        tuple((np.bincount(place, right, bins)[held] / counts[held]).tolist()),
        tuple(counts[held].tolist()),
    )


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599): mean gap of confidence and accuracy, 0–1."""
    return reliability(labels, probabilities, bins).error
