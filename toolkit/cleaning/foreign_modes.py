"""Find contaminations that come in crowds: hundreds of look-alikes, among which nearest neighbours see nothing strange.

What gives a crowd away is its labels. A genuine crowd has the labels of its kind; pictures that were mixed in from
elsewhere carry labels drawn like those of the whole set. Such pictures are the seeds of a classifier, which then finds
their whole crowd by training on its own out-of-fold answers. The answer counts only if it separates the crowd by a
gap: hard genuine pictures also have mixed labels around them, but they fade into their kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolkit.cleaning.neighbours import find_neighbours

_NEIGHBOURS, _SMOOTHED = 50, 20
_NOISE_FACTOR, _MEDIAN_SHARE = 1.5, 0.25
_FEWEST_SEEDS, _MOST_SEEDS = 10, 0.3  # pictures; share of all
_FOLDS, _ROUNDS, _PENALTY = 3, 12, 40.0
_AMBIGUOUS = 0.2


def label_information(subjects: np.ndarray, labels: np.ndarray, workers: int = 2) -> tuple[np.ndarray, float]:
    """How much the labels around each picture tell, compared with those of the whole set.

    Args:
        subjects: `(n, q)` description.
        labels: `(n,)` int.
        workers: Threads.

    Returns:
        `(n,)` Kullback–Leibler divergence, in nats, of the labels of 50 neighbours from all labels, averaged over 20
        neighbours; and what chance alone would give, `(classes - 1) / 100`.
    """
    codes = np.unique(labels, return_inverse=True)[1].reshape(-1)
    classes = int(codes.max()) + 1
    prior = np.bincount(codes) / len(codes)
    nearest = find_neighbours(subjects, _NEIGHBOURS, workers=workers).nearest
    shares = np.stack([(codes[nearest] == index).mean(axis=1) for index in range(classes)], axis=1)
    shares = (shares * _NEIGHBOURS + prior) / (_NEIGHBOURS + 1)
    divergence = (shares * np.log(shares / prior)).sum(axis=1)
    return divergence[nearest[:, :_SMOOTHED]].mean(axis=1), (classes - 1) / (2 * _NEIGHBOURS)


@dataclass(frozen=True)
class Foreign:
    """What the labels around n pictures say of where the pictures come from.

    Attributes:
        seeds: `(n,)` bool, pictures around which labels tell nothing.
        crowd: `(n,)` float64 in 0–1, out-of-fold probability of belonging to a foreign crowd; all 0 where none
            stands apart.
    """

    seeds: np.ndarray
    crowd: np.ndarray


def find_foreign(
    subjects: np.ndarray,
    scenes: np.ndarray,
    labels: np.ndarray,
    seed: int = 0,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> Foreign:
    """Find pictures around which labels tell nothing, and the crowd that they may belong to.

    Args:
        subjects: `(n, q)` from `describe`.
        scenes: `(n, p)` from `describe`.
        labels: `(n,)` int.
        seed: Of the folds.
        workers: Threads.
        on_progress: Called with (rounds done, most rounds).
    """
    rows = len(labels)
    nothing = Foreign(np.zeros(rows, bool), np.zeros(rows))
    if rows < 4 * _NEIGHBOURS or len(np.unique(labels)) < 2:
        return nothing
    information, noise = label_information(subjects, labels, workers)
    seeds = information < max(_NOISE_FACTOR * noise, _MEDIAN_SHARE * float(np.median(information)))
    if not _is_few(seeds):
        return nothing
    foreign, settled, probability = seeds, False, np.zeros(rows)
    for turn in range(_ROUNDS):
        probability = resemblance(subjects, scenes, foreign, seed)
        if on_progress:
            on_progress(turn + 1, _ROUNDS)
        found = probability > 0.5
        settled = int((found != foreign).sum()) <= 0.005 * max(1, int(found.sum()))
        foreign = found
        if settled or not _is_few(found):
            break
    if on_progress:
        on_progress(_ROUNDS, _ROUNDS)
    ambiguous = ((probability > 0.1) & (probability < 0.9)).sum() / max(1, int(foreign.sum()))
    apart = settled and _is_few(foreign) and ambiguous <= _AMBIGUOUS
    return Foreign(seeds, probability if apart else np.zeros(rows))


def _is_few(chosen: np.ndarray) -> bool:
    return _FEWEST_SEEDS <= int(chosen.sum()) <= _MOST_SEEDS * len(chosen)


def resemblance(subjects: np.ndarray, scenes: np.ndarray, chosen: np.ndarray, seed: int = 0) -> np.ndarray:
    """Out-of-fold probability `(n,)` of each picture to be like the chosen ones, by logistic regression.

    Args:
        subjects: `(n, q)` from `describe`.
        scenes: `(n, p)` from `describe`.
        chosen: `(n,)` bool.
        seed: Of the folds.
    """
    from sklearn.linear_model import LogisticRegression

    rows = len(chosen)
    points = np.concatenate([subjects, scenes], axis=1)
    points /= points.std(axis=0) + 1e-9
    fold = np.random.default_rng(seed).permutation(rows) % _FOLDS
    probability = np.zeros(rows)
    for held_out in range(_FOLDS):
        train = fold != held_out
        if 2 <= chosen[train].sum() <= train.sum() - 2:
            model = LogisticRegression(C=_PENALTY / rows, max_iter=200, class_weight="balanced")
            probability[~train] = model.fit(points[train], chosen[train]).predict_proba(points[~train])[:, 1]
    return probability
