"""Pictures that do not belong, scattered or in crowds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.cleaning.foreign_modes import find_foreign, resemblance
from toolkit.cleaning.issues import Issue

THRESHOLD = 4.3
_TRIMMED, _RIDGE, _ROUNDS, _FOLDS = 0.85, 0.03, 4, 5
_FEWEST, _FEWEST_SEEDS = 60, 10
_MIXED_GROUP, _MIXED_LABELS = 8, 3
# Nearer pictures than `THRESHOLD` count where labels speak against them too.
_SEED_DISTANCE, _KIN_DISTANCE = 1.0, 3.0


@dataclass(frozen=True)
class OutlierScores:
    """What speaks for n pictures not to belong.

    Attributes:
        distance: `(n,)` from `distances`.
        crowd: `(n,)` probability of belonging to a foreign crowd, see `foreign_modes.find_foreign`.
        seeds: `(n,)` bool, pictures around which labels tell nothing.
        kin: `(n,)` probability of being like the seeds and the far ones, 0 where there are no seeds.
        mixed: `(n,)` bool, copies of one picture under labels as mixed as those of the whole set.
    """

    distance: np.ndarray
    crowd: np.ndarray
    seeds: np.ndarray
    kin: np.ndarray
    mixed: np.ndarray


def distances(subjects: np.ndarray, scenes: np.ndarray, labels: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """How far each picture is from the nearest class, in upward deviations from the median of the logarithm.

    Mahalanobis distances in the joint description, from class means and one covariance, both estimated on the 85 % of
    the pictures that are nearest (the idea of Rousseeuw's minimum covariance determinant, without its search).

    Args:
        subjects: `(n, q)` from `describe`.
        scenes: `(n, p)` from `describe`.
        labels: `(n,)` int.
        left_out: `(n,)` bool, pictures already known not to belong: they do not count in the estimates.

    Returns:
        `(n,)` float64; 0 is the median, 1 the 84th percentile.
    """
    points = np.concatenate([subjects, scenes], axis=1).astype(np.float32)
    codes = np.unique(labels, return_inverse=True)[1].reshape(-1)
    usable = ~left_out
    if usable.sum() < _FEWEST:
        return np.zeros(len(points))
    fold = np.random.default_rng(0).permutation(len(points)) % _FOLDS
    kept, squares = usable.copy(), np.zeros(len(points))
    for _ in range(_ROUNDS):
        for held_out in range(_FOLDS):
            # Pictures that took part in an estimate are nearer to it than others; so none does in its own.
            asked = fold == held_out
            squares[asked] = _squares(points[asked], points[kept & ~asked], codes[kept & ~asked])
        kept = usable & (squares <= np.quantile(squares[usable], _TRIMMED))
    log = np.log(np.maximum(squares, 1e-9)).astype(np.float64)
    median = np.median(log[usable])
    return np.asarray((log - median) / max(np.quantile(log[usable], 0.84) - median, 1e-9))


def _squares(points: np.ndarray, known: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance of points to the nearest class mean of known ones, with their common covariance."""
    counts = np.bincount(codes)
    present = np.flatnonzero(counts >= 2)
    trusted = np.isin(codes, present)
    known, codes = known[trusted], np.searchsorted(present, codes[trusted])
    centres = np.stack([known[codes == code].mean(axis=0) for code in range(len(present))])
    residual = known - centres[codes]
    covariance = (residual.T @ residual / len(residual)).astype(np.float64)
    covariance += _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    whitener = np.linalg.inv(np.linalg.cholesky(covariance)).T.astype(np.float32)
    flat = points @ whitener
    return np.asarray(np.min([((flat - centre) ** 2).sum(axis=1) for centre in centres @ whitener], axis=0))


def mixed_copies(image_ids: Sequence[str], labels: np.ndarray, groups: Sequence[Sequence[str]]) -> np.ndarray:
    """Which pictures are copies, eight or more, of one picture under labels like those of the whole set.

    Args:
        image_ids: n names.
        labels: `(n,)` int.
        groups: Duplicates.

    Returns:
        `(n,)` bool. A group counts if it has three labels or more and the most common of them holds less than halfway
        from its share of the whole set to all of the group.
    """
    row = {str(name): index for index, name in enumerate(image_ids)}
    share = np.bincount(labels, minlength=int(labels.max(initial=0)) + 1) / max(1, len(labels))
    mixed = np.zeros(len(labels), bool)
    for group in groups:
        rows = [row[name] for name in group if name in row]
        counts = np.bincount(labels[rows], minlength=len(share))
        top = int(counts.argmax())
        if len(rows) >= _MIXED_GROUP and (counts > 0).sum() >= _MIXED_LABELS:
            mixed[rows] = counts[top] / len(rows) < (share[top] + 1) / 2
    return mixed


def score_outliers(
    subjects: np.ndarray,
    scenes: np.ndarray,
    labels: np.ndarray,
    mixed: np.ndarray,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> OutlierScores:
    """Measure all that speaks for n pictures not to belong; judging is `outlier_issues`' part.

    Args:
        subjects: `(n, q)` from `describe`.
        scenes: `(n, p)` from `describe`.
        labels: `(n,)` int.
        mixed: `(n,)` bool from `mixed_copies`.
        seed: Of the folds.
        on_progress: Called with (rounds done, most rounds).
    """
    foreign = find_foreign(subjects, scenes, labels, seed, on_progress=on_progress)
    known = mixed | (foreign.crowd > 0.5)
    distance = distances(subjects, scenes, labels, known)
    seeds = foreign.seeds & ~known
    kin = np.zeros(len(labels))
    if seeds.sum() >= _FEWEST_SEEDS:
        rest = np.flatnonzero(~known)
        chosen = (seeds | (distance > THRESHOLD))[rest]
        kin[rest] = resemblance(subjects[rest], scenes[rest], chosen, seed)
    return OutlierScores(distance, foreign.crowd, seeds, kin, mixed)


def outlier_issues(
    image_ids: Sequence[str],
    scores: OutlierScores,
    action: str,
    groups: Mapping[str, str],
    threshold: float = THRESHOLD,
) -> list[Issue]:
    """Pictures that do not belong, with the strongest reason.

    Args:
        image_ids: n names.
        scores: What was measured.
        action: What is done with them.
        groups: Group of duplicates by image id.
        threshold: Of `distance`.
    """
    issues = []
    far_enough = scores.distance > threshold
    mixed_labels = scores.seeds & (scores.distance > _SEED_DISTANCE)
    kin = (scores.kin > 0.5) & (scores.distance > _KIN_DISTANCE)
    flagged = scores.mixed | (scores.crowd > 0.5) | far_enough | mixed_labels | kin
    for row in np.flatnonzero(flagged).tolist():
        name, far, crowd = str(image_ids[row]), float(scores.distance[row]), float(scores.crowd[row])
        score = float(np.clip(1 - threshold / (threshold + max(far, 0.0)), 0, 1))
        if scores.mixed[row]:
            score, reason = 1.0, "one of many copies whose labels are as mixed as those of the whole set"
        elif crowd > 0.5:
            score = max(score, crowd)
            reason = f"belongs to a crowd of look-alikes with mixed labels, probability {crowd:.2f}"
        elif not far_enough[row]:
            score = max(score, 0.5)
            what = "the labels around it tell nothing" if mixed_labels[row] else "like others that do not belong"
            reason = f"{what}; {far:.1f} deviations beyond the median distance from its class"
        else:
            reason = f"unlike the pictures of any class: {far:.1f} deviations beyond the median distance"
        issues.append(Issue(name, "outlier", score, groups.get(name, ""), action, reason))
    return issues
