"""Whether a network's features tell training from target pictures apart (adversarial validation)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.errors import DataError

MOST_PICTURES = 2000
_FOLDS = 5


@dataclass(frozen=True)
class Separation:
    """How well the two are told apart.

    Attributes:
        auc: Area under the ROC curve of classifiers that had not seen the pictures, 0.5 (alike) to 1.
        low: Lower end of its 95 % interval (Hanley & McNeil 1982).
        high: Upper end.
        rows: Rows of the target pictures that were looked at, the ones that give it away most first.
        scores: Probability of each to be a target picture, 0–1, in the same order.
    """

    auc: float
    low: float
    high: float
    rows: np.ndarray
    scores: np.ndarray


def separate(train: np.ndarray, target: np.ndarray, seed: int = 0) -> Separation:
    """Tell training from target pictures by a cross-validated logistic regression on features.

    Args:
        train: `(n, d)` features; above 2,000 pictures, that many are drawn.
        target: `(m, d)` features of the same network; likewise.
        seed: Of the draws and folds.

    Raises:
        DataError: Fewer than 10 pictures on a side, or features of different lengths.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if min(len(train), len(target)) < 2 * _FOLDS or train.shape[1] != target.shape[1]:
        raise DataError(
            f"Telling training from target pictures apart needs {2 * _FOLDS} of each and features of one length, got "
            f"{train.shape} and {target.shape}."
        )
    rng = np.random.default_rng([seed, 29])
    ours, rows = (rng.permutation(len(side))[:MOST_PICTURES] for side in (train, target))
    values = np.concatenate([train[ours], target[rows]]).astype(np.float32)
    is_target = np.repeat([0, 1], [len(ours), len(rows)])
    # Strongly regularised: there may be more features than pictures.
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300, class_weight="balanced"))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    found = cross_val_predict(judge, values, is_target, cv=folds, method="predict_proba")[:, 1]
    auc = float(roc_auc_score(is_target, found))
    spread = 1.96 * _standard_error(auc, len(rows), len(ours))
    scores = found[len(ours) :]
    order = np.argsort(-scores, kind="stable")
    return Separation(auc, max(0.0, auc - spread), min(1.0, auc + spread), rows[order], scores[order])


def _standard_error(auc: float, positives: int, negatives: int) -> float:
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (one - auc**2) + (negatives - 1) * (two - auc**2)
    return float(np.sqrt(max(0.0, variance) / (positives * negatives)))
