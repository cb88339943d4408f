"""Confusion matrices: which class is called what."""

from __future__ import annotations

import numpy as np


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """`(k, k)` int pictures, rows true, columns predicted.

    Args:
        labels: `(n,)` int in 0…k − 1.
        predicted: `(n,)` int in 0…k − 1.
        classes: k.
    """
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def called_given_true(counts: np.ndarray) -> np.ndarray:
    """P(predicted | true) of counts `(k predicted, k true)`; columns of classes without pictures are 0."""
    return np.asarray(counts / np.maximum(counts.sum(axis=0), 1))
