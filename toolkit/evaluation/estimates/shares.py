"""Whether the classes of target pictures have the shares of training, and what a network shows where they have not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.estimates.scale import Z90, family_weights, logit
from toolkit.metrics.confusion import called_given_true, confusion_counts

# Belief in unchanged shares before any picture was seen; otherwise a Dirichlet distribution about the known shares,
# each of these concentrations alike.
SAME, CONCENTRATIONS = 0.5, (10.0, 3.0, 1.0)
SEEM_OTHER = 0.9
# Variance of a predicted share that no local test explains.
_FLOOR = 1e-4
_FEW = 0.02


@dataclass(frozen=True)
class Shares:
    """Estimated shares of the classes among target pictures.

    Attributes:
        known: `(k,)` true shares of the local tests, which are those of training; sum 1.
        predicted: `(k,)` how often the network names each class among the target pictures; sum 1.
        point: `(k,)` estimated shares, sum 1.
        low: `(k,)` lower ends of their 90 % intervals.
        high: `(k,)` upper ends.
        differ: Probability that they are not the known ones.
    """

    known: tuple[float, ...]
    predicted: tuple[float, ...]
    point: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    differ: float

    @property
    def seem_other(self) -> bool:
        """Whether the shares seem to differ."""
        return self.differ >= SEEM_OTHER


def estimate_shares(
    predicted: np.ndarray, known: np.ndarray, confusions: np.ndarray, families: Sequence[str], pictures: int
) -> Shares:
    """How far unusual predictions are explained by the corruptions of the local tests, and how far by other shares.

    A linear Gaussian model: the predicted shares are h = C q + d. C is the mean confusion matrix of the local tests,
    every family weighing alike; d is what corruptions change, with mean 0 and the covariance of (C_t − C) q₀ over local
    tests t, and the draw of the pictures; q is q₀, or normal with the mean q₀ and the covariance of a Dirichlet
    distribution. The evidence for each tells how likely the shares differ; q is averaged over what is left. It is a
    weak test: a corruption that makes a network name one class looks much like a test in which that class is frequent.

    Args:
        predicted: `(k,)` predicted shares, sum 1.
        known: `(k,)` q₀, sum 1.
        confusions: `(t, k, k)` P(predicted | true) of the local tests, indexed (predicted, true).
        families: `(t,)` of the local tests.
        pictures: Of the target.
    """
    weights = family_weights(families)
    mean = np.einsum("t,tij->ij", weights, confusions)
    away = (confusions - mean) @ known
    noise = (weights[:, None] * away).T @ away
    noise += np.diag(_FLOOR + (predicted * (1 - predicted) + _FLOOR) / pictures)
    residual = predicted - mean @ known
    evidence, centres, variances = [], [], []
    for concentration in (np.inf, *CONCENTRATIONS):
        prior = (np.diag(known) - np.outer(known, known)) / (concentration + 1)
        total = mean @ prior @ mean.T + noise
        gain = np.linalg.solve(total, mean @ prior).T
        evidence.append(-(residual @ np.linalg.solve(total, residual) + np.linalg.slogdet(total)[1]) / 2)
        centres.append(known + gain @ residual)
        variances.append(np.diag(prior - gain @ mean @ prior))
    belief = np.array([SAME, *[(1 - SAME) / len(CONCENTRATIONS)] * len(CONCENTRATIONS)])
    belief = belief * np.exp(np.array(evidence) - max(evidence))
    belief /= belief.sum()
    centre = belief @ np.array(centres)
    reach = Z90 * np.sqrt(np.maximum(belief @ (np.array(variances) + (np.array(centres) - centre) ** 2), 0))
    point = np.clip(centre, 0, 1) / np.clip(centre, 0, 1).sum()
    low, high = np.minimum(np.clip(centre - reach, 0, 1), point), np.maximum(np.clip(centre + reach, 0, 1), point)
    return Shares(
        known=tuple(known.tolist()),
        predicted=tuple(predicted.tolist()),
        point=tuple(point.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        differ=float(1 - belief[0]),
    )


def confusion(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """P(predicted | true), `(k, k)` indexed (predicted, true), of `(n,)` ints; columns without pictures are 0."""
    return called_given_true(confusion_counts(labels, predicted, classes).T)


def redraw(labels: np.ndarray, concentration: float, pictures: int, rng: np.random.Generator) -> np.ndarray:
    """Rows `(pictures,)`, drawn with replacement, in which the classes that occur have shares of a Dirichlet."""
    present, place = np.unique(labels, return_inverse=True)
    wanted = rng.dirichlet(np.full(len(present), concentration))
    weights = (wanted / np.bincount(place))[place]
    return rng.choice(len(labels), pictures, p=weights / weights.sum())


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Total variation distance of two distributions `(k,)`, 0–1."""
    return float(np.abs(one - other).sum() / 2)


def called_shares(called: np.ndarray, classes: int) -> np.ndarray:
    """`(k,)` shares of the classes among those named, `(n,)` int; all alike where none is."""
    return np.bincount(called, minlength=classes) / len(called) if len(called) else np.full(classes, 1 / classes)


def class_confidence(surest: np.ndarray, called: np.ndarray, classes: int) -> np.ndarray:
    """`(k,)` mean confidence `(n,)` of the pictures that are called by each class; of all where none is."""
    counts = np.bincount(called, minlength=classes)
    sums = np.bincount(called, weights=surest, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1), surest.mean())


def overcalled_fall(shares: np.ndarray, known: np.ndarray, confidence: np.ndarray, clean: np.ndarray) -> float:
    """How much surer (negative: less sure) a network is of the classes it names too often than on clean pictures.

    The mean difference of the logits of `confidence` and `clean` (`(k,)` each) over classes, weighted by how much their
    predicted `shares` exceed the `known` ones. Classes that are named more often because there are more of them are
    named as surely as ever; those that a corruption suggests are mostly not.
    """
    excess = np.maximum(shares - known, 0)
    return float(excess @ (logit(confidence) - logit(clean)) / max(float(excess.sum()), _FEW))
