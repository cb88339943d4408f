"""What one worker of a search does, and what is written of the study."""

from __future__ import annotations

import csv
import gc
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.artifacts import RunDir, write_json, write_text
from toolkit.config import Config
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.clean import Cleaned
from toolkit.steps.networks import start
from toolkit.steps.project import Project
from toolkit.steps.search_space import checked_space, warm_starts
from toolkit.steps.splits import reporting_split
from toolkit.steps.trials import Trials, trial_metric, trial_splits
from toolkit.tuning.search import StudyResult, TrialRecord, load_study, search

STUDY = "tune"


def storage_of(config: Config, run: RunDir) -> tuple[Path | str, str]:
    """Where the study of a run is kept, and its name there: on a shared database names must differ."""
    if config.tune.storage == "journal":
        return run.path / "journal.log", STUDY
    return config.tune.storage, f"{STUDY}-{run.path.name}"


def activation_store(config: Config, run: RunDir) -> ActivationStore:
    """Caches of a search, shared by its workers."""
    limit = None if config.tune.cache_gb is None else int(config.tune.cache_gb * 1e9)
    return ActivationStore(run.path / "activations", limit)


def work(
    project: Project,
    cleaned: Cleaned,
    run: RunDir,
    *,
    threads: int | None = None,
    on_trial: Callable[[TrialRecord, StudyResult], None] | None = None,
) -> StudyResult:
    """Search as one worker until the budget of the study is spent.

    Args:
        project: The contest.
        cleaned: Its cleaned pictures.
        run: Directory of the search, the same for all workers.
        threads: Threads of computation; None: one a core.
        on_trial: Called after each trial of this worker.
    """
    config = project.config
    settings = config.tune
    space, rules = checked_space(config)
    start(config, threads)
    development = reporting_split(cleaned.manifest, config.data.holdout, config.seed).larger
    storage, name = storage_of(config, run)
    store = activation_store(config, run)

    def report(record: TrialRecord, so_far: StudyResult) -> None:
        run.log_metrics(trial=record.number, state=record.state, value=record.value, **record.params)
        if on_trial:
            on_trial(record, so_far)

    try:
        with _settled_heap():
            return search(
                Trials(project, trial_splits(development, config), store),
                space,
                storage=storage,
                name=name,
                trials=settings.trials,
                direction=trial_metric(config).direction,
                conditions=rules,
                sampler=settings.sampler,
                seed=config.seed,
                minutes=settings.minutes,
                on_trial=report,
                epochs=settings.epochs,
                full_trials=settings.full_trials,
                pruner=settings.pruner,
                trial_epochs=settings.trial_epochs,
                min_epochs=settings.min_epochs,
                reduction=settings.reduction,
                warm_start=warm_starts(config, space),
                heartbeat=settings.heartbeat,
                live=True,
            )
    except KeyboardInterrupt:
        write_result(run, load_study(storage, name))
        raise


@contextmanager
def _settled_heap() -> Iterator[None]:
    """Let the garbage collections between trials pass over what was there before: TensorFlow's 400,000 objects."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def progress_text(result: StudyResult, config: Config, seconds: float, cache_bytes: int) -> str:
    """How a search stands, in one line.

    Args:
        result: The study.
        config: Its settings.
        seconds: Since this process began.
        cache_bytes: Size of the cached activations.
    """
    best = "none yet" if result.best is None else f"{result.best.value:.4f}"
    text = f"trials: {len(result.trials)} done, {result.count('pruned')} pruned, {result.count('failed')} failed; "
    text += f"best {config.tune.metric} {best}"
    if result.trials:
        mean = sum(trial.seconds for trial in result.trials) / len(result.trials)
        workers = max(1, len({trial.worker for trial in result.trials[-8:]}))
        left = mean * (config.tune.trials - len(result.trials)) / workers
        if config.tune.epochs and result.epochs:
            spent = sum(trial.seconds for trial in result.trials)
            left = min(left, spent / result.epochs * (config.tune.epochs - result.epochs) / workers)
        if config.tune.minutes is not None:
            left = min(left, 60 * config.tune.minutes - seconds)
        text += f"; about {max(0.0, left) / 60:.1f} min left"
    return f"{text}; cache {cache_bytes / 1e6:.0f} MB"


def write_result(run: RunDir, result: StudyResult) -> None:
    """Write `trials.csv`, and `best.json` where a trial is complete."""
    _write_trials(run, result)
    best = result.best
    if best is not None:
        write_json(run.path / "best.json", {"value": best.value, "params": best.params, "figures": best.figures})


def watch(project: Project, run: RunDir) -> Callable[[TrialRecord, StudyResult], None]:
    """Notes of how the search stands, for `on_trial`: one after each trial."""
    begin = time.monotonic()
    store = activation_store(project.config, run)

    def note(record: TrialRecord, so_far: StudyResult) -> None:
        text = progress_text(so_far, project.config, time.monotonic() - begin, store.size_bytes)
        project.console.note(f"  {text}")

    return note


def _write_trials(run: RunDir, result: StudyResult) -> None:
    params = sorted({name for trial in result.trials for name in trial.params})
    figures = sorted({name for trial in result.trials for name in trial.figures})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "state", "value", *params, *figures, "seconds", "reason"])
    for trial in result.trials:
        writer.writerow(
            [trial.number, trial.state, trial.value, *(_plain(trial.params, name) for name in params),
             *(trial.figures.get(name) for name in figures), round(trial.seconds, 3), trial.reason]
        )  # fmt: skip
    write_text(run.path / "trials.csv", text.getvalue())


def _plain(params: Mapping[str, Any], name: str) -> Any:
    value = params.get(name)
    return json.dumps(value) if isinstance(value, list | dict) else value
