"""Temperature scaling (Guo et al. 2017, arXiv 1706.04599) on out-of-fold predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.ensembling.checks import check_labels, check_members
from toolkit.ensembling.grouping import group_folds
from toolkit.ensembling.votes import log, softmax
from toolkit.metrics import calibration_error, metric

LOWEST, HIGHEST = 0.05, 20.0  # temperatures beyond these say no more than these
_HALVINGS = 60


@dataclass(frozen=True)
class Calibration:
    """What one temperature does to the predictions of one member; errors are measured on folds it was not fitted on.

    Attributes:
        temperature: Fitted on all pictures; above 1 the member was too sure of itself.
        error_before: Expected calibration error, 0–1, as predicted.
        error_after: The same after scaling.
        loss_before: Log loss as predicted.
        loss_after: The same after scaling.
    """

    temperature: float
    error_before: float
    error_after: float
    loss_before: float
    loss_after: float


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T), float64; log p is the logits up to a constant that the softmax takes away.

    Args:
        probabilities: `(…, k)`; values below 1e-7 count as 1e-7.
        temperature: T > 0; above 1 flattens, 1 changes nothing.
    """
    return softmax(log(probabilities) / temperature)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of the lowest log loss, 0.05 to 20.

    Log loss is convex in 1/T, so its slope changes sign once at most and halving finds the place; where it never does,
    as for predictions that are all right, the end of the range is returned.

    Args:
        probabilities: `(n, k)`, rows sum to 1.
        labels: `(n,)` int in 0…k−1.

    Raises:
        DataError: No probabilities, labels that do not fit, or one class only.
    """
    scores = log(check_members(probabilities[None])[0])
    labels = check_labels(labels, *scores.shape)
    wanted = float(scores[np.arange(len(labels)), labels].mean())

    def slope(inverse: float) -> float:  # of the log loss by 1/T
        return float((softmax(inverse * scores) * scores).sum(axis=1).mean()) - wanted

    low, high = 1 / HIGHEST, 1 / LOWEST
    if slope(low) >= 0:
        return HIGHEST
    if slope(high) <= 0:
        return LOWEST
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return float(1 / (low * high) ** 0.5)


def calibrate(probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, seed: int = 0) -> Calibration:
    """Fit a temperature, and measure on folds that it was not fitted on what it does.

    Args:
        probabilities: `(n, k)`, rows sum to 1.
        labels: `(n,)` int in 0…k−1.
        groups: `(n,)` group of each picture; no group is on both sides.
        seed: Of the folds.
    """
    rows = check_members(probabilities[None])[0]
    labels = check_labels(labels, *rows.shape)
    folds = group_folds(labels, groups, seed=seed)
    scaled = np.empty_like(rows)
    for fold in np.unique(folds):
        inside = folds == fold
        learnable = len(np.unique(labels[~inside])) > 1
        scaled[inside] = temper(rows[inside], fit_temperature(rows[~inside], labels[~inside]) if learnable else 1.0)
    loss = metric("log_loss").function
    return Calibration(
        temperature=fit_temperature(rows, labels),
        error_before=calibration_error(labels, rows),
        error_after=calibration_error(labels, scaled),
        loss_before=loss(labels, rows),
        loss_after=loss(labels, scaled),
    )
