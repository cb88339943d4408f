"""A resumable search: Optuna proposes, a callable judges, a journal file or a database remembers.

Interrupting it loses only the running trial, and a resumed study makes the same proposals as an uninterrupted one:
the sampler's random numbers depend on the seed and on how many trials were begun, on nothing else. Any number of
processes may search one study at once.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import DiskFullError, SearchError
from toolkit.tuning.records import LOST, Outcome, StudyResult, TrialRecord, is_lost, record_of, study_result
from toolkit.tuning.space import Condition, Range, encode, fits, points, suggest

if TYPE_CHECKING:
    import optuna

    from toolkit.tuning.storage import Store

FAILURES_IN_A_ROW = 5
RETRIES = 1
Direction = Literal["maximize", "minimize"]
_WAIT_SECONDS = 0.5
_LONGEST_REASON = 500
logger = logging.getLogger("toolkit.tuning")


def search(
    objective: Callable[..., Outcome],
    space: Mapping[str, Range],
    *,
    storage: Path | str,
    name: str,
    trials: int,
    direction: Direction = "maximize",
    conditions: Iterable[Condition] = (),
    sampler: str = "tpe",
    seed: int = 0,
    minutes: float | None = None,
    on_trial: Callable[[TrialRecord, StudyResult], None] | None = None,
    epochs: int | None = None,
    full_trials: int | None = None,
    pruner: str = "none",
    trial_epochs: int = 1,
    min_epochs: int = 1,
    reduction: int = 4,
    warm_start: Sequence[Mapping[str, Any]] = (),
    heartbeat: float = 15.0,
    live: bool = False,
) -> StudyResult:
    """Run trials until the budget is spent, together with all other workers of the study.

    A worker that finds everything taken waits for the others, so that it can take over the trial of one that dies.

    Args:
        objective: Judges one set of values; what it raises fails the trial, not the study.
        space: Dimensions by name.
        storage: Journal file, or a PostgreSQL URL; the study is created in it, or continued.
        name: Name of the study in it.
        trials: Finished trials in all, those of earlier runs included.
        direction: `maximize` or `minimize`.
        conditions: Dimensions that exist only beside others.
        sampler: One of `samplers.SAMPLERS`.
        seed: Of the sampler.
        minutes: Start no trial after so many minutes; at least one trial is made.
        on_trial: Called after each trial of this worker.
        epochs: Budget of epochs over all trials; exceeded by at most one a worker.
        full_trials: Trials that may be trained to the end: N_m of report C.
        pruner: One of `pruners.PRUNERS`.
        trial_epochs: Largest number of epochs of a trial.
        min_epochs: Epochs that the pruner leaves to every trial.
        reduction: η of asha and hyperband.
        warm_start: Values to try first, by name; what does not fit the space is left to the sampler.
        heartbeat: Seconds between signs of life.
        live: Whether the objective takes an `objective.Live` as its second argument, to report its epochs.

    Raises:
        SearchError: The first trials all failed.
        MissingPackageError: The sampler or the storage needs a package that is not installed.
    """
    import optuna

    from toolkit.tuning.budget import Budget, begin
    from toolkit.tuning.objective import Live
    from toolkit.tuning.pruners import build_pruner
    from toolkit.tuning.samplers import EXHAUSTIVE, check_sampler
    from toolkit.tuning.storage import open_store, running

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    check_sampler(sampler)
    rules = tuple(conditions)
    listed = list(points(space, rules)) if sampler in EXHAUSTIVE else []
    budget = Budget(min(trials, len(listed)) if listed else trials, epochs, minutes, full_trials)
    with open_store(storage, heartbeat) as store:
        study = store.open(name, direction)
        study.pruner = build_pruner(pruner, epochs=trial_epochs, min_epochs=min_epochs, reduction=reduction)
        with store.locked():
            _reap(store, study)
            begin(study, alone=not running(study))
            _enqueue(study, space, warm_start)
        while True:
            with store.locked():
                _reap(store, study)
                spent = budget.spent(study)
                _stop_if_hopeless(study, trials)
                taken = None if spent else _take(store, study, space, rules, sampler, seed, listed)
            if taken is None:
                if spent == "minutes" or not running(study):
                    break
                time.sleep(_WAIT_SECONDS)
                continue
            trial, params = taken
            listener = Live(study, trial, budget, store.locked, trial_epochs)
            arguments = (params, listener) if live else (params,)
            with store.beating(study, trial):
                record = _run(study, trial, partial(objective, *arguments), listener)
            if on_trial and record is not None:
                on_trial(record, study_result(study))
        _stop_if_hopeless(study, trials)
        return study_result(study)


def load_study(storage: Path | str, name: str) -> StudyResult:
    """What a storage holds of a study."""
    return study_result(open_study(storage, name))


def open_study(storage: Path | str, name: str) -> optuna.Study:
    """An existing study, as Optuna's own object."""
    import optuna

    from toolkit.tuning.storage import open_store

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return open_store(storage).open(name, None)


