"""Pictures that do not belong: far from all others in embedding space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from toolkit.cleaning.issues import Issue

NEIGHBOURS = 10
THRESHOLD = 6.0
_COMPONENTS = 64


def outlier_scores(embeddings: np.ndarray) -> np.ndarray:
    """How far each picture is from its 10th neighbour, in upward deviations from the median of the logarithm.

    Args:
        embeddings: `(n, d)` float32.

    Returns:
        `(n,)` float64; 0 is the median, 1 the 84th percentile.
    """
    if len(embeddings) < 3 * NEIGHBOURS:
        return np.zeros(len(embeddings))
    centred = embeddings - embeddings.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    _, vectors = np.linalg.eigh(covariance.astype(np.float64))
    kept = vectors[:, ::-1][:, : min(_COMPONENTS, len(embeddings) // 4)].astype(np.float32)
    points = centred @ kept
    squares = (points**2).sum(axis=1)
    distance = np.empty(len(points))
    for start in range(0, len(points), 2048):
        part = points[start : start + 2048]
        between = squares[start : start + 2048, None] + squares[None] - 2 * part @ points.T
        distance[start : start + 2048] = np.partition(between, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    log = np.log(np.maximum(distance, 1e-9))
    median = np.median(log)
    return np.asarray((log - median) / max(np.quantile(log, 0.84) - median, 1e-9))


def outlier_issues(
    image_ids: Sequence[str], scores: np.ndarray, action: str, groups: Mapping[str, str], threshold: float = THRESHOLD
) -> list[Issue]:
    """Pictures whose score is above a threshold.

    Args:
        image_ids: n names.
        scores: `(n,)` from `outlier_scores`.
        action: What is done with them.
        groups: Group of duplicates by image id.
        threshold: In upward deviations.
    """
    issues = []
    for row in np.flatnonzero(scores > threshold).tolist():
        name = str(image_ids[row])
        score = float(1 - threshold / (threshold + scores[row]))
        reason = f"unlike the other pictures: {scores[row]:.1f} deviations from the median distance to its neighbours"
        issues.append(Issue(name, "outlier", score, groups.get(name, ""), action, reason))
    return issues
