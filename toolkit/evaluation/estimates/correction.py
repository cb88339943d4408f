"""Estimates from unlabelled target pictures, corrected by what the leaderboard said of other submissions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.estimates.scale import Z90, Estimate, expit, logit, picture_noise

# Variances on the logit scale of what such an estimate is wrong by: alike for all models, alike for models that the
# local tests find alike (whose accuracies differ by less than LENGTH), and of each model alone.
SHARED, ALIKE, OWN, LENGTH = 0.05, 0.10, 0.02, 0.7


def corrected(
    estimate: float, past: Sequence[float], scores: Sequence[float], profiles: np.ndarray, pictures: int
) -> Estimate:
    """Correct an estimate by the errors of the same kind of estimate for past submissions.

    On one hidden test, the estimates of similar models err alike. The errors are a Gaussian process on the logit scale
    over the models' accuracies on the local tests: covariance 0.05 + 0.10 exp(−d² / 2·0.7²), d the root mean square
    difference of two models' logits, and 0.02 of each model's own.

    Args:
        estimate: For the candidate, from unlabelled target pictures, 0–1.
        past: `(m,)` the same for past submissions.
        scores: `(m,)` what the leaderboard said of these.
        profiles: `(m + 1, c)` accuracies on local tests, the candidate's last.
        pictures: Of the hidden test, or a guess at it.

    Raises:
        DataError: Shapes that do not fit.
    """
    table = logit(np.asarray(profiles, np.float64))
    if not len(past) == len(scores) == len(table) - 1 or pictures < 1 or table.ndim != 2:
        raise DataError(
            f"A correction needs one score and one row of local tests for each past estimate, and one row for the "
            f"candidate; got {len(past)} estimates, {len(scores)} scores and {len(table)} rows."
        )
    squared = ((table[:, None] - table[None]) ** 2).mean(axis=-1)
    covariance = SHARED + ALIKE * np.exp(-squared / (2 * LENGTH**2))
    said = np.asarray(scores, np.float64)
    observed = covariance[:-1, :-1] + np.diag(OWN + picture_noise(said, pictures))
    gain = np.linalg.solve(observed, covariance[:-1, -1]) if len(said) else np.empty(0)
    value = float(logit(estimate) + gain @ (logit(said) - logit(np.asarray(past, np.float64))))
    left = covariance[-1, -1] + OWN - gain @ covariance[:-1, -1] + picture_noise(expit(value), pictures)
    reach = Z90 * np.sqrt(float(left))
    low, point, high = expit(value + reach * np.array([-1, 0, 1]))
    words = f"the target pictures' estimate, corrected by {len(said)} past score{'s' if len(said) != 1 else ''}"
    return Estimate(float(point), float(low), float(high), words)
