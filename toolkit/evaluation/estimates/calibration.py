"""The local tests as the set on which signals are calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.estimates.combination import combine, single_estimates
from toolkit.evaluation.estimates.confidence import Reference, Signals, agreement_of_votes, fit_reference, signals
from toolkit.evaluation.estimates.scale import Estimate


@dataclass(frozen=True)
class KnownTest:
    """A local test: predictions of pictures whose labels are known.

    Attributes:
        family: Of its corruption, empty for clean pictures.
        labels: `(n,)` int.
        probabilities: `(n, k)`.
    """

    family: str
    labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """What a network's signals mean, as its local tests tell.

    Attributes:
        reference: From the clean test.
        signals: Of each local test, the clean one first.
        accuracy: Of the same.
        families: Of the same, empty for the clean one.
        voters: Members whose majority vote the probabilities are; 0 for probabilities of another kind.
    """

    reference: Reference
    signals: tuple[Signals, ...]
    accuracy: tuple[float, ...]
    families: tuple[str, ...]
    voters: int

    @classmethod
    def of(cls, tests: Sequence[KnownTest], voters: int = 0) -> Calibration:
        """Calibrate.

        Args:
            tests: The clean test first.
            voters: Members whose majority vote the probabilities are; 0 for probabilities of another kind.
        """
        mean = _means(tests[0].probabilities, voters)
        reference = fit_reference(mean, tests[0].labels)
        right = [float((test.probabilities.argmax(axis=1) == test.labels).mean()) for test in tests]
        found = [_signals(reference, test.probabilities, voters) for test in tests]
        return cls(reference, tuple(found), tuple(right), tuple(test.family for test in tests), voters)

    def estimate(self, probabilities: np.ndarray) -> tuple[Estimate, dict[str, Estimate]]:
        """The combined estimate for pictures without labels, and those of single signals by name.

        Args:
            probabilities: `(n, k)` of the same network or vote.
        """
        target = _signals(self.reference, probabilities, self.voters)
        known = (self.signals, self.accuracy, self.families)
        return combine(*known, target, len(probabilities)), single_estimates(*known, target)


def _signals(reference: Reference, probabilities: np.ndarray, voters: int) -> Signals:
    agreed = agreement_of_votes(probabilities, voters)[1] if voters > 1 else None
    return signals(reference, _means(probabilities, voters), agreed)


def _means(probabilities: np.ndarray, voters: int) -> np.ndarray:
    return agreement_of_votes(probabilities, voters)[0] if voters > 1 else probabilities
