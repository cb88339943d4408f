"""Scores of predictions, each with a 95 % confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from toolkit.errors import DataError
from toolkit.metrics.calibration import calibration_error
from toolkit.metrics.confusion import confusion_counts

RESAMPLES = 1000
_Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


@dataclass(frozen=True)
class Measured:
    """A figure with the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class.

    Attributes:
        precision: Share of the pictures called this class that are of it; 0 where none was called so.
        recall: Share of its pictures that were called so; 0 where it has none.
        f1: Harmonic mean of both, 0 where both are 0.
        support: Its pictures.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """Everything measured on one set of predictions.

    Macro averages weigh every class that occurs equally, weighted ones by its pictures; classes without pictures are
    left out of both. Intervals: Wilson's for accuracy, percentile bootstrap over pictures for the others.

    Attributes:
        n: Pictures.
        confusion: `(k, k)` counts, rows true, columns predicted.
        calibration_error: Expected calibration error over 15 bins of equal width (Guo et al. 2017), None without
            probabilities.
        log_loss: Mean −log of the true class's probability, None without probabilities.
    """

    n: int
    accuracy: Measured
    macro_precision: Measured
    macro_recall: Measured
    macro_f1: Measured
    weighted_precision: Measured
    weighted_recall: Measured
    weighted_f1: Measured
    log_loss: Measured | None
    calibration_error: float | None
    per_class: tuple[ClassScores, ...]
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def score(labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str], *, seed: int = 0) -> Scores:
    """Score probabilities against labels.

    Args:
        labels: `(n,)` int in 0…k−1.
        probabilities: `(n, k)` rows that sum to 1.
        class_names: `(k,)`.
        seed: Of the bootstrap.

    Raises:
        DataError: Shapes that do not fit, no pictures, labels out of range, or probabilities that are not finite.
    """
    labels = np.asarray(labels, np.int64)
    if probabilities.shape != (len(labels), len(class_names)):
        raise DataError(
            f"Probabilities have shape {probabilities.shape}, but there are {len(labels)} labels and "
            f"{len(class_names)} classes."
        )
    if not np.isfinite(probabilities).all():
        row = int(np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[0])
        raise DataError(
            f"Row {row} of the probabilities is not finite: {probabilities[row].tolist()}. The model that made them is "
            "broken; look for a loss of NaN in its history."
        )
    found = score_labels(labels, probabilities.argmax(axis=1), class_names, seed=seed)
    losses = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1.0))
    means = _bootstrap_means(losses, seed)
    loss = Measured(float(losses.mean()), *(float(end) for end in np.percentile(means, [2.5, 97.5])))
    values = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return Scores(**{**values, "log_loss": loss, "calibration_error": calibration_error(labels, probabilities)})


def score_labels(labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], *, seed: int = 0) -> Scores:
    """Score predicted labels `(n,)` against labels `(n,)`, both int in 0…k−1.

    Raises:
        DataError: No pictures, or labels out of range.
    """
    labels, predicted = np.asarray(labels, np.int64), np.asarray(predicted, np.int64)
    k = len(class_names)
    if not len(labels) or len(labels) != len(predicted):
        raise DataError(f"There are {len(labels)} labels and {len(predicted)} predictions; equal numbers are needed.")
    if min(labels.min(), predicted.min()) < 0 or max(labels.max(), predicted.max()) >= k:
        raise DataError(f"Labels must lie in 0 to {k - 1}, one for each class: every picture must be labelled.")
    n = len(labels)
    confusion = confusion_counts(labels, predicted, k)
    # Pictures with equal label and prediction are exchangeable: resampling pictures is resampling the matrix.
    draws = np.random.default_rng(seed).multinomial(n, confusion.ravel() / n, RESAMPLES).reshape(RESAMPLES, k, k)
    point, resampled = averages(confusion[None])[0], averages(draws)
    ends = np.percentile(resampled, [2.5, 97.5], axis=0)
    means = [Measured(float(point[i]), float(ends[0, i]), float(ends[1, i])) for i in range(6)]
    precision, recall, f1 = (part[0] for part in _by_class(confusion[None]))
    return Scores(
        n=n,
        accuracy=wilson(int(np.trace(confusion)), n),
        macro_precision=means[0],
        macro_recall=means[1],
        macro_f1=means[2],
        weighted_precision=means[3],
        weighted_recall=means[4],
        weighted_f1=means[5],
        log_loss=None,
        calibration_error=None,
        per_class=tuple(
            ClassScores(float(precision[i]), float(recall[i]), float(f1[i]), int(confusion[i].sum())) for i in range(k)
        ),
        class_names=tuple(class_names),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
    )


def wilson(successes: float, n: int) -> Measured:
    """A proportion with Wilson's 95 % score interval (Wilson 1927).

    Args:
        successes: 0…n; a fraction where it is a mean over several tests of the same pictures.
        n: At least 1.
    """
    share = successes / n
    centre = (share + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
    half = _Z95 / (1 + _Z95**2 / n) * np.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n * n))
    # Rounding must not push an end past the share itself.
    return Measured(share, float(max(0.0, min(share, centre - half))), float(min(1.0, max(share, centre + half))))


def _by_class(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 `(b, k)` of matrices `(b, k, k)`."""
    right = np.diagonal(confusion, axis1=1, axis2=2).astype(float)
    called, true = confusion.sum(axis=1), confusion.sum(axis=2)
    precision = right / np.maximum(called, 1)
    recall = right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(called + true, 1)
    return precision, recall, f1


def averages(confusion: np.ndarray) -> np.ndarray:
    """`(b, 6)`: macro, then weighted precision, recall, F1 of matrices `(b, k, k)`."""
    true = confusion.sum(axis=2)
    occurs = true > 0
    columns = []
    for weights in (occurs.astype(float), true.astype(float)):
        shares = weights / weights.sum(axis=1, keepdims=True)
        columns += [(part * shares).sum(axis=1) for part in _by_class(confusion)]
    return np.stack(columns, axis=1)


def _bootstrap_means(values: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)])
