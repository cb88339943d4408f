"""What a study holds, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

# Of a trial that left no result: its worker died, or a person stopped it. It counts for nothing and is tried again.
LOST = "lost"


@dataclass(frozen=True)
class Outcome:
    """What a trial reached.

    Attributes:
        value: The objective.
        figures: Further numbers worth keeping, by name.
    """

    value: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialRecord:
    """A finished trial.

    Attributes:
        number: Order of asking, from 0.
        state: `complete`, `pruned` or `failed`.
        value: The objective, None for one that is not complete.
        params: Drawn values by name.
        figures: Further numbers.
        seconds: Wall time.
        reason: Why it failed or was pruned, empty otherwise.
        epochs: Epochs trained, over all folds and seeds.
        curve: What it reported after each epoch: (epoch from 1, value).
        worker: Which process ran it.
    """

    number: int
    state: str
    value: float | None
    params: dict[str, Any]
    figures: dict[str, float]
    seconds: float
    reason: str = ""
    epochs: int = 0
    curve: tuple[tuple[int, float], ...] = ()
    worker: str = ""


@dataclass(frozen=True)
class StudyResult:
    """All finished trials, in order, and the best of them.

    Attributes:
        trials: In order of their numbers.
        best: None where none is complete.
        direction: `maximize` or `minimize`.
    """

    trials: tuple[TrialRecord, ...]
    best: TrialRecord | None
    direction: str

    def best_so_far(self) -> list[float]:
        """Best value after each complete trial."""
        better = max if self.direction == "maximize" else min
        course: list[float] = []
        for trial in self.trials:
            if trial.value is not None:
                course.append(better([*course[-1:], trial.value]))
        return course

    def count(self, state: str) -> int:
        """Trials in a state."""
        return sum(trial.state == state for trial in self.trials)

    @property
    def epochs(self) -> int:
        """Epochs of all trials."""
        return sum(trial.epochs for trial in self.trials)


def study_result(study: optuna.Study) -> StudyResult:
    """The finished trials of a study; lost ones are left out."""
    direction = study.direction.name.lower()
    records = [
        record_of(trial)
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and not is_lost(trial)
    ]
    complete = [record for record in records if record.value is not None]
    sign = 1 if direction == "maximize" else -1
    # Of equal values the earlier trial wins, so that more trials never replace a best for nothing.
    best = max(complete, key=lambda record: (sign * (record.value or 0.0), -record.number)) if complete else None
    return StudyResult(tuple(records), best, direction)


def is_lost(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial ended without a result of its own."""
    from optuna.trial import TrialState

    return trial.state == TrialState.FAIL and trial.user_attrs.get("reason", LOST) == LOST


def epochs_of(trial: optuna.trial.FrozenTrial) -> int:
    """Epochs that a trial has trained until now."""
    return max(int(trial.user_attrs.get("epochs", 0)), trial.last_step or 0)


def record_of(trial: optuna.trial.FrozenTrial) -> TrialRecord:
    """A finished trial as plain values."""
    from optuna.trial import TrialState

    attributes = trial.user_attrs
    states = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    return TrialRecord(
        number=trial.number,
        state=states.get(trial.state, "failed"),
        # Optuna gives a pruned trial the last value that it reported, which is no result.
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        params=dict(attributes.get("params", {})),
        figures=dict(attributes.get("figures", {})),
        seconds=float(attributes.get("seconds", 0.0)),
        reason=str(attributes.get("reason", "")),
        epochs=epochs_of(trial),
        curve=tuple(sorted(trial.intermediate_values.items())),
        worker=str(attributes.get("worker", "")),
    )
