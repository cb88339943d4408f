"""Which mix of corruptions explains past scores, and what the next candidate would score under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.estimates.scale import LEVEL, Estimate, family_weights

DRAWS, KEPT = 48_000, 4000
# Concentrations of the prior: few cells, several, many. A hidden test is more often one thing than everything.
CONCENTRATIONS = (1.0, 4.0, 16.0)
# What no mix of local tests explains: common to all models, and of each model alone (standard deviations).
SHARED, OWN = 0.05, 0.04
_FEWEST_EFFECTIVE = 200.0


@dataclass(frozen=True)
class Mix:
    """What the hidden test may be made of, as draws that are equally likely.

    Attributes:
        cells: c names, such as `clean` and `jpeg@3`.
        draws: `(d, c)` weights of the cells, rows sum to 1.
        offset: `(d,)` shared part that no cell explains, of each draw.
        best: Highest past score, None without any.
        scores: Past scores that were explained.
    """

    cells: tuple[str, ...]
    draws: np.ndarray
    offset: np.ndarray
    best: float | None
    scores: int

    @property
    def weights(self) -> np.ndarray:
        """`(c,)` expected weight of each cell, sums to 1."""
        return np.asarray(self.draws.mean(axis=0))

    def ends(self, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
        """`(c,)` lower and upper ends of each cell's weight."""
        tail = (1 - level) / 2
        low, high = np.quantile(self.draws, [tail, 1 - tail], axis=0)
        return low, high


@dataclass(frozen=True)
class Candidate:
    """What a candidate would score.

    Attributes:
        name: As given.
        estimate: Of its score.
        beats: Probability of a higher score than the best past one, None without any.
        gain: Expected improvement over the best past score, 0 where it is not beaten (Jones et al. 1998).
    """

    name: str
    estimate: Estimate
    beats: float | None
    gain: float | None


def fit_mix(
    cells: Sequence[str],
    families: Sequence[str],
    accuracy: np.ndarray,
    scores: Sequence[float],
    pictures: int,
    seed: int = 0,
) -> Mix:
    """Find the mixes that explain past scores.

    A past score is the mix of the model's own accuracies on the local tests, and something that no local test holds:
    `s_m = Σ_c w_c a_mc + b + e_m` with weights w from a Dirichlet prior in which every family (the clean test is one)
    weighs alike, b ~ N(0, 0.05²) shared by all models, and e_m of the model's own and of the draw of the pictures.
    The posterior is sampled by importance sampling from the prior; where too few draws fit, the likelihood is flattened
    until 200 of them count, which makes the answer vaguer, never surer.

    Args:
        cells: c local tests.
        families: `(c,)` family of each.
        accuracy: `(m, c)` of the m past submissions on them.
        scores: `(m,)` what the leaderboard said, 0–1; none at all gives the prior.
        pictures: Of the hidden test behind these scores, or a guess at it.
        seed: Of the draws.

    Raises:
        DataError: Shapes that do not fit, or values that are not within 0 to 1.
    """
    table, said = np.asarray(accuracy, np.float64).reshape(len(scores), len(cells)), np.asarray(scores, np.float64)
    if not cells or len(families) != len(cells) or pictures < 1:
        raise DataError(f"A mix needs local tests with one family each: got {len(cells)} and {len(families)}.")
    if not all(((part >= 0) & (part <= 1)).all() for part in (table, said)):
        raise DataError("Scores and accuracies of a mix must be fractions of 0 to 1, without gaps.")
    draws = _prior(tuple(families), seed)
    rng = np.random.default_rng([seed, 43])
    if not len(said):
        chosen = rng.integers(len(draws), size=KEPT)
        return Mix(tuple(cells), draws[chosen], SHARED * rng.standard_normal(KEPT), None, 0)
    left = said - draws @ table.T  # (d, m)
    noise = OWN**2 + np.clip(said * (1 - said), 0.01, None) / pictures
    precision = np.linalg.inv(np.diag(noise) + SHARED**2)
    fit = -0.5 * np.einsum("dm,mn,dn->d", left, precision, left)
    chosen = rng.choice(len(draws), KEPT, p=_tempered(fit))
    # The shared part given the draw and the scores is normal (conjugate).
    expected = SHARED**2 * left[chosen] @ precision.sum(axis=0)
    spread = float(np.sqrt(SHARED**2 - SHARED**4 * precision.sum()))
    offset = expected + spread * rng.standard_normal(KEPT)
    return Mix(tuple(cells), draws[chosen], offset, float(said.max()), len(said))


def foretell(mix: Mix, name: str, accuracy: Sequence[float], pictures: int) -> Candidate:
    """What a candidate would score under the mix.

    Args:
        mix: What past scores say.
        name: Of the candidate.
        accuracy: `(c,)` of it on the local tests.
        pictures: Of the hidden test, or a guess at it.
    """
    expected = np.clip(mix.draws @ np.asarray(accuracy, np.float64) + mix.offset, 0, 1)
    point = float(expected.mean())
    spread = np.sqrt(OWN**2 + max(point * (1 - point), 0.01) / pictures)
    drawn = np.clip(expected + spread * np.random.default_rng(47).standard_normal(len(expected)), 0, 1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    told = f"the mix of local tests that explains {mix.scores} past score{'s' if mix.scores != 1 else ''}"
    estimate = Estimate(point, float(low), float(high), told)
    if mix.best is None:
        return Candidate(name, estimate, None, None)
    ahead = drawn - mix.best
    return Candidate(name, estimate, float((ahead > 0).mean()), float(np.maximum(ahead, 0).mean()))


def rank(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates by expected improvement, or by expected score where nothing is to be improved on; best first."""
    return sorted(candidates, key=lambda row: (row.gain or 0.0, row.estimate.point), reverse=True)


@lru_cache(maxsize=4)
def _prior(families: tuple[str, ...], seed: int) -> np.ndarray:
    shape = family_weights(families)
    rng = np.random.default_rng([seed, 41])
    parts = [rng.standard_gamma(total * shape, (DRAWS // len(CONCENTRATIONS), len(shape))) for total in CONCENTRATIONS]
    raw = np.concatenate(parts) + 1e-12
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def _tempered(fit: np.ndarray) -> np.ndarray:
    """Probabilities of the draws, flattened as little as leaves enough of them to count."""
    power = 1.0
    while True:
        weights = np.exp(power * (fit - fit.max()))
        weights /= weights.sum()
        if 1 / float(weights @ weights) >= min(_FEWEST_EFFECTIVE, len(fit) / 10) or power < 1e-3:
            return np.asarray(weights)
        power *= 0.7
