"""Losses, class weights, and the targets that make a loss count classes by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import numpy as np

from toolkit.errors import ConfigError

HOW = ("none", "balanced", "log", "effective")
# (targets (b, k), probabilities (b, k)) -> loss of each picture (b,)
Loss = Callable[[Any, Any], Any]


def build_loss(name: Literal["cross_entropy", "focal"], focal_gamma: float = 2.0) -> Loss:
    """The loss of each picture, −Σ_k y_k f(p_k) log p_k.

    Args:
        name: `cross_entropy`: f = 1. `focal`: f(p) = (1 − p)^γ, which counts pictures that are right already less (Lin
            et al. 2017, arXiv 1708.02002, equation 4; its α_k are the class weights).
        focal_gamma: γ of `focal`; at 0 it is cross-entropy.

    Returns:
        A function of targets and probabilities, both `(b, k)` tensors whose rows sum to 1, to `(b,)`.

    Raises:
        ConfigError: Unknown name.
    """
    if name == "cross_entropy":
        cross_entropy: Loss = keras.losses.categorical_crossentropy
        return cross_entropy
    if name != "focal":
        raise ConfigError(f"`train.loss` is {name!r}; expected cross_entropy or focal.")

    def focal(targets: Any, probabilities: Any) -> Any:
        ops = keras.ops
        # As far from 0 and 1 as in Keras's cross-entropy, so that logarithm and power have finite gradients.
        p = ops.clip(probabilities, keras.config.epsilon(), 1.0 - keras.config.epsilon())
        return -ops.sum(targets * ops.power(1.0 - p, focal_gamma) * ops.log(p), axis=-1)

    return focal


def class_weights(
    counts: Sequence[int] | np.ndarray,
    how: Literal["none", "balanced", "log", "effective"] | Sequence[float] = "none",
    effective_beta: float = 0.999,
) -> np.ndarray:
    """How much each class counts in the loss.

    Args:
        counts: `(k,)` training pictures of each class, n in all.
        how: `none`: 1 each. `balanced`: n / (k n_k) over the classes that occur, as scikit-learn. `log`:
            max(1, ln(n / n_k)), and 1 for the most common class (four search methods on Xception, report C).
            `effective`: proportional to (1 − β) / (1 − β^n_k), the inverse of the effective number of pictures, with
            the sum of the weights equal to the number of classes that occur (Cui et al. 2019, arXiv 1901.05555,
            equation 2). Or one weight a class.
        effective_beta: β of `effective`, below 1: 0 counts classes alike, towards 1 it becomes `balanced`.

    Returns:
        `(k,)` float32. A class without pictures gets 1: it occurs in no loss.

    Raises:
        ConfigError: An unknown name, a wrong number of weights, or one that is negative or not finite.
    """
    n_k = np.asarray(counts, np.float64)
    present = n_k > 0
    weights = np.ones(len(n_k), np.float64)
    if isinstance(how, str):
        if how == "balanced":
            weights[present] = n_k.sum() / (present.sum() * n_k[present])
        elif how == "log":
            weights[present] = np.maximum(1.0, np.log(n_k.sum() / n_k[present]))
            weights[n_k == n_k.max(initial=0)] = 1.0
        elif how == "effective":
            effective = (1.0 - effective_beta) / (1.0 - effective_beta ** n_k[present])
            weights[present] = effective * present.sum() / effective.sum()
        elif how != "none":
            raise ConfigError(
                f"`train.class_weight` is {how!r}; expected one of {', '.join(HOW)}, or one number a class."
            )
    else:
        weights = np.asarray(how, np.float64)
        if weights.shape != n_k.shape or not np.isfinite(weights).all() or (weights < 0).any():
            raise ConfigError(
                f"`train.class_weight` holds {list(how)}; expected {len(n_k)} numbers of 0 or more, one a class in the "
                "order of `data.classes`."
            )
    return weights.astype(np.float32)


def one_hot(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """`(n, k)` float32 targets of labels `(n,)` int; labels that are already `(n, k)` are only cast."""
    if labels.ndim == 2:
        return labels.astype(np.float32)
    targets: np.ndarray = np.eye(n_classes, dtype=np.float32)[labels]
    return targets


def weighted_targets(
    targets: np.ndarray, weights: np.ndarray | None = None, label_smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and sample weights whose product gives the loss −Σ w_k y_k log p_k.

    Works for soft targets as mixing pictures makes them. Smoothing spreads a share of each sample's whole weight evenly
    over the classes (Szegedy et al. 2016, arXiv 1512.00567), so a label keeps the weight of its class.

    Args:
        targets: `(b, k)` float32, rows sum to 1.
        weights: `(k,)` class weights; None: 1 each.
        label_smoothing: Share in 0–1 that is spread.

    Returns:
        `(b, k)` float32 targets, rows sum to 1, and `(b,)` float32 sample weights.
    """
    scaled = targets if weights is None else targets * weights
    samples = scaled.sum(axis=1)
    shares = scaled / np.maximum(samples, np.finfo(np.float32).tiny)[:, None]
    smooth = shares * (1.0 - label_smoothing) + label_smoothing / targets.shape[1]
    return smooth.astype(np.float32), samples.astype(np.float32)


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean −log of the probability given to the true class, without weights or smoothing.

    Args:
        probabilities: `(n, k)` float.
        labels: `(n,)` int, or `(n, k)` soft targets.
    """
    targets = one_hot(labels, probabilities.shape[1])
    logs = np.log(np.clip(probabilities.astype(np.float64), 1e-7, 1.0))
    return float(-(targets * logs).sum(axis=1).mean())
