"""Labels that contradict their pictures: confident learning on out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from toolkit.cleaning.issues import Issue

_COMPONENTS = 128
_PENALTY = 0.01  # inverse strength


def cross_validated_probabilities(
    embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray, n_classes: int, n_folds: int, seed: int
) -> np.ndarray:
    """Out-of-fold probabilities of a logistic regression on whitened principal components.

    Whitening and a strong penalty make up for there being few pictures a feature; without them the probabilities are
    too sure of themselves, and confident learning takes hard pictures for wrong labels.

    Args:
        embeddings: `(n, d)` float32.
        labels: `(n,)` int.
        groups: `(n,)` group of each picture; groups are not split.
        n_classes: k.
        n_folds: Folds; fewer where a class has fewer groups.
        seed: Of the folds.

    Returns:
        `(n, k)` float64; uniform where a class set is too small to be cross-validated.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    smallest = min((len(set(groups[labels == label].tolist())) for label in np.unique(labels)), default=0)
    folds = min(n_folds, smallest)
    probabilities = np.full((len(labels), n_classes), 1.0 / n_classes)
    if folds < 2 or len(np.unique(labels)) < 2:
        return probabilities
    count = min(_COMPONENTS, len(embeddings) // 2, embeddings.shape[1])
    points = PCA(count, whiten=True, random_state=seed).fit_transform(embeddings)
    codes = np.unique(groups.astype(str), return_inverse=True)[1]
    for train, test in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(points, labels, codes):
        model = LogisticRegression(C=_PENALTY, max_iter=300).fit(points[train], labels[train])
        probabilities[test] = 0.0
        probabilities[np.ix_(test, model.classes_)] = model.predict_proba(points[test])
    return probabilities


def label_error_issues(
    image_ids: Sequence[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    action: str,
    groups: Mapping[str, str],
) -> list[Issue]:
    """Labels that confident learning (Northcutt et al. 2021, arXiv 1911.00068) holds to be wrong.

    Args:
        image_ids: n names.
        labels: `(n,)` int.
        probabilities: `(n, k)` out of fold.
        class_names: Names by index.
        action: What is done with them.
        groups: Group of duplicates by image id.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    present = np.unique(labels)
    if len(present) < 2:
        return []
    shares = probabilities[:, present]
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    codes = np.searchsorted(present, labels)
    flagged = find_label_issues(codes, shares, filter_by="both", n_jobs=1)
    quality = get_label_quality_scores(codes, shares)
    suggested = present[shares.argmax(axis=1)]
    issues = []
    for row in np.flatnonzero(flagged).tolist():
        name = str(image_ids[row])
        reason = f"labelled {class_names[labels[row]]}, looks like {class_names[suggested[row]]}"
        issues.append(
            Issue(
                name, "label_error", float(1 - quality[row]), groups.get(name, ""), action, reason, int(suggested[row])
            )
        )
    return issues
