"""`toolkit tune`: search for better settings on selection pictures; more trials continue the study."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from toolkit.artifacts import RunDir, read_json
from toolkit.config import Config, apply
from toolkit.console import TextTable
from toolkit.errors import BusyError, SearchError
from toolkit.evaluation.corruptions import check_disjoint
from toolkit.steps import keys
from toolkit.steps.clean import Cleaned, cleaned_data
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.tune import tune_sections
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult
from toolkit.steps.search_space import checked_space, conditions, dimension_range, warm_starts
from toolkit.steps.trials import trial_metric
from toolkit.steps.tune_search import STUDY, activation_store, storage_of, watch, work, write_result
from toolkit.tuning.importance import importances
from toolkit.tuning.samplers import EXHAUSTIVE, check_sampler
from toolkit.tuning.search import StudyResult, load_study
from toolkit.tuning.space import points, searched
from toolkit.tuning.storage import check_storage

_WAIT_SECONDS = 0.5


class TuneResult(StepResult):
    """A search.

    Attributes:
        trials: Finished trials.
        failed: Trials that failed.
        metric: Name of the objective.
        test: `noisy`, `clean` or `mixed` selection pictures.
        best: Its best value; it flatters itself, being the best of many.
        best_params: Settings that reached it, by dotted path.
        figures: Further numbers of the best trial.
        minutes: Time after which a budget other than `tune.trials` ended the search, None where all trials were made.
        pruned: Trials that the pruner stopped.
        complete: Trials that reached a result.
        epochs: Epochs of all trials.
        exhausted: Whether a finite space was searched completely before the budget was spent.
    """

    trials: int
    failed: int
    metric: str
    test: str
    best: float
    best_params: dict[str, Any]
    figures: dict[str, float]
    minutes: float | None = None
    pruned: int = 0
    complete: int = 0
    epochs: int = 0
    exhausted: bool = False

    def tables(self) -> list[TextTable]:
        """The best settings."""
        rows = [(name, f"{value:.4g}" if isinstance(value, float) else str(value))
                for name, value in self.best_params.items()]  # fmt: skip
        title = f"Best of {self.trials} trials: {self.metric} {self.best:.4f} on {self.test} selection pictures"
        return [TextTable(title, ("setting", "value"), tuple(rows))]


def tune_step(project: Project, *, workers: int = 1, threads: int | None = None) -> TuneResult:
    """Search `tune.space`; what is found is used by `ensemble` where `ensemble.tuned` is auto.

    Any number of these may run at once, here or on other machines: they share one study and its budget.

    Args:
        project: The contest.
        workers: Processes to start; 1: this one searches itself.
        threads: Threads of computation of all workers together; None: one a core.
    """
    config = project.config
    _check(config)
    cleaned = cleaned_data(project)
    run = project.run("tune", keys.tune_key(config, cleaned.key))
    if run.done and _has_more(run, config):
        with suppress(FileNotFoundError):  # another worker was quicker
            (run.path / "DONE").unlink()  # a larger budget continues the study

    def compute(run: RunDir) -> dict[str, Any]:
        begin = time.monotonic()
        storage, name = storage_of(config, run)
        note = watch(project, run)
        try:
            if workers > 1:
                from toolkit.steps.workers import search_with_workers

                result = search_with_workers(project, run, workers, threads, note)
            else:
                result = work(project, cleaned, run, threads=threads, on_trial=note)
        except KeyboardInterrupt:
            with suppress(KeyError):  # stopped before there was a study
                write_result(run, load_study(storage, name))
            raise
        return _finish(project, run, result, time.monotonic() - begin)

    return project.perform(run, "tune", compute, TuneResult, shared=True)


def _check(config: Config) -> None:
    """All that can be wrong with the settings is said before any work."""
    check_disjoint(config.tune.corruptions, config.evaluate.corruptions)
    space, rules = checked_space(config)
    if config.tune.storage != "journal":
        check_storage(config.tune.storage if "://" in config.tune.storage else f"{config.tune.storage}://")
    check_sampler(config.tune.sampler)
    if config.tune.sampler in EXHAUSTIVE:
        points(space, rules)
    trial_metric(config)
    warm_starts(config, space)


def _has_more(run: RunDir, config: Config) -> bool:
    """Whether a finished search may go on: not where the same budget ended it."""
    found, settings = run.summary(), config.tune
    if found["trials"] >= settings.trials or found.get("exhausted"):
        return False
    if settings.epochs is not None and found.get("epochs", 0) >= settings.epochs:
        return False
    if settings.full_trials is not None and found.get("complete", 0) >= settings.full_trials:
        return False
    stopped = found["minutes"]
    return stopped is None or settings.minutes is None or settings.minutes > stopped


def tuned_config(project: Project, cleaned: Cleaned) -> tuple[Config, dict[str, Any]]:
    """The settings to train with, and those among them that `tune` found (empty where it has not finished).

    Where `tune --modify` has swept around this very result, what it accepted counts too.
    """
    config = project.config
    if config.ensemble.tuned == "never":
        return config, {}
    run = project.run("tune", keys.tune_key(config, cleaned.key))
    if not run.done:
        return config, {}
    found: dict[str, Any] = read_json(run.path / "best.json")["params"]
    swept = project.run("tune-modify", keys.modify_key(run.path.name, found, config.ensemble.folds))
    if swept.done:
        found = read_json(swept.path / "best.json")["params"]
    return apply(config, found), found


def _finish(project: Project, run: RunDir, result: StudyResult, seconds: float) -> dict[str, Any]:
    """Write what was found; of several workers one after the other, the last to finish removes the caches."""
    config = project.config
    best = result.best
    if best is None or best.value is None:
        raise SearchError(
            f"None of the {len(result.trials)} trials was completed: {result.count('pruned')} were pruned, "
            f"{result.count('failed')} failed. Raise tune.trials, tune.epochs or tune.min_epochs."
        )
    while True:
        try:
            with run.locked():
                write_result(run, result)
                _write_page(project, run, result)
            break
        except BusyError:
            time.sleep(_WAIT_SECONDS)
    activation_store(config, run).clear()
    stopped = len(result.trials) < config.tune.trials
    return {
        "trials": len(result.trials),
        "failed": result.count("failed"),
        "pruned": result.count("pruned"),
        "complete": result.count("complete"),
        "epochs": result.epochs,
        "metric": config.tune.metric,
        "test": config.tune.test,
        "best": best.value,
        "best_params": best.params,
        "figures": best.figures,
        "minutes": round(seconds / 60, 3) if stopped else None,
        "exhausted": stopped and config.tune.sampler in EXHAUSTIVE and len(result.trials) == _size(config),
        "headline": {f"best {config.tune.metric}, {config.tune.test}": f"{best.value:.3f}",
                     "trials": str(len(result.trials))},
    }  # fmt: skip


def _size(config: Config) -> int:
    return sum(1 for _ in points(*checked_space(config)))


def _write_page(project: Project, run: RunDir, result: StudyResult) -> None:
    config, best = project.config, result.best
    value = "–" if best is None else f"{best.value:.4f}"
    sections = tune_sections(
        result, config.tune.metric, config.tune.test, importances(*storage_of(config, run)),
        f"toolkit ensemble -c {project.config_name}", searched(checked_space(config)[0]),
    )  # fmt: skip
    write_step_page(
        run, config.name, "tune",
        f"{len(result.trials)} trials; best {config.tune.metric} {value} on {config.tune.test} pictures.",
        sections, config=project.config_name, files={"All trials": "trials.csv", "Best settings": "best.json"},
    )  # fmt: skip


__all__ = ["STUDY", "TuneResult", "conditions", "dimension_range", "load_study", "tune_step", "tuned_config"]
