"""What trials and local tests are judged by: metrics by name, or functions of the user."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from toolkit.errors import ConfigError
from toolkit.metrics.scores import Measured, averages

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """An objective.

    Attributes:
        name: As in the config.
        direction: Whether more is better.
        function: `(labels (n,), probabilities (n, k))` → number.
    """

    name: str
    direction: Direction
    function: Callable[[np.ndarray, np.ndarray], float]


def _accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


def _macro_f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    k = probabilities.shape[1]
    confusion = np.bincount(labels * k + probabilities.argmax(axis=1), minlength=k * k).reshape(1, k, k)
    return float(averages(confusion)[0, 2])


def _log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1.0)).mean())


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Macro mean of each class's area under the ROC curve against all others, over classes that can be told apart."""
    from sklearn.metrics import roc_auc_score

    areas = [
        roc_auc_score(labels == label, probabilities[:, label])
        for label in range(probabilities.shape[1])
        if 0 < (labels == label).sum() < len(labels)
    ]
    return float(np.mean(areas)) if areas else 0.5


def _quadratic_kappa(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968), for classes in order; 1 where nothing can disagree."""
    k = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(labels * k + predicted, minlength=k * k).reshape(k, k)
    distance = np.subtract.outer(np.arange(k), np.arange(k)) ** 2
    expected = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / len(labels)
    chance = float((distance * expected).sum())
    return 1.0 - float((distance * confusion).sum()) / chance if chance else 1.0


METRICS = {
    "accuracy": Metric("accuracy", "maximize", _accuracy),
    "macro_f1": Metric("macro_f1", "maximize", _macro_f1),
    "log_loss": Metric("log_loss", "minimize", _log_loss),
    "auc": Metric("auc", "maximize", _auc),
    "quadratic_kappa": Metric("quadratic_kappa", "maximize", _quadratic_kappa),
}


def metric(name: str) -> Metric:
    """The metric called `name`.

    Raises:
        ConfigError: There is none.
    """
    if name not in METRICS:
        raise ConfigError(f"There is no metric {name!r}; known: {', '.join(METRICS)}.")
    return METRICS[name]


def objective_metric(
    name: str, folder: Path, direction: Direction | None = None, setting: str = "tune.metric"
) -> Metric:
    """A metric by name, or a function of the user.

    Args:
        name: One of `metrics.METRICS`, or `module:function`, which takes labels `(n,)` int and probabilities `(n, k)`
            and returns a number.
        folder: Where the module is looked for first.
        direction: Of the user's function; None: more is better.
        setting: Where the name stands in the config, for errors.

    Raises:
        ConfigError: There is no such metric, module or function.
    """
    if ":" not in name:
        return metric(name)
    module_name, _, function_name = name.partition(":")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, SyntaxError, AttributeError) as error:
        raise ConfigError(
            f"{setting} {name!r} cannot be used: {error}. Expected one of {', '.join(METRICS)}, or module:function "
            f"with the module in {folder}."
        ) from error
    if not callable(function):
        raise ConfigError(f"{setting} {name!r} names a {type(function).__name__}; expected a function.")

    def judge(labels: Any, probabilities: Any) -> float:
        value = float(function(labels, probabilities))
        if not math.isfinite(value):
            raise ConfigError(f"{setting} {name!r} returned {value}; expected a finite number.")
        return value

    return Metric(name, direction or "maximize", judge)


def resampled(
    metric: Metric, labels: np.ndarray, probabilities: np.ndarray, *, seed: int = 0, resamples: int = 200
) -> Measured:
    """A metric with its 95 % percentile bootstrap interval over pictures.

    Pictures are drawn within their class, so that no metric meets a class without pictures.

    Args:
        metric: What is measured.
        labels: `(n,)` int in 0…k−1.
        probabilities: `(n, k)` rows that sum to 1.
        seed: Of the bootstrap.
        resamples: How many.
    """
    rng = np.random.default_rng(seed)
    value = metric.function(labels, probabilities)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    values = []
    for _ in range(resamples):
        rows = np.concatenate([rows[rng.integers(len(rows), size=len(rows))] for rows in classes])
        values.append(metric.function(labels[rows], probabilities[rows]))
    low, high = (float(end) for end in np.percentile(values, [2.5, 97.5]))
    return Measured(value, min(low, value), max(high, value))