def _take(
    store: Store,
    study: optuna.Study,
    space: Mapping[str, Range],
    rules: Sequence[Condition],
    sampler: str,
    seed: int,
    listed: Sequence[Mapping[str, Any]],
) -> tuple[optuna.Trial, dict[str, Any]]:
    """Begin a trial, all its values drawn. Only while the study is locked: so no two workers draw alike."""
    from optuna.trial import TrialState

    from toolkit.tuning.budget import counts
    from toolkit.tuning.samplers import build_sampler

    begun = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
    queued = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    used = [trial.user_attrs.get("params") for trial in (*begun, *queued)]
    left = [point for point in listed if point not in used]
    study.sampler = build_sampler(sampler, seed, len(begun), left)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the heartbeat is ours to beat outside of Study.optimize
        trial = study.ask()
    storage: Any = study._storage
    if hasattr(storage, "record_heartbeat"):
        storage.record_heartbeat(trial._trial_id)
    trial.set_user_attr("worker", store.worker)
    params = suggest(trial, space, rules)
    trial.set_user_attr("params", params)
    return trial, params


def _run(
    study: optuna.Study, trial: optuna.Trial, objective: Callable[[], Outcome], listener: Any
) -> TrialRecord | None:
    """Judge one trial; None where it was taken from this worker meanwhile, as from one that seemed dead."""
    import optuna
    from optuna.trial import TrialState

    from toolkit.tuning.objective import PrunedError

    begin = time.monotonic()

    def end(state: TrialState, value: float | None = None, reason: str = "") -> None:
        # Its after_trial would stop an optimisation loop, of which there is none.
        study.sampler = optuna.samplers.RandomSampler()
        if study.get_trials(deepcopy=False)[trial.number].state.is_finished():
            return
        trial.set_user_attr("seconds", time.monotonic() - begin)
        trial.set_user_attr("epochs", listener.epochs)
        if reason:
            trial.set_user_attr("reason", reason[:_LONGEST_REASON])
        study.tell(trial, value, state=state, skip_if_finished=True)

    try:
        outcome = objective()
        trial.set_user_attr("figures", {key: float(figure) for key, figure in outcome.figures.items()})
        value = float(outcome.value)
        if value != value:
            raise SearchError("The objective is NaN.")
        end(TrialState.COMPLETE, value)
    except PrunedError as reason:
        end(TrialState.PRUNED, reason=str(reason))
    except (KeyboardInterrupt, SystemExit, DiskFullError):
        end(TrialState.FAIL, reason=LOST)
        _retry(study, study.get_trials(deepcopy=False)[trial.number], 0)
        raise
    except optuna.exceptions.UpdateFinishedTrialError:
        logger.warning("trial %d was taken from this worker, which seemed dead", trial.number)
        return None
    except Exception as error:  # out of memory, NaN, a combination that no network can be built of: the study goes on
        logger.warning("trial %d failed: %s", trial.number, error, exc_info=True)
        end(TrialState.FAIL, reason=str(error) or type(error).__name__)
        if isinstance(error, MemoryError | OSError) or "OOM" in str(error):  # may pass; others would fail again alike
            _retry(study, study.get_trials(deepcopy=False)[trial.number], 1)
    found = study.get_trials(deepcopy=False)[trial.number]
    return None if is_lost(found) else record_of(found)


def _reap(store: Store, study: optuna.Study) -> None:
    """End the trials of workers that died: tried once more, then failed. Only while the study is locked."""
    from optuna.trial import TrialState

    from toolkit.tuning.storage import running

    for trial in running(study):
        if not store.is_dead(study, trial):
            continue
        storage: Any = study._storage
        again = int(trial.user_attrs.get("attempt", 0)) < RETRIES
        reason = LOST if again else "its worker died twice with these settings"
        storage.set_trial_user_attr(trial._trial_id, "reason", reason)
        storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
        logger.warning("the worker of trial %d died", trial.number)
        _retry(study, trial, 1)


def _retry(study: optuna.Study, trial: optuna.trial.FrozenTrial, attempts: int) -> None:
    """Queue the same values again, unless that has been done `RETRIES` times."""
    attempt = int(trial.user_attrs.get("attempt", 0)) + attempts
    if attempt > RETRIES:
        return
    params = trial.user_attrs.get("params")
    if params is None:  # died before its values were drawn; what was queued for it must not be lost
        if not trial.system_attrs.get("fixed_params"):
            return
        study.enqueue_trial(trial.system_attrs["fixed_params"], user_attrs={"attempt": attempt})
        return
    attributes = {"attempt": attempt, "retry_of": trial.number, "params": params}
    study.enqueue_trial(trial.params, user_attrs=attributes)


def _enqueue(study: optuna.Study, space: Mapping[str, Range], warm_start: Sequence[Mapping[str, Any]]) -> None:
    """Queue what is to be tried first, once a study."""
    if not warm_start or study.user_attrs.get("warm_started"):
        return
    for values in warm_start:
        fitting = {
            name: encode(space[name], value)
            for name, value in values.items()
            if name in space and fits(space[name], value)
        }
        if fitting:
            study.enqueue_trial(fitting, skip_if_exists=True)
    study.set_user_attr("warm_started", True)


def _stop_if_hopeless(study: optuna.Study, trials: int) -> None:
    result = study_result(study)
    failed = [trial for trial in result.trials if trial.state == "failed"]
    if len(failed) == len(result.trials) and len(failed) >= min(FAILURES_IN_A_ROW, trials):
        raise SearchError(
            f"The first {len(failed)} trials all failed, the last one because: {failed[-1].reason} Correct the "
            "settings or narrow `tune.space`, then run the command again."
        )


__all__ = ["Outcome", "StudyResult", "TrialRecord", "load_study", "open_study", "search", "study_result"]
