"""From signals to accuracy, learned on the corrupted local tests, whose labels are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.estimates.confidence import Signals
from toolkit.evaluation.estimates.scale import Z90, Estimate, expit, family_weights, logit, picture_noise

# Name, how it is told, and the attribute of `Signals`.
SINGLE = {
    "mean confidence": ("mean confidence, the baseline", "mean_confidence"),
    "ATC": ("average thresholded confidence (Garg et al. 2022)", "thresholded_confidence"),
    "ATC entropy": ("average thresholded negative entropy (Garg et al. 2022)", "thresholded_entropy"),
    "DoC": ("difference of confidences (Guillory et al. 2021)", "confidence_difference"),
    "GDE": ("agreement between members (Jiang et al. 2022)", "agreement"),
    "COT": ("confidence optimal transport (Lu et al. 2023)", "transport"),
}
# Weight of the prior against the tests: as of so many tests for every feature; less where each was drawn again.
SHRINKAGE, SHRINKAGE_REDRAWN = 20.0, 5.0
# Weight of a local test as it is against that of the same test with other class shares: what is usual in a contest.
USUAL = 0.7
# What the residuals of a few tests are believed to spread by, on the logit scale, worth so many families.
PRIOR_SD, PRIOR_FAMILIES = 0.35, 3.0


def single_estimates(
    local: Sequence[Signals], accuracy: Sequence[float], families: Sequence[str], target: Signals
) -> dict[str, Estimate]:
    """Each signal alone, as its paper uses it, with its error on the corrupted local tests.

    Args:
        local: Signals of the local tests.
        accuracy: `(t,)` accuracies of the same.
        families: `(t,)` family of each, empty for the clean test; that one is not counted among the errors.
        target: Signals of the target pictures.

    Returns:
        By name of `SINGLE`; the interval is the root mean square error on the logit scale, times 1.645.
    """
    shifted = [row for row, family in enumerate(families) if family]
    found = {}
    for name, (words, attribute) in SINGLE.items():
        point = getattr(target, attribute)
        if point is None:
            continue
        values = np.array([getattr(local[row], attribute) for row in shifted], np.float64)
        spread, error = 1.0, None
        if shifted:
            truth = np.array([accuracy[row] for row in shifted])
            weights = family_weights([families[row] for row in shifted])
            spread = float(np.sqrt(weights @ (logit(truth) - logit(values)) ** 2))
            error = float(weights @ np.abs(values - truth))
        ends = expit(logit(point) + Z90 * spread * np.array([-1, 1]))
        found[name] = Estimate(point, float(ends[0]), float(ends[1]), words, error)
    return found


def combine(
    local: Sequence[Signals],
    accuracy: Sequence[float],
    families: Sequence[str],
    target: Signals,
    pictures: int,
    redrawn: Sequence[bool] | None = None,
    differ: float = 0.0,
) -> Estimate:
    """Estimate the accuracy on target pictures from all signals together.

    A ridge regression on the logit scale, `logit a = c + logit COT + β · x`: what optimal transport says, moved by a
    constant and, as far as the local tests insist, by the other signals. Each family weighs alike. Local tests that
    were drawn again with other class shares teach it how far optimal transport is to be believed. The error and the
    interval come from leaving each family out in turn, so they are those of families that were not fitted.

    Args:
        local: Signals of the local tests, the clean one among them.
        accuracy: `(t,)` accuracies of the same.
        families: `(t,)` family of each, empty for the clean test.
        target: Signals of the target pictures.
        pictures: Pictures of the target.
        redrawn: `(t,)` whether a test was drawn again with other class shares; None: none was.
        differ: Probability that the target has other class shares: error and spread are those of such tests by so much.

    Raises:
        DataError: No local test, or not one accuracy and family each.
    """
    other = np.array(redrawn if redrawn is not None else [False] * len(local), bool)
    if not len(local) == len(accuracy) == len(families) == len(other) or not len(local) or pictures < 1:
        raise DataError(
            f"An estimate needs at least one local test, with one accuracy and family each, and at least one target "
            f"picture; got {len(local)} tests, {len(accuracy)} accuracies, {len(families)} families, {pictures} "
            "pictures."
        )
    known = _Known(
        np.array([_features(row) for row in local]), logit(np.asarray(accuracy, np.float64)), np.array(families), other
    )
    value = float(known.predict(np.ones(len(local), bool), np.array([_features(target)]))[0])
    usual, odd = known.left_out(~other), known.left_out(other)
    odd = odd if odd[0] else usual
    freedom = PRIOR_FAMILIES + len(usual[0])
    variance = (PRIOR_FAMILIES * PRIOR_SD**2 + (1 - differ) * sum(usual[0]) + differ * sum(odd[0])) / freedom
    reach = _student(freedom) * float(np.sqrt(variance + picture_noise(expit(value), pictures)))
    ends = expit(value + reach * np.array([-1, 1]))
    error = float((1 - differ) * np.mean(usual[1]) + differ * np.mean(odd[1])) if usual[1] else None
    words = f"all signals together, fitted on {int((~other).sum())} local tests"
    return Estimate(float(expit(value)), float(ends[0]), float(ends[1]), words, error)


@dataclass(frozen=True)
class _Known:
    """Local tests: features `(t, d)`, logits of accuracy `(t,)`, families `(t,)`, and which were drawn again."""

    features: np.ndarray
    truth: np.ndarray
    families: np.ndarray
    redrawn: np.ndarray

    def predict(self, rows: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Logits for the features asked, fitted on these rows (a mask)."""
        weights = family_weights(self.families[rows].tolist())
        other = self.redrawn[rows]
        if other.any() and not other.all():
            weights = weights * np.where(other, (1 - USUAL) / other.sum(), USUAL / (~other).sum())
            weights = weights / weights.sum()
        shrinkage = (SHRINKAGE_REDRAWN if other.any() else SHRINKAGE) / int((~other).sum())
        return _fit_predict(self.features[rows], self.truth[rows], weights, asked, shrinkage)

    def left_out(self, counted: np.ndarray) -> tuple[list[float], list[float]]:
        """Mean squared residual on the logit scale and mean absolute error of each family that is left out in turn."""
        squares, missed = [], []
        for family in sorted(set(self.families.tolist()) - {""}):
            out = self.families == family
            asked = out & counted
            if out.all() or not asked.any():
                continue
            guessed = self.predict(~out, self.features[asked])
            squares.append(float(np.mean((self.truth[asked] - guessed) ** 2)))
            missed.append(float(np.mean(np.abs(expit(self.truth[asked]) - expit(guessed)))))
        return squares, missed


def _features(row: Signals) -> tuple[float, ...]:
    sure = float(logit(row.transport)), float(logit(row.thresholded_entropy))
    return (*sure, row.class_distance, row.sure_distance, row.overcalled_fall)


def _fit_predict(
    features: np.ndarray, truth: np.ndarray, weights: np.ndarray, asked: np.ndarray, shrinkage: float
) -> np.ndarray:
    """Ridge regression towards the first feature itself (slope 1), the others without effect; weights sum to 1."""
    centre = weights @ features
    scale = np.sqrt(weights @ (features - centre) ** 2)
    scale = np.where(scale > 1e-9, scale, 1.0)
    rest = truth - features[:, 0]
    constant = float(weights @ rest)
    inputs = (features - centre) / scale
    hessian = inputs.T @ (weights[:, None] * inputs) + shrinkage * np.eye(features.shape[1])
    slopes = np.linalg.solve(hessian, inputs.T @ (weights * (rest - constant)))
    return np.asarray(constant + asked[:, 0] + (asked - centre) / scale @ slopes)


def _student(freedom: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.95, freedom))
