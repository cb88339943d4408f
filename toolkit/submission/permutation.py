"""Permuted labels: predictions that are right but for the order of the classes."""

from __future__ import annotations

import math

import numpy as np

from toolkit.metrics.confusion import confusion_counts
from toolkit.submission.checks import Check

_GAIN = 0.1  # of accuracy; less is not worth a warning
_CHANCE = 1e-3  # of a false alarm, over all permutations


def judge_order(truth: np.ndarray, predicted: np.ndarray) -> Check:
    """Whether some permutation of the predicted labels scores far better than the labels as they are.

    The best permutation is found by linear assignment on the confusion matrix. It counts as better where it gains more
    than 0.1 of accuracy, beats always answering the commonest class, and a sign test over the pictures that it changes,
    Bonferroni-corrected for all k! permutations, leaves a chance below 0.001.

    Args:
        truth: `(n,)` integer labels.
        predicted: `(n,)` integer labels.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import binomtest

    labels = np.unique(np.concatenate([truth, predicted]))
    places = np.searchsorted(labels, truth), np.searchsorted(labels, predicted)
    confusion = confusion_counts(*places, len(labels)).T  # (predicted, truth)
    rows, columns = linear_sum_assignment(confusion, maximize=True)
    count, as_is, best = len(truth), int(np.trace(confusion)), int(confusion[rows, columns].sum())
    commonest = int(confusion.sum(axis=0).max(initial=0))
    changed = rows[rows != columns]
    better = int(confusion[changed, columns[changed]].sum())
    worse = int(confusion[changed, changed].sum())
    good = f"no permutation of the {len(labels)} labels scores far better ({as_is / max(count, 1):.3f} as returned)"
    if best - as_is <= _GAIN * count or best <= commonest:
        return Check("label order", True, good)
    chance = math.log(binomtest(better, better + worse, 0.5, alternative="greater").pvalue or 1e-300)
    if chance + math.lgamma(len(labels) + 1) > math.log(_CHANCE):
        return Check("label order", True, good)
    swaps = ", ".join(f"{labels[row]} → {labels[columns[row]]}" for row in changed[:6])
    return Check(
        "label order",
        False,
        f"The labels are permuted: accuracy is {as_is / count:.3f} as returned, but {best / count:.3f} with {swaps}. "
        "The submission counts its classes in another order than the contest: put data.classes in the contest's order "
        "and train again, or correct LABEL_VALUES in model.py.",
    )
