"""`toolkit tune`: search for better settings on selection pictures; more trials continue the study."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Mapping
from typing import Any

from toolkit.artifacts import RunDir, read_json, write_json, write_text
from toolkit.config import Config, Dimension, apply
from toolkit.console import TextTable
from toolkit.evaluation.corruptions import check_disjoint
from toolkit.metrics import metric
from toolkit.steps import keys
from toolkit.steps.clean import Cleaned, cleaned_data
from toolkit.steps.networks import start
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.tune import tune_sections
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult
from toolkit.steps.splits import reporting_split, selection_split
from toolkit.steps.trials import Trials
from toolkit.tuning.importance import importances
from toolkit.tuning.search import StudyResult, TrialRecord, load_study, search
from toolkit.tuning.space import Choice, Condition, FloatRange, IntRange, Range

STUDY = "tune"


class TuneResult(StepResult):
    """A search.

    Attributes:
        trials: Finished trials.
        failed: Trials that failed.
        metric: Name of the objective.
        test: `noisy` or `clean` selection pictures.
        best: Its best value; it flatters itself, being the best of many.
        best_params: Settings that reached it, by dotted path.
        figures: Further numbers of the best trial.
        minutes: Time after which `tune.minutes` ended the search, None where all trials were made.
    """

    trials: int
    failed: int
    metric: str
    test: str
    best: float
    best_params: dict[str, Any]
    figures: dict[str, float]
    minutes: float | None = None

    def tables(self) -> list[TextTable]:
        """The best settings."""
        rows = [(name, f"{value:.4g}" if isinstance(value, float) else str(value))
                for name, value in self.best_params.items()]  # fmt: skip
        title = f"Best of {self.trials} trials: {self.metric} {self.best:.4f} on {self.test} selection pictures"
        return [TextTable(title, ("setting", "value"), tuple(rows))]


def tune_step(project: Project) -> TuneResult:
    """Search `tune.space`; what is found is used by `ensemble` where `ensemble.tuned` is auto."""
    config = project.config
    check_disjoint(config.tune.corruptions, config.evaluate.corruptions)
    space = {name: dimension_range(dimension) for name, dimension in config.tune.space.items()}
    _check_space(config)
    cleaned = cleaned_data(project)
    run = project.run("tune", keys.tune_key(config, cleaned.key))
    if run.done and run.summary()["trials"] < config.tune.trials and _has_time(run, config):
        (run.path / "DONE").unlink()  # a larger budget continues the study

    def compute(run: RunDir) -> dict[str, Any]:
        return _search(project, cleaned, run, space)

    return project.perform(run, "tune", compute, TuneResult)


def _has_time(run: RunDir, config: Config) -> bool:
    """Whether a search that stopped early may go on: not if the same number of minutes stopped it."""
    minutes = run.summary()["minutes"]
    return minutes is None or config.tune.minutes is None or config.tune.minutes > minutes


def tuned_config(project: Project, cleaned: Cleaned) -> tuple[Config, dict[str, Any]]:
    """The settings to train with, and those among them that `tune` found (empty where it has not finished)."""
    config = project.config
    if config.ensemble.tuned == "never":
        return config, {}
    run = project.run("tune", keys.tune_key(config, cleaned.key))
    if not run.done:
        return config, {}
    found: dict[str, Any] = read_json(run.path / "best.json")["params"]
    return apply(config, found), found


def _search(project: Project, cleaned: Cleaned, run: RunDir, space: dict[str, Range]) -> dict[str, Any]:
    config = project.config
    start(config)
    development = reporting_split(cleaned.manifest, config.data.holdout, config.seed).larger
    split = selection_split(development, config.tune.selection, config.seed)
    objective = metric(config.tune.metric)
    begin = time.monotonic()
    with project.console.progress("Trials") as on_progress:

        def report(record: TrialRecord, so_far: StudyResult) -> None:
            run.log_metrics(trial=record.number, state=record.state, value=record.value, **record.params)
            on_progress(len(so_far.trials), config.tune.trials)

        result = search(
            Trials(project, split, run.path / "activations"),
            space,
            storage=run.path / "journal.log",
            name=STUDY,
            trials=config.tune.trials,
            direction=objective.direction,
            conditions=conditions(config),
            sampler=config.tune.sampler,
            seed=config.seed,
            minutes=config.tune.minutes,
            on_trial=report,
        )
    _write_trials(run, result)
    best = result.best
    if best is None or best.value is None:
        raise RuntimeError("a study without a complete trial must have raised before")
    write_json(run.path / "best.json", {"value": best.value, "params": best.params, "figures": best.figures})
    shutil.rmtree(run.path / "activations", ignore_errors=True)
    sections = tune_sections(
        result, config.tune.metric, config.tune.test,
        importances(run.path / "journal.log", STUDY), f"toolkit ensemble -c {project.config_name}", space,
    )  # fmt: skip
    write_step_page(
        run, config.name, "tune",
        f"{len(result.trials)} trials; best {config.tune.metric} {best.value:.4f} on {config.tune.test} pictures.",
        sections, config=project.config_name, files={"All trials": "trials.csv", "Best settings": "best.json"},
    )  # fmt: skip
    failed = sum(trial.value is None for trial in result.trials)
    stopped = len(result.trials) < config.tune.trials
    return {
        "trials": len(result.trials),
        "failed": failed,
        "metric": config.tune.metric,
        "test": config.tune.test,
        "best": best.value,
        "best_params": best.params,
        "figures": best.figures,
        "minutes": round((time.monotonic() - begin) / 60, 3) if stopped else None,
        "headline": {f"best {config.tune.metric}, {config.tune.test}": f"{best.value:.3f}",
                     "trials": str(len(result.trials))},
    }  # fmt: skip


def dimension_range(dimension: Dimension) -> Range:
    """A dimension of the config as the search takes it."""
    if dimension.float_range is not None:
        return FloatRange(*dimension.float_range, log=dimension.log, step=dimension.step)
    if dimension.int_range is not None:
        return IntRange(*dimension.int_range, log=dimension.log, step=int(dimension.step or 1))
    return Choice(dimension.choice or ())


def conditions(config: Config) -> list[Condition]:
    """The width of a dense layer exists only in trials that have that layer."""
    space = config.tune.space
    prefix, parent = "model.head.units.", "model.head.layers"
    if parent not in space:
        return []
    return [Condition(name, parent, int(name.removeprefix(prefix)) + 1) for name in space if name.startswith(prefix)]


def _check_space(config: Config) -> None:
    """Both ends of every dimension must be valid settings: a wrong path or range is an error before any work."""
    widest: dict[str, Any] = {}
    for name, dimension in config.tune.space.items():
        values = dimension.float_range or dimension.int_range or dimension.choice or ()
        widest[name] = values[-1]
        if not name.startswith("model.head."):  # layers, widths and rates are checked together, below
            for value in values:
                apply(config, {name: value})
    apply(config, widest)


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


__all__ = ["TuneResult", "conditions", "dimension_range", "load_study", "tune_step", "tuned_config"]
