"""The local tests as the set on which signals are calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.estimates.combination import combine, single_estimates
from toolkit.evaluation.estimates.confidence import Reference, Signals, agreement_of_votes, fit_reference, signals
from toolkit.evaluation.estimates.scale import Estimate
from toolkit.evaluation.estimates.shares import Shares, called_shares, confusion, estimate_shares, redraw

# Concentrations of the class shares with which each local test is drawn again: a mild and a strong change.
REDRAWN, MOST_REDRAWN = (10.0, 2.0), 500


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
class Foretold:
    """What pictures without labels say.

    Attributes:
        combined: All signals together.
        usual: The same, fitted for class shares as in training alone: nearer where they are, and then the one that past
            scores correct best.
        single: Each signal alone, by name.
        shares: Of the classes.
    """

    combined: Estimate
    usual: Estimate
    single: dict[str, Estimate]
    shares: Shares


@dataclass(frozen=True)
class Calibration:
    """What a network's signals mean, as its local tests tell.

    Attributes:
        reference: From the clean test.
        signals: Of each local test, the clean one first; then of the same tests with other class shares.
        accuracy: Of the same.
        families: Of the same, empty for the clean one.
        redrawn: Which of them have other class shares.
        confusions: `(t, k, k)` P(predicted | true) of the local tests as they are.
        voters: Members whose majority vote the probabilities are; 0 for probabilities of another kind.
    """

    reference: Reference
    signals: tuple[Signals, ...]
    accuracy: tuple[float, ...]
    families: tuple[str, ...]
    redrawn: tuple[bool, ...]
    confusions: np.ndarray
    voters: int

    @classmethod
    def of(cls, tests: Sequence[KnownTest], voters: int = 0) -> Calibration:
        """Calibrate.

        Args:
            tests: The clean test first.
            voters: Members whose majority vote the probabilities are; 0 for probabilities of another kind.
        """
        reference = fit_reference(_means(tests[0].probabilities, voters), tests[0].labels)
        others = [again for number, test in enumerate(tests) for again in with_other_shares(test, number)]
        every = [*tests, *others]
        called = [test.probabilities.argmax(axis=1) for test in every]
        return cls(
            reference=reference,
            signals=tuple(_signals(reference, test.probabilities, voters) for test in every),
            accuracy=tuple(float((row == test.labels).mean()) for row, test in zip(called, every, strict=True)),
            families=tuple(test.family for test in every),
            redrawn=(False,) * len(tests) + (True,) * len(others),
            confusions=np.stack([
                confusion(row, test.labels, len(reference.class_shares))
                for row, test in zip(called, tests, strict=False)
            ]),
            voters=voters,
        )  # fmt: skip

    def estimate(self, probabilities: np.ndarray) -> Foretold:
        """What pictures without labels say.

        Args:
            probabilities: `(n, k)` of the same network or vote.
        """
        target = _signals(self.reference, probabilities, self.voters)
        tests, pictures = len(self.confusions), len(probabilities)
        predicted = called_shares(probabilities.argmax(axis=1), probabilities.shape[1])
        shares = estimate_shares(
            predicted, self.reference.class_shares, self.confusions, self.families[:tests], pictures
        )
        plain = self.signals[:tests], self.accuracy[:tests], self.families[:tests]
        return Foretold(
            combine(self.signals, self.accuracy, self.families, target, pictures, self.redrawn, shares.differ),
            combine(*plain, target, pictures),
            single_estimates(*plain, target),
            shares,
        )


def with_other_shares(test: KnownTest, number: int) -> list[KnownTest]:
    """A local test drawn again with class shares of Dirichlet distributions; `number` seeds the draws."""
    rng = np.random.default_rng([number, 61])
    drawn = [redraw(test.labels, spread, min(len(test.labels), MOST_REDRAWN), rng) for spread in REDRAWN]
    return [KnownTest(test.family, test.labels[rows], test.probabilities[rows]) for rows in drawn]


def _signals(reference: Reference, probabilities: np.ndarray, voters: int) -> Signals:
    agreed = agreement_of_votes(probabilities, voters)[1] if voters > 1 else None
    return signals(reference, _means(probabilities, voters), agreed)


def _means(probabilities: np.ndarray, voters: int) -> np.ndarray:
    return agreement_of_votes(probabilities, voters)[0] if voters > 1 else probabilities
