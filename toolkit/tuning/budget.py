"""How long a search goes on: trials, epochs or minutes, whichever comes first, counted across its workers."""

from __future__ import annotations

import time
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from toolkit.tuning.records import epochs_of, is_lost

_SINCE = "since"


@dataclass(frozen=True)
class Budget:
    """What a search may spend.

    Attributes:
        trials: Finished trials in all, those of earlier runs included.
        epochs: Epochs of all trials; None: any number.
        minutes: Start no trial after so many minutes; None: never stop for time.
        full_trials: Trials that may be trained to the end: N_m of report C; None: all.
    """

    trials: int
    epochs: int | None = None
    minutes: float | None = None
    full_trials: int | None = None

    def spent(self, study: optuna.Study, *, seconds: float | None = None) -> str:
        """What of the budget is used up, as a few words; empty while there is some left.

        Args:
            study: Its trials that are being tried count too.
            seconds: Since the search began; None: as the study knows it.
        """
        begun = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
        if len(begun) >= self.trials:
            return "trials"
        if self.epochs is not None and sum(map(epochs_of, begun)) >= self.epochs:
            return "epochs"
        complete = sum(trial.state == TrialState.COMPLETE for trial in begun)
        if self.full_trials is not None and complete >= self.full_trials:
            return "full trials"
        passed = since(study) if seconds is None else seconds
        # One trial at least, so that a search always has a result.
        if self.minutes is not None and begun and passed >= 60 * self.minutes:
            return "minutes"
        return ""

    def epochs_spent(self, study: optuna.Study) -> bool:
        """Whether no further epoch may be begun."""
        if self.epochs is None:
            return False
        return sum(epochs_of(trial) for trial in study.get_trials(deepcopy=False) if counts(trial)) >= self.epochs

    def may_finish(self, study: optuna.Study, number: int) -> bool:
        """Whether trial `number` may be trained to the end. Call it only while the study is locked."""
        if self.full_trials is None:
            return True
        others = [trial for trial in study.get_trials(deepcopy=False) if trial.number != number and counts(trial)]
        full = [trial for trial in others if trial.state == TrialState.COMPLETE or _nearly_done(trial)]
        return len(full) < self.full_trials


def _nearly_done(trial: optuna.trial.FrozenTrial) -> bool:
    return trial.state == TrialState.RUNNING and bool(trial.user_attrs.get("full"))


def counts(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial takes from the budget: it is being tried, or it ended with a result or a reason."""
    return trial.state != TrialState.WAITING and not is_lost(trial)


def begin(study: optuna.Study, *, alone: bool) -> None:
    """Start the clock of `minutes`; a worker that joins others shares theirs. Call it while the study is locked."""
    if alone or _SINCE not in study.user_attrs:
        study.set_user_attr(_SINCE, time.time())


def since(study: optuna.Study) -> float:
    """Seconds since the first of the present workers began."""
    return time.time() - float(study.user_attrs.get(_SINCE, time.time()))
