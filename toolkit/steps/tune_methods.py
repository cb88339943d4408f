"""`toolkit tune --modify`, `--unfreeze` and `--compare`: methods of the reports around and beside the search."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.artifacts import RunDir, make_key, read_json, write_json
from toolkit.console import TextTable
from toolkit.errors import SearchError, StepOrderError
from toolkit.evaluation.corruptions import check_disjoint
from toolkit.manifest import Manifest
from toolkit.report import Section
from toolkit.steps import keys
from toolkit.steps.clean import cleaned_data
from toolkit.steps.networks import start
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.tune_methods import (
    comparison_sections,
    comparison_table,
    modification_sections,
    modification_table,
    unfreezing_sections,
    unfreezing_table,
)
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult
from toolkit.steps.splits import reporting_split
from toolkit.steps.trials import trial_metric
from toolkit.steps.tune import conditions, dimension_range, tune_step
from toolkit.steps.tune_objective import FoldObjective, HalvedSelection, setting, settings_of
from toolkit.steps.tune_search import storage_of
from toolkit.tuning.analysis import analyse, comparable
from toolkit.tuning.comparison import EPOCHS_A_SET, Cell, Contest, compare
from toolkit.tuning.judging import Ledger
from toolkit.tuning.methods import check_methods
from toolkit.tuning.modification import modify, most_and_least
from toolkit.tuning.proposals import Draw, Sampled
from toolkit.tuning.search import load_study
from toolkit.tuning.space import Searched, searched, suggest
from toolkit.tuning.unfreezing import Attempt, optimise, relative_error_drop


class MethodResult(StepResult):
    """What a method found.

    Attributes:
        metric: Name of the objective.
        best: Score of the best settings, on selection pictures.
        best_params: These settings, by dotted path.
        columns: Headings of the method's table.
        rows: Its rows.
        figures: Further numbers.
    """

    metric: str
    best: float
    best_params: dict[str, Any]
    columns: list[str]
    rows: list[list[str]]
    figures: dict[str, float]

    def tables(self) -> list[TextTable]:
        """The method's table."""
        return [TextTable(f"{self.step}: {self.metric}", tuple(self.columns), tuple(map(tuple, self.rows)))]

    def lines(self) -> list[str]:
        """Where the page is, and how to use what was found."""
        if self.step == "tune-modify":
            return [*super().lines(), "`toolkit ensemble` trains with these settings."]
        given = " ".join(f"--set {name}={value}" for name, value in self.best_params.items())
        return [*super().lines(), f"To train with these settings: toolkit ensemble --set ensemble.tuned=never {given}"]


def tune_method(
    modifies: bool,
    attempts: int,
    methods: str,
    epochs: int,
    others: Sequence[Path],
    workers: int = 1,
    threads: int | None = None,
) -> Callable[[Project], StepResult]:
    """What the command line asks for: a method, or the search itself where no method is named.

    Args:
        modifies: `--modify`.
        attempts: `--attempts` where `--unfreeze` is given, else 0.
        methods: `--compare`: names with commas between them.
        epochs: `--epochs`.
        others: `--with`: configs of further data sets.
        workers: `--workers` of the search.
        threads: `--threads` of the search.
    """
    if modifies:
        return modify_step
    if attempts:
        return partial(unfreeze_step, attempts=attempts)
    if not methods:
        return partial(tune_step, workers=workers, threads=threads)
    names = [name.strip() for name in methods.split(",") if name.strip()]
    check_methods(names)

    def call(project: Project) -> MethodResult:
        return compare_step(project, names, epochs, [Project(file, project.console) for file in others])

    return call


def modify_step(project: Project) -> MethodResult:
    """Sweep the most and the least important setting around the search's best trial (report B).

    Raises:
        StepOrderError: `tune` has not finished.
        SearchError: Too few trials for importances.
    """
    config, (cleaned_key, development) = project.config, _development(project)
    searched = project.run("tune", keys.tune_key(config, cleaned_key))
    if not searched.done:
        raise StepOrderError(
            f"There is no finished search of these settings. Run `toolkit tune -c {project.config_name}` first."
        )
    best = read_json(searched.path / "best.json")["params"]
    folds = config.ensemble.folds
    run = project.run("tune-modify", keys.modify_key(searched.path.name, best, folds))
    space, objective = _space(project), trial_metric(config)

    def compute(run: RunDir) -> dict[str, Any]:
        start(config)
        told = comparable(load_study(*storage_of(config, searched)))
        analysis = analyse(told.parameters, told.scores, space, direction=objective.direction)
        if analysis is None:
            raise SearchError(f"{len(told.scores)} trials tell no importances. Raise `tune.trials` and tune again.")
        evaluate = Ledger(
            FoldObjective(project, development, run.path / "activations", folds), run.path / "scores.jsonl"
        )
        with project.console.progress("Sweeps") as on_progress:
            found = modify(
                evaluate, space, best, most_and_least({name: one.mean for name, one in analysis.single.items()}, best),
                manual=settings_of(config, space), folds=folds, seed=config.seed, direction=objective.direction,
                on_progress=on_progress,
            )  # fmt: skip
        table = modification_table(found)
        figures = {"tuned": found.tuned.mean, "tuned_sd": found.tuned.sd, "modified": found.modified.mean}
        outcome = "accepted" if found.accepted else "nothing beat the tuned settings beyond noise"
        return _finish(project, run, found.modified.mean, found.modified.parameters, table, figures,
                       modification_sections(found, objective.name), outcome)  # fmt: skip

    return project.perform(run, "tune-modify", compute, MethodResult)


