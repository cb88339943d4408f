"""What a hidden test may score, foretold from the local tests alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.estimates.scale import Estimate, expit, family_weights, logit, shortest

DRAWS = 20_000
# What is believed before any test: accuracy falls by this much on the logit scale, with this standard deviation (about
# what a change of family does to networks for small pictures), worth so many families.
PRIOR_DROP, PRIOR_SD, PRIOR_FAMILIES = 1.5, 1.0, 3.0
PRIOR_MEAN_FAMILIES = 0.5
UNSHIFTED = 5


def predictive_interval(
    clean: float, accuracy: Sequence[float], families: Sequence[str], pictures: int, seed: int = 0
) -> Estimate:
    """Foretell the accuracy under a shift of a family that no local test contains.

    The model: on the logit scale, the accuracy of test j of family f is μ + u_f + e_fj, with family effects
    u ~ N(0, τ²) and effects of corruption and severity within the family e ~ N(0, σ²). A hidden test is a test of a new
    family, so it lies about μ with variance τ² (1 + 1/F) + σ², drawn as a Student t with as many degrees of freedom as
    families (and what a weak prior adds) warrant. With probability 1 / (F + 5) it is not shifted at all: one in five to
    begin with, less with every family that does shift (a Beta(1, 4) prior). No shift makes it better than the clean
    test. Then its pictures are drawn. The interval is the shortest that holds 90 % of what is drawn so, its point the
    median.

    Args:
        clean: Accuracy on clean pictures, 0–1.
        accuracy: `(t,)` accuracies under corruptions; may be empty.
        families: `(t,)` family of each.
        pictures: Pictures of the hidden test, or of the local ones where that is unknown.
        seed: Of the draws.

    Raises:
        DataError: Not one family a test, no pictures, or accuracies that are not within 0 to 1.
    """
    values = np.asarray(accuracy, np.float64)
    if len(values) != len(families) or pictures < 1 or not ((values >= 0) & (values <= 1)).all() or not 0 <= clean <= 1:
        raise DataError(
            f"The interval of the hidden score needs accuracies of 0 to 1, one family each and at least one picture; "
            f"got a clean accuracy of {clean}, {len(values)} others, {len(families)} families and {pictures} pictures."
        )
    centre, spread, freedom, count = _new_family(logit(values), families, float(logit(clean)))
    rng = np.random.default_rng([seed, 6])
    drawn = centre + spread * rng.standard_t(freedom, DRAWS)
    unshifted = rng.random(DRAWS) < 1 / (count + UNSHIFTED)
    ceiling = logit(clean)
    share = expit(np.where(unshifted, ceiling, np.minimum(drawn, ceiling)))
    scores = rng.binomial(pictures, share) / pictures
    low, high = shortest(scores)
    tests = f"{len(values)} corrupted local tests of {count} {'family' if count == 1 else 'families'}"
    return Estimate(float(np.median(scores)), low, high, f"what a new family of shifts would do, from {tests}")


def _new_family(values: np.ndarray, families: Sequence[str], clean: float) -> tuple[float, float, float, int]:
    """Centre, standard deviation and degrees of freedom for a test of a new family, and how many families there are."""
    names = np.unique(np.asarray(families))
    count = len(names)
    if not count:
        return clean - PRIOR_DROP, PRIOR_SD * np.sqrt(1 + 1 / PRIOR_MEAN_FAMILIES), PRIOR_FAMILIES, 0
    means = np.array([values[np.asarray(families) == name].mean() for name in names])
    prior = clean - PRIOR_DROP
    centre = (means.sum() + PRIOR_MEAN_FAMILIES * prior) / (count + PRIOR_MEAN_FAMILIES)
    # The mean square about the mean of all holds both parts of the variance, τ² and σ², each family weighing alike.
    total = float(family_weights(families) @ (values - means.mean()) ** 2) * count
    freedom = PRIOR_FAMILIES + count - 1
    variance = (PRIOR_FAMILIES * PRIOR_SD**2 + total * (count - 1) / count) / freedom
    return float(centre), float(np.sqrt(variance * (1 + 1 / (count + PRIOR_MEAN_FAMILIES)))), freedom, count


def winkler(low: float, high: float, truth: float, level: float = 0.9) -> float:
    """The interval's score: its width, and 2 / (1 − level) for each point that the truth lies outside (Winkler 1972).

    Less is better; guessing too narrow is punished as much as guessing too wide.
    """
    outside = max(0.0, low - truth) + max(0.0, truth - high)
    return high - low + 2 / (1 - level) * outside
