"""What trials are judged by, and how a running trial talks to its study."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import optuna

from toolkit.errors import ToolkitError
from toolkit.tuning.budget import Budget


class PrunedError(ToolkitError, RuntimeError):
    """A trial is not worth its further epochs."""


class Live:
    """A running trial, as its objective sees it.

    Args:
        study: Holds the trial.
        trial: The trial; None: nobody listens.
        budget: Of the search.
        locked: Holds the study against other workers.
        last_epoch: Number of the last epoch of a trial that is trained to the end; None: unknown.
    """

    def __init__(
        self,
        study: optuna.Study | None = None,
        trial: optuna.Trial | None = None,
        budget: Budget | None = None,
        locked: Callable[[], AbstractContextManager[None]] | None = None,
        last_epoch: int | None = None,
    ) -> None:
        self._study = study
        self._trial = trial
        self._budget = budget
        self._locked = locked
        self._last_epoch = last_epoch
        self.epochs = 0

    def epoch(self, value: float | None) -> bool:
        """Report one trained epoch.

        Args:
            value: What pruners compare, better as the study's direction says; None: nothing to compare.

        Returns:
            True where the training must end now because the budget of epochs is spent; what it reached counts.

        Raises:
            PrunedError: The trial is not worth going on.
        """
        self.epochs += 1
        if self._trial is None or self._study is None or self._budget is None:
            return False
        if value is None:
            if self._budget.epochs is not None:
                self._trial.set_user_attr("epochs", self.epochs)
        else:
            # After its last epoch a trial has cost all that it can cost.
            self._report(self.epochs, value, prune=self.epochs != self._last_epoch)
        if self.epochs + 1 == self._last_epoch and not self._admitted():
            raise PrunedError(f"{self._budget.full_trials} trials have been trained to the end, no more are allowed")
        return self._budget.epochs_spent(self._study)

    def compare(self, step: int, value: float) -> None:
        """Report a value that other trials have at the same step: an epoch, or one of several folds and seeds.

        Raises:
            PrunedError: The trial is not worth going on.
        """
        self._report(step, value, prune=True)

    def _report(self, step: int, value: float, *, prune: bool) -> None:
        if self._trial is None:
            return
        self._trial.report(value, step)
        if prune and self._trial.should_prune():
            raise PrunedError(f"pruned at {step}")

    def _admitted(self) -> bool:
        if self._budget is None or self._budget.full_trials is None or self._locked is None:
            return True
        if self._study is None or self._trial is None:
            return True
        with self._locked():
            if not self._budget.may_finish(self._study, self._trial.number):
                return False
            self._trial.set_user_attr("full", True)
            return True


def spread(values: Iterable[float]) -> float:
    """Standard deviation (n − 1) of a few scores; 0 of a single one."""
    numbers = list(values)
    if len(numbers) < 2:
        return 0.0
    mean = sum(numbers) / len(numbers)
    return math.sqrt(sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))
