"""Labels that contradict their pictures: confident learning on out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from toolkit.cleaning.issues import Issue

# Chosen on halves of the blood and trash pictures with flipped labels; figures of the other halves, where trash is no
# better than plain cleanlab, are in the docstring of benchmarks/label_errors.py.
_COMPONENTS = 256
_ROWS_PER_COMPONENT = 5  # fewer pictures cannot tell the covariance of so many features
_SHRINKAGE = 0.1  # towards a multiple of the identity, 0–1


def cross_validated_probabilities(
    embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray, n_classes: int, n_folds: int, seed: int
) -> np.ndarray:
    """Out-of-fold probabilities of a linear discriminant analysis on principal components.

    A logistic regression bends its border around every wrong label it can reach; class means and one covariance,
    averaged over all pictures, hardly move with them, and take a tenth of the time.

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
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold

    # Whole groups are dealt out by the label of their first picture (StratifiedGroupKFold takes seconds).
    _, first, codes = np.unique(groups.astype(str), return_index=True, return_inverse=True)
    strata = labels[first]
    folds = min(n_folds, int(np.unique(strata, return_counts=True)[1].min(initial=n_folds)))
    probabilities = np.full((len(labels), n_classes), 1.0 / n_classes)
    if folds < 2 or len(np.unique(strata)) < 2:
        return probabilities
    count = max(1, min(_COMPONENTS, len(embeddings) // _ROWS_PER_COMPONENT, embeddings.shape[1]))
    points = PCA(count, random_state=seed).fit_transform(embeddings).astype(np.float64)
    for _, held_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(strata, strata):
        outside = np.isin(codes, held_out)
        train, test = np.flatnonzero(~outside), np.flatnonzero(outside)
        model = LinearDiscriminantAnalysis("lsqr", shrinkage=_SHRINKAGE).fit(points[train], labels[train])
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

    Returns:
        Issues in the order of the pictures. Their score is one minus the probability of the given label, so higher is
        worse; their reason names both labels and the probabilities of each; their label is the suggested one.
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
        label, other = int(labels[row]), int(suggested[row])
        given, likely = probabilities[row, [label, other]]
        reason = f"labelled {class_names[label]} ({given:.3f}), looks like {class_names[other]} ({likely:.3f})"
        score = float(np.clip(1 - quality[row], 0, 1))
        issues.append(Issue(name, "label_error", score, groups.get(name, ""), action, reason, other))
    return issues