def unfreeze_step(project: Project, attempts: int) -> MethodResult:
    """Sequential search that unfreezes one more layer where a set does not improve (report D)."""
    config, (cleaned_key, development) = project.config, _development(project)
    run = project.run(
        "tune-unfreeze",
        make_key("tune-unfreeze", keys.SCHEMA["tune-unfreeze"], keys.tune_key(config, cleaned_key), attempts),
    )
    space, objective = _space(project), trial_metric(config)
    needed = ("model.unfreeze", "train.learning_rate", "train.batch_size")

    def compute(run: RunDir) -> dict[str, Any]:
        start(config)
        evaluate = Ledger(FoldObjective(project, development, run.path / "activations", 1), run.path / "scores.jsonl")
        with project.console.progress("Attempts") as on_progress:

            def report(attempt: Attempt) -> None:
                run.log_metrics(attempt=attempt.number, score=attempt.score, outcome=attempt.outcome)
                on_progress(attempt.number, attempts)

            found = optimise(
                evaluate, {name: setting(config, name) for name in needed} | settings_of(config, space),
                Sampled(_draw(project, space), "tpe", seed=config.seed, direction=objective.direction),
                attempts=attempts, seed=config.seed, direction=objective.direction, on_attempt=report,
            )  # fmt: skip
        figures = {"baseline": found.baseline, "trainings": float(found.trainings)}
        told = f"{found.baseline:.4f} to {found.best_score:.4f}"
        if objective.direction == "maximize":
            figures["relative_error_drop"] = relative_error_drop(found.baseline, found.best_score)
            told += f"; relative error drop {100 * figures['relative_error_drop']:.1f} %"
        sections = unfreezing_sections(found, objective.name, figures.get("relative_error_drop"))
        return _finish(project, run, found.best_score, found.best, unfreezing_table(found), figures, sections, told)

    return project.perform(run, "tune-unfreeze", compute, MethodResult)


def compare_step(project: Project, methods: Sequence[str], epochs: int, others: Sequence[Project] = ()) -> MethodResult:
    """Give search methods the same number of epochs on one or several data sets (reports C and E).

    Args:
        project: The first data set; its results hold the comparison.
        methods: Names.
        epochs: Budget of each method on each data set.
        others: Further data sets, each with its own config and search space.
    """
    config = project.config
    projects = [project, *others]
    ready = [_development(one) for one in projects]
    searched = [keys.tune_key(one.config, key) for one, (key, _) in zip(projects, ready, strict=True)]
    run = project.run(
        "tune-compare", make_key("tune-compare", keys.SCHEMA["tune-compare"], searched, list(methods), epochs)
    )
    objective = trial_metric(config)

    def compute(run: RunDir) -> dict[str, Any]:
        start(config)
        contests = []
        for index, (one, (_, development)) in enumerate(zip(projects, ready, strict=True)):
            halved = HalvedSelection(one, development, run.path / "activations" / str(index))
            evaluate = Ledger(halved.evaluate, run.path / f"scores-{index}.jsonl")
            space = _space(one)
            contests.append(Contest(one.config.name, evaluate, _draw(one, space), space, halved.test))
        done = 0
        with project.console.progress("Methods") as on_progress:

            def report(cell: Cell) -> None:
                nonlocal done
                done += 1
                run.log_metrics(data=cell.data, method=cell.method, score=cell.score, epochs=cell.spent.epochs)
                on_progress(done, len(contests) * len(methods))

            found = compare(
                contests, methods, budget=epochs, epochs=min(EPOCHS_A_SET, epochs), seed=config.seed,
                direction=objective.direction, on_cell=report,
            )  # fmt: skip
        here = [cell for cell in found.cells if cell.data == found.data[0]]
        winner = (max if objective.direction == "maximize" else min)(here, key=lambda cell: cell.score)
        figures = {f"largest_difference_{name}": found.largest_difference(name) for name in found.data}
        return _finish(project, run, winner.score, winner.spent.best.parameters, comparison_table(found), figures,
                       comparison_sections(found, objective.name), f"{winner.method} found the best")  # fmt: skip

    return project.perform(run, "tune-compare", compute, MethodResult)


def _finish(
    project: Project,
    run: RunDir,
    best: float,
    params: dict[str, Any],
    table: tuple[list[str], list[list[str]]],
    figures: dict[str, float],
    sections: list[Section],
    told: str,
) -> dict[str, Any]:
    name = project.config.tune.metric
    write_json(run.path / "best.json", {"value": best, "params": params, "figures": figures})
    shutil.rmtree(run.path / "activations", ignore_errors=True)
    write_step_page(run, project.config.name, run.path.parent.name, f"Best {name} {best:.4f}: {told}.", sections,
                    config=project.config_name, files={"Best settings": "best.json"})  # fmt: skip
    columns, rows = table
    return {"metric": name, "best": best, "best_params": params, "columns": columns, "rows": rows, "figures": figures,
            "headline": {f"best {name}": f"{best:.3f}"}}  # fmt: skip


def _development(project: Project) -> tuple[str, Manifest]:
    config = project.config
    check_disjoint(config.tune.corruptions, config.evaluate.corruptions)
    cleaned = cleaned_data(project)
    return cleaned.key, reporting_split(cleaned.manifest, config.data.holdout, config.seed).larger


def _space(project: Project) -> dict[str, Searched]:
    return searched({name: dimension_range(dimension) for name, dimension in project.config.tune.space.items()})


def _draw(project: Project, space: dict[str, Searched]) -> Draw:
    return partial(suggest, space=space, conditions=tuple(conditions(project.config)))
