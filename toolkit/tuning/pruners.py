"""Pruners by name: Optuna's own, and the rules of two reports that it does not have.

All compare what trials report after each epoch, better meaning what the study's direction says.
"""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from toolkit.errors import SearchError

PrunerName = Literal["none", "median", "asha", "hyperband", "wilcoxon", "median_mean5"]
PRUNERS: tuple[str, ...] = get_args(PrunerName)
_STARTUP_TRIALS = 5


def build_pruner(name: str, *, epochs: int, min_epochs: int = 1, reduction: int = 4) -> optuna.pruners.BasePruner:
    """The pruner of a study.

    Args:
        name: One of `PRUNERS`.
        epochs: Largest number of epochs of a trial: R of the ASHA paper.
        min_epochs: Epochs that every trial gets: r.
        reduction: One in so many goes on at each rung: η.

    Raises:
        SearchError: There is no such pruner.
    """
    pruners = optuna.pruners
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "none":
            return pruners.NopPruner()
        if name == "median":
            return pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=min_epochs)
        if name == "asha":
            return pruners.SuccessiveHalvingPruner(min_resource=min_epochs, reduction_factor=reduction)
        if name == "hyperband":
            return pruners.HyperbandPruner(
                min_resource=min_epochs, max_resource=max(epochs, min_epochs), reduction_factor=reduction
            )
        if name == "wilcoxon":
            return pruners.WilcoxonPruner()
        if name == "median_mean5":
            return MedianOfLastEpochs()
    raise SearchError(f"There is no pruner {name!r}; known: {', '.join(PRUNERS)}.")


def compares(name: str, epoch: int, *, min_epochs: int = 1, reduction: int = 4) -> bool:
    """Whether a pruner of `build_pruner` looks at what a trial reports after an epoch.

    Successive halving compares at its rungs alone, r·ηᵏ epochs, in all brackets of hyperband.

    Args:
        name: One of `PRUNERS`.
        epoch: From 1.
        min_epochs: r.
        reduction: η.
    """
    if name not in {"asha", "hyperband"}:
        return True
    rung = min_epochs
    while rung < epoch:
        rung *= reduction
    return rung == epoch


class MedianOfLastEpochs(optuna.pruners.BasePruner):
    """Median stopping of report E: the mean of the last 5 epochs against the median of the same over earlier trials.

    The report gives no threshold. Ours is the median over the finished trials that got as far, pruned ones included,
    of their mean over the same epochs.

    Args:
        window: Epochs in the mean; nothing is pruned before.
        startup: Finished trials that must have got as far.
    """

    def __init__(self, window: int = 5, startup: int = _STARTUP_TRIALS) -> None:
        self._window = window
        self._startup = startup

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial is worse than the median."""
        step = trial.last_step
        if step is None:
            return False
        own = self._mean(trial, step)
        if own is None:
            return False
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        others = [mean for mean in (self._mean(other, step) for other in finished) if mean is not None]
        if len(others) < self._startup:
            return False
        median = float(np.median(others))
        return own < median if study.direction == optuna.study.StudyDirection.MAXIMIZE else own > median

    def _mean(self, trial: FrozenTrial, step: int) -> float | None:
        """Mean over the epochs up to `step`, None where the trial has not so many."""
        wanted = range(step - self._window + 1, step + 1)
        if not all(number in trial.intermediate_values for number in wanted):
            return None
        return float(np.mean([trial.intermediate_values[number] for number in wanted]))
