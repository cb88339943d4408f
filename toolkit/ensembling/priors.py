"""How often each class occurs among unlabelled target pictures, under label shift.

Both methods assume that pictures of a class look the same in training and in the target, and that only the classes'
shares differ. Where the pictures themselves look different they estimate something else: believe them no further than
the assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.ensembling.checks import check_labels, check_members
from toolkit.ensembling.votes import log, softmax
from toolkit.errors import ConfigError, DataError
from toolkit.metrics.confusion import called_given_true, confusion_counts

_Found = tuple[np.ndarray, np.ndarray]
ILL_CONDITIONED = 20.0  # beyond, errors of the predicted shares may grow twentyfold
RESAMPLES = 100
_STEPS, _CLOSE = 500, 1e-6
_PENALTY = 1e-4
_CLEAR = 3.0  # a singular value so many times its sampling error is surely not 0
_SUM_WEIGHT = 1e4  # how firmly least squares keeps the shares' sum at 1


@dataclass(frozen=True)
class Priors:
    """Estimated shares of the classes.

    Attributes:
        method: `bbse` or `em`.
        source: `(k,)` shares in training, sum 1.
        target: `(k,)` estimated shares in the target, sum 1.
        low: `(k,)` lower ends of 95 % bootstrap intervals over training and target pictures.
        high: `(k,)` upper ends.
        condition: Condition number of the confusion matrix, None for `em`.
        warning: What speaks against believing it, or nothing.
    """

    method: str
    source: tuple[float, ...]
    target: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    condition: float | None = None
    warning: str = ""

    @property
    def ratio(self) -> tuple[float, ...]:
        """`(k,)` target / source, what probabilities are multiplied by; 1 for a class without training pictures."""
        return tuple(new / old if old > 0 else 1.0 for new, old in zip(self.target, self.source, strict=True))


def estimate_priors(
    method: str,
    probabilities: np.ndarray,
    labels: np.ndarray,
    target: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Priors:
    """Estimate the shares of the classes among target pictures.

    `bbse`, black box shift estimation (Lipton et al. 2018, arXiv 1802.03916): the shares that, through the confusion
    matrix found out of fold, explain best (least squares, none negative, sum 1) how often each class is predicted.

    `em` (Saerens et al. 2002, "Adjusting the outputs of a classifier to new a priori probabilities"): the shares of
    highest likelihood. Probabilities are first calibrated out of fold by a temperature and a bias a class (Alexandari
    et al. 2020, arXiv 1901.06852), without which the method is known to fail.

    Args:
        method: `bbse` or `em`.
        probabilities: `(n, k)` out-of-fold predictions.
        labels: `(n,)` int in 0…k−1.
        target: `(t, k)` predictions of the target pictures made the same way, or `(v, t, k)` of v models like the one
            that made `probabilities`, over which is averaged.
        resamples: Bootstrap samples of the intervals.
        seed: Of the bootstrap.

    Raises:
        ConfigError: There is no such method.
        DataError: Arrays do not fit, or there are no target pictures.
    """
    if method not in {"bbse", "em"}:
        raise ConfigError(f"There is no estimate of priors {method!r}; known: bbse, em.")
    rows = check_members(probabilities[None])[0]
    labels = check_labels(labels, *rows.shape)
    views = check_members(target if target.ndim == 3 else target[None])
    k = rows.shape[1]
    if views.shape[2] != k or not views.shape[1]:
        raise DataError(
            f"Priors need target predictions of shape (pictures, {k}) of at least one picture, got {views.shape[1:]}."
        )
    rng = np.random.default_rng(seed)
    condition, warning = None, ""
    if method == "bbse":
        point, draws, condition, warning = _bbse(rows, labels, views, resamples, rng)
    else:
        point, draws = _em(rows, labels, views, resamples, rng)
    source = np.bincount(labels, minlength=k) / len(labels)
    if (source == 0).any():
        absent = np.flatnonzero(source == 0).tolist()
        warning = f"The classes {absent} have no training pictures and are taken as absent. {warning}".strip()
    low, high = np.percentile(draws, [2.5, 97.5], axis=0) if len(draws) else (point, point)
    return Priors(
        method=method,
        source=tuple(source.tolist()),
        target=tuple(point.tolist()),
        low=tuple(np.minimum(low, point).tolist()),
        high=tuple(np.maximum(high, point).tolist()),
        condition=condition,
        warning=warning,
    )


def _bbse(
    rows: np.ndarray, labels: np.ndarray, views: np.ndarray, resamples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float, str]:
    k = rows.shape[1]
    counts = confusion_counts(labels, rows.argmax(axis=1), k).T  # (predicted, true)
    called = np.stack([np.eye(k)[view.argmax(axis=1)] for view in views]).mean(axis=0)  # (t, k)
    present = counts.sum(axis=0) > 0
    shares = called_given_true(counts)[:, present]
    condition = float(np.linalg.cond(shares))
    point = _simplex_least_squares(counts, called.mean(axis=0))
    n, t = len(labels), len(called)
    draws, noise = [], []
    for _ in range(resamples):
        drawn = rng.multinomial(n, counts.ravel() / n).reshape(k, k)
        noise.append(np.linalg.norm(called_given_true(drawn)[:, present] - shares, 2))
        draws.append(_simplex_least_squares(drawn, rng.multinomial(t, np.full(t, 1 / t)) @ called / t))
    smallest = float(np.linalg.svd(shares, compute_uv=False)[-1])
    warning = ""
    if condition > ILL_CONDITIONED or (noise and smallest < _CLEAR * np.mean(noise)):
        warning = (
            f"The confusion matrix is ill-conditioned (condition number {min(condition, 1e9):.0f}; smallest singular "
            f"value {smallest:.2g}, sampling error {np.mean(noise) if noise else 0:.2g}): with so few pictures, or "
            "classes predicted so much alike, shares cannot be told apart. Do not correct by these priors."
        )
    return point, np.array(draws), min(condition, 1e9), warning


def _simplex_least_squares(counts: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Shares q ≥ 0, sum 1, of least |P(predicted | true) q − predicted|²; counts `(k predicted, k true)`."""
    from scipy.optimize import nnls

    present = counts.sum(axis=0) > 0
    columns = called_given_true(counts)[:, present]
    system = np.vstack([columns, np.full(int(present.sum()), _SUM_WEIGHT)])
    found = np.zeros(len(counts))
    found[present] = nnls(system, np.append(predicted, _SUM_WEIGHT))[0]
    return np.asarray(found / found.sum())


