"""Whether two classifiers differ on the same pictures: McNemar's test, paired intervals, Holm's correction, power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom
from scipy.stats import t as student

RESAMPLES = 10_000


@dataclass(frozen=True)
class McNemar:
    """McNemar's test of the pictures on which two classifiers disagree.

    Attributes:
        gained: Pictures that only the second gets right.
        lost: Pictures that only the first gets right.
        exact: Two-sided exact p, conditional on the number of disagreements (McNemar 1947).
        mid: Two-sided mid-p: the exact p less half the probability of the outcome that was seen (on each side).
    """

    gained: int
    lost: int
    exact: float
    mid: float


def mcnemar(one: np.ndarray, other: np.ndarray) -> McNemar:
    """McNemar's test of two classifiers on the same pictures.

    The exact test never errs more often than it says, but much less often, and so misses differences; the mid-p test
    keeps its level too in nearly all cases and sees more (Fagerland, Lydersen, Laake 2013, BMC Medical Research
    Methodology 13:91, who recommend it). No approximation by χ² is used.

    Args:
        one: `(n,)` bool, where the first classifier is right.
        other: `(n,)` bool of the second, on the same pictures in the same order.
    """
    gained, lost = int((other & ~one).sum()), int((one & ~other).sum())
    n, fewer = gained + lost, min(gained, lost)
    tail, at = float(binom.cdf(fewer, n, 0.5)), float(binom.pmf(fewer, n, 0.5))
    # With as many gained as lost both tails hold the outcome itself, so twice the tail would exceed 1.
    mid = 2 * tail - at if gained != lost else 1 - at / 2 if n else 1.0
    return McNemar(gained, lost, min(1.0, 2 * tail), min(1.0, mid))


@dataclass(frozen=True)
class Spread:
    """A mean difference and how well it is known.

    Attributes:
        value: The difference, −1 to 1.
        error: Its standard error.
        freedom: Degrees of freedom of the error.
    """

    value: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """Two-sided p of no difference, by Student's t."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * student.sf(abs(self.value) / self.error, self.freedom))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The ends of Student's interval."""
        half = self.error * float(student.ppf((1 + level) / 2, self.freedom)) if self.error else 0.0
        return self.value - half, self.value + half


def over_pictures(differences: np.ndarray, clusters: np.ndarray) -> Spread:
    """Mean difference with the error of having seen these pictures and no others.

    The linearised variance of a ratio over clusters (Cochran 1977, chapter 9A): what belongs together, such as near
    duplicates or one patient's pictures, counts as one observation, however large.

    Args:
        differences: `(n,)` second minus first, each −1 to 1.
        clusters: `(n,)` int, the group of each picture.
    """
    mean = float(differences.mean())
    sums, sizes = _by_cluster(differences, clusters)
    count = len(sums)
    if count < 2:
        return Spread(mean, math.inf, 1)
    residual = sums - mean * sizes
    variance = float((residual**2).sum()) / len(differences) ** 2 * count / (count - 1)
    return Spread(mean, math.sqrt(variance), count - 1)


def over_runs(one: Sequence[float], other: Sequence[float], *, matched: bool) -> Spread:
    """Difference of mean accuracies with the error of having trained these runs and no others.

    Args:
        one: Accuracy of each run of the first configuration, at least 2.
        other: Of the second.
        matched: Whether the runs belong together in this order, such as by their seed; what the seed does to both
            (its split, say) then cancels. Otherwise Welch's variance (Welch 1947).
    """
    first, second = np.asarray(one, float), np.asarray(other, float)
    if matched:
        gaps = second - first
        return Spread(float(gaps.mean()), float(gaps.std(ddof=1)) / math.sqrt(len(gaps)), len(gaps) - 1)
    parts = [(float(x.var(ddof=1)) / len(x), len(x) - 1.0) for x in (first, second)]
    return Spread(float(second.mean() - first.mean()), *_added(parts))


def over_both(pictures: Spread, runs: Spread) -> Spread:
    """The error of other pictures and other runs together: variances add, Satterthwaite's degrees of freedom.

    Chance that belongs to single pictures in single runs is in both parts, so the error is rather too large than too
    small (as with the bootstrap of crossed random effects: Owen 2007, Annals of Applied Statistics 1:386).
    """
    error, freedom = _added([(pictures.error**2, pictures.freedom), (runs.error**2, runs.freedom)])
    return Spread(pictures.value, error, freedom)


def _added(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Error and degrees of freedom (Satterthwaite 1946) of a sum of independent (variance, freedom)."""
    total = sum(variance for variance, _ in parts)
    if total == 0 or not math.isfinite(total):
        return math.sqrt(total), min(freedom for _, freedom in parts)
    return math.sqrt(total), total**2 / sum(variance**2 / freedom for variance, freedom in parts)


def paired_bootstrap(
    differences: np.ndarray, clusters: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % percentile interval of the mean difference over resampled pictures (Efron 1979), whole clusters at a time.

    Args:
        differences: `(n,)` second minus first on each picture: both stay together.
        clusters: `(n,)` int, the group of each picture.
        seed: Of the resampling.
        resamples: Their number.
    """
    sums, sizes = _by_cluster(differences, clusters)
    # Clusters alike are exchangeable: resampling them is drawing how often each kind comes.
    kinds, counts = np.unique(np.stack([sums, sizes], axis=1), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(sums), counts / len(sums), resamples)  # (resamples, kinds)
    means = (draws @ kinds[:, 0]) / (draws @ kinds[:, 1])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _by_cluster(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and size of each cluster."""
    _, place = np.unique(clusters, return_inverse=True)
    return np.bincount(place, values), np.bincount(place).astype(float)


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected for their number by Holm's step-down method (Holm 1979), in the order given.

    The chance of any false finding among them stays below the level at which the corrected values are judged, however
    they depend on each other.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    corrected = [1.0] * len(values)
    so_far = 0.0
    for rank, index in enumerate(order):
        so_far = max(so_far, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = so_far
    return corrected


def pictures_needed(
    difference: float, pictures: Spread, n: int, runs: Spread | None = None, *, level: float = 0.05, power: float = 0.8
) -> float:
    """Pictures on which a true difference as large as this would be found with the power.

    From the variance a picture has here: n·(z₁₋α/₂ + z_power)²·error²/difference², for a single run each about what
    Connor's formula for paired proportions gives (Connor 1987, Biometrics 43:207).

    Args:
        difference: To be found, −1 to 1.
        pictures: The error over the n pictures at hand.
        n: Pictures at hand.
        runs: The error over runs, which no number of pictures reduces; None for a single run each.
        level: Two-sided.
        power: Chance of finding it.

    Returns:
        Their number; infinite where no number would do.
    """
    freedom = math.inf if runs is None else over_both(pictures, runs).freedom
    wanted = (difference / _quantiles(level, power, freedom)) ** 2 - (runs.error**2 if runs else 0.0)
    return n * pictures.error**2 / wanted if wanted > 0 else math.inf


def smallest_seen(spread: Spread, *, level: float = 0.05, power: float = 0.8) -> float:
    """About the smallest true difference that is found with the power, given the error."""
    return _quantiles(level, power, spread.freedom) * spread.error


def _quantiles(level: float, power: float, freedom: float) -> float:
    return float(student.ppf(1 - level / 2, freedom) + student.ppf(power, freedom))
