"""A resumable search: Optuna proposes, a callable judges, a journal file remembers.

Interrupting it loses only the running trial, and a resumed study makes the same proposals as an uninterrupted one:
the sampler's random numbers depend on the seed and on how many trials are finished, on nothing else.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import SearchError, ToolkitError
from toolkit.tuning.space import Condition, Range, suggest

if TYPE_CHECKING:
    import optuna

FAILURES_IN_A_ROW = 5
Direction = Literal["maximize", "minimize"]
_INTERRUPTED = "interrupted"
logger = logging.getLogger("toolkit.tuning")


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
        state: `complete` or `failed`.
        value: The objective, None for a failed one.
        params: Drawn values by name.
        figures: Further numbers.
        seconds: Wall time.
        reason: Why it failed, empty otherwise.
    """

    number: int
    state: str
    value: float | None
    params: dict[str, Any]
    figures: dict[str, float]
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class StudyResult:
    """All finished trials, in order, and the best of them.

    Attributes:
        trials: In order of their numbers.
        best: None where all failed.
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


def search(
    objective: Callable[[dict[str, Any]], Outcome],
    space: Mapping[str, Range],
    *,
    storage: Path,
    name: str,
    trials: int,
    direction: Direction = "maximize",
    conditions: Iterable[Condition] = (),
    sampler: str = "tpe",
    seed: int = 0,
    minutes: float | None = None,
    on_trial: Callable[[TrialRecord, StudyResult], None] | None = None,
) -> StudyResult:
    """Run trials until there are `trials` finished ones in the study, or time is up.

    Args:
        objective: Judges one set of values; a `ToolkitError` fails the trial, not the study.
        space: Dimensions by name.
        storage: Journal file; created, or continued.
        name: Name of the study in it.
        trials: Finished trials in all, those of earlier runs included.
        direction: `maximize` or `minimize`.
        conditions: Dimensions that exist only beside others.
        sampler: `tpe` or `random`.
        seed: Of the sampler.
        minutes: Start no trial after so many minutes; at least one trial is made.
        on_trial: Called after each trial.

    Raises:
        SearchError: The first trials all failed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = _open(storage, name, direction)
    rules = tuple(conditions)
    _forget_interrupted(study)
    started = time.monotonic()
    while True:
        finished = study_result(study).trials
        if len(finished) >= trials:
            break
        if minutes is not None and finished and time.monotonic() - started > 60 * minutes:
            break
        study.sampler = _sampler(sampler, seed * 100_003 + len(finished))
        trial = study.ask()
        record = _run(study, trial, objective, suggest(trial, space, rules))
        result = study_result(study)
        if on_trial:
            on_trial(record, result)
        if result.best is None and len(result.trials) >= min(FAILURES_IN_A_ROW, trials):
            raise SearchError(
                f"The first {len(result.trials)} trials all failed, the last one because: {record.reason} Correct the "
                "settings or narrow `tune.space`, then run the command again."
            )
    return study_result(study)


def load_study(storage: Path, name: str) -> StudyResult:
    """What a journal file holds of a study."""
    return study_result(open_study(storage, name))


def open_study(storage: Path, name: str) -> optuna.Study:
    """An existing study of a journal file, as Optuna's own object."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.load_study(study_name=name, storage=_journal(storage))


def _run(
    study: optuna.Study, trial: optuna.Trial, objective: Callable[[dict[str, Any]], Outcome], params: dict[str, Any]
) -> TrialRecord:
    from optuna.trial import TrialState

    begin = time.monotonic()
    trial.set_user_attr("params", params)
    try:
        outcome = objective(params)
    except KeyboardInterrupt:
        trial.set_user_attr("reason", _INTERRUPTED)
        study.tell(trial, state=TrialState.FAIL)
        raise
    except (ToolkitError, MemoryError, ArithmeticError, ValueError) as error:
        logger.warning("trial %d failed: %s", trial.number, error)
        trial.set_user_attr("seconds", time.monotonic() - begin)
        trial.set_user_attr("reason", str(error) or type(error).__name__)
        study.tell(trial, state=TrialState.FAIL)
    else:
        trial.set_user_attr("seconds", time.monotonic() - begin)
        trial.set_user_attr("figures", {key: float(value) for key, value in outcome.figures.items()})
        study.tell(trial, float(outcome.value))
    return _record(study.get_trials(deepcopy=False)[trial.number])


def _journal(path: Path) -> optuna.storages.JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


def _open(storage: Path, name: str, direction: Direction) -> optuna.Study:
    import optuna

    return optuna.create_study(study_name=name, storage=_journal(storage), direction=direction, load_if_exists=True)


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if name != "tpe":
        raise SearchError(f"There is no sampler {name!r}; known: tpe, random.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # group: conditional dimensions are modelled together with those that they occur with.
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=8)


def _forget_interrupted(study: optuna.Study) -> None:
    """Close trials that a killed process left running; they do not count and will be asked for again."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def study_result(study: optuna.Study) -> StudyResult:
    """The finished trials of a study; interrupted ones are left out."""
    from optuna.trial import TrialState

    direction = study.direction.name.lower()
    records = [
        _record(trial)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
        if trial.state == TrialState.COMPLETE or trial.user_attrs.get("reason", _INTERRUPTED) != _INTERRUPTED
    ]
    complete = [record for record in records if record.value is not None]
    sign = 1 if direction == "maximize" else -1
    # Of equal values the earlier trial wins, so that more trials never replace a best for nothing.
    best = max(complete, key=lambda record: (sign * (record.value or 0.0), -record.number)) if complete else None
    return StudyResult(tuple(records), best, direction)


def _record(trial: optuna.trial.FrozenTrial) -> TrialRecord:
    attributes = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state="complete" if trial.value is not None else "failed",
        value=trial.value,
        params=dict(attributes.get("params", {})),
        figures=dict(attributes.get("figures", {})),
        seconds=float(attributes.get("seconds", 0.0)),
        reason=str(attributes.get("reason", "")),
    )