def _em(
    rows: np.ndarray, labels: np.ndarray, views: np.ndarray, resamples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    n, (v, t, k) = len(labels), views.shape
    scores, seen = log(rows), log(views).reshape(v * t, k)

    def shares(counts: np.ndarray, weights: np.ndarray, values: np.ndarray, start: np.ndarray | None) -> _Found:
        fitted = _bias_corrected(scores, labels, counts, values)
        source = np.bincount(labels, counts, k) / n
        posterior = softmax(fitted[0] * seen + fitted[1:])
        return _expectation_maximisation(posterior, np.tile(weights / (v * t), v), source, start), fitted

    point, fitted = shares(np.ones(n), np.ones(t), np.append(1.0, np.zeros(k)), None)
    draws = [
        shares(rng.multinomial(n, np.full(n, 1 / n)), rng.multinomial(t, np.full(t, 1 / t)), fitted, point)[0]
        for _ in range(resamples)
    ]
    return point, np.array(draws)


def _expectation_maximisation(
    posterior: np.ndarray, weights: np.ndarray, source: np.ndarray, start: np.ndarray | None
) -> np.ndarray:
    """Shares `(k,)` from posteriors `(t, k)` under `source`, each row counting by `weights`; eq. 2.9 of Saerens."""
    inverse = np.divide(1.0, source, out=np.zeros_like(source), where=source > 0)
    likelihood = posterior * inverse
    shares = source if start is None else np.where(source > 0, np.maximum(start, 1e-9), 0)
    shares = shares / shares.sum()
    for _ in range(_STEPS):
        total = likelihood @ shares
        new = shares * (likelihood.T @ (weights / np.maximum(total, 1e-300)))
        new /= new.sum()
        done = np.abs(new - shares).max() < _CLOSE
        shares = new
        if done:
            break
    return np.asarray(shares)


def _bias_corrected(scores: np.ndarray, labels: np.ndarray, counts: np.ndarray, start: np.ndarray) -> np.ndarray:
    """1/T and k biases of least log loss of softmax(scores / T + bias); a faint penalty keeps them finite.

    Args:
        scores: `(n, k)` log probabilities.
        labels: `(n,)`.
        counts: `(n,)` how often each picture counts.
        start: `(1 + k,)` where the search begins.
    """
    from scipy.optimize import minimize

    n, k = scores.shape
    wanted, neutral = np.eye(k)[labels], np.append(1.0, np.zeros(k))
    shares = (counts / counts.sum())[:, None]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        predicted = softmax(values[0] * scores + values[1:])
        residual = (predicted - wanted) * shares
        away = values - neutral
        slope = np.append((residual * scores).sum(), residual.sum(axis=0)) + 2 * _PENALTY * away
        right = np.maximum(predicted[np.arange(n), labels], 1e-300)
        return float(-np.log(right) @ shares[:, 0] + _PENALTY * away @ away), slope

    bounds = [(0.05, 20), *[(-20, 20)] * k]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
