"""Report B: manual, tuned and deliberately modified settings, on patterns whose copies were made before the split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.artifacts import RunDir
from toolkit.config.paper_schema import Kasuri
from toolkit.errors import SearchError
from toolkit.folds import make_folds
from toolkit.manifest import Manifest
from toolkit.report import Block
from toolkit.steps.clean import clean_step, cleaned_data
from toolkit.steps.papers.bench import Bench
from toolkit.steps.papers.data import changed, with_copies
from toolkit.steps.papers.kasuri_parts import (
    BATCH,
    COLUMNS,
    DROPOUT,
    MODES,
    bars,
    importances,
    leak_part,
    mode_part,
    scaled,
)
from toolkit.steps.papers.searching import space_of
from toolkit.steps.papers.stages import Stages
from toolkit.steps.project import Project
from toolkit.steps.splits import Split, reporting_split
from toolkit.steps.tune import tune_step
from toolkit.steps.tune_objective import settings_of
from toolkit.steps.tune_search import storage_of
from toolkit.tuning.analysis import analyse
from toolkit.tuning.judging import Ledger
from toolkit.tuning.modification import Judged, modify, most_and_least
from toolkit.tuning.search import load_study


def run(project: Project, settings: Kasuri, run: RunDir, stages: Stages) -> Any:
    """The leak; then search and sweeps in both modes."""
    project = with_copies(project, settings.classes, settings.patterns, settings.copies)
    found_copies = stages("clean", _copies_found, project)
    modes = {name: _mode(project, settings, name) for name in MODES}
    leaks = {name: stages(f"leak {name}", _leak, modes[name], settings, run, name) for name in MODES}
    tuned = {name: stages(f"tune {name}", _tune, modes[name]) for name in MODES}
    swept = {name: stages(f"sweeps {name}", _sweep, modes[name], settings, tuned[name], run, name) for name in MODES}
    tested = {name: stages(f"test {name}", _test, modes[name], settings, swept[name], run, name) for name in MODES}
    parts = [
        scaled(modes["fine_tuning"], settings, tuned, _development(modes["fine_tuning"])),
        leak_part(leaks, found_copies, settings),
    ]
    charts: dict[str, list[Block]] = {}
    for name, title in MODES.items():
        parts.append(mode_part(name, title, modes[name], tuned[name], swept[name], tested[name]))
        charts[title] = [bars(path, tuned[name], swept[name]) for path in swept[name]["swept"]]
    return [*parts, importances(tuned)], charts


def _mode(project: Project, settings: Kasuri, name: str) -> Project:
    """The contest in one of the report's two modes; the config describes the second."""
    if name == "fine_tuning":
        return changed(project, {"model.unfreeze": settings.fine_tuned})
    space = project.config.tune.space
    dimensions = {DROPOUT: space[DROPOUT].model_dump(by_alias=True), BATCH: {"choice": [16, 32, 64]}}
    transfer = project.config.train.transfer
    epochs = transfer.epochs if transfer else project.config.tune.trial_epochs
    chosen = {"model.unfreeze": 0, "train.transfer": None, "tune.space": dimensions, "tune.trial_epochs": epochs}
    return changed(project, chosen | ({"train.learning_rate": transfer.learning_rate} if transfer else {}))


def _copies_found(project: Project) -> dict[str, int]:
    """What the toolkit's own cleaning says of the copies where nobody tells it of them."""
    untold = changed(project, {"data.group": None, "clean.duplicates.enabled": True})
    result = clean_step(untold)
    manifest = cleaned_data(untold).manifest
    groups = manifest.groups
    truth = dict(zip(project.manifest.image_ids, project.manifest.groups, strict=True))
    with_twin = sum(int((groups == group).sum() > 1) for group in groups)
    mixed = sum(len({truth[one] for one in manifest.image_ids[groups == group]}) > 1 for group in set(groups))
    return {
        "pictures": result.images,
        "grouped": with_twin,
        "dropped": result.dropped,
        "mixed": mixed,
        "groups": len(set(groups)),
    }


def _splits(pictures: Manifest, folds: int, seed: int, grouped: bool) -> list[Split]:
    groups = pictures.groups if grouped else pictures.image_ids
    made = make_folds(pictures.image_ids.tolist(), pictures.labels, groups, folds, seed, pictures.classes)
    parts = [made.split(index) for index in range(folds)]
    return [Split(pictures.select(larger), pictures.select(smaller)) for larger, smaller in parts]


def _development(project: Project) -> Split:
    return reporting_split(cleaned_data(project).manifest, project.config.data.holdout, project.config.seed)


class _Judge:
    """Accuracy after the last epoch on a fold: the fold chooses nothing, not even the epoch."""

    def __init__(self, project: Project, splits: list[Split], run: RunDir, name: str) -> None:
        self._project = project
        self._splits = splits
        self.bench = Bench(project, cleaned_data(project).manifest, run.path / name)

    def __call__(self, parameters: dict[str, Any], *, fold: int, seed: int, epochs: int | None) -> float:
        split = self._splits[fold]
        course = self.bench.train(
            parameters, split.larger, split.smaller, epochs=epochs or self._project.config.tune.trial_epochs, seed=seed
        )
        return float(course.curve[-1]["val_accuracy"])


def _leak(project: Project, settings: Kasuri, run: RunDir, name: str) -> dict[str, list[float]]:
    development = _development(project).larger
    found = {}
    for grouped in (True, False):
        splits = _splits(development, settings.folds, project.config.seed, grouped)
        judge = _Judge(project, splits, run, name)
        manual = settings_of(project.config, space_of(project))
        found["grouped" if grouped else "leaking"] = [
            judge(manual, fold=fold, seed=0, epochs=None) for fold in range(settings.folds)
        ]
    return found


def _tune(project: Project) -> dict[str, Any]:
    result = tune_step(project)
    study = load_study(*storage_of(project.config, RunDir(result.run_dir)))
    complete = [trial for trial in study.trials if trial.value is not None]
    analysis = analyse(
        [trial.params for trial in complete], [trial.value or 0.0 for trial in complete], space_of(project)
    )
    if analysis is None:
        raise SearchError(f"{len(complete)} complete trials tell no importances; raise tune.trials.")
    return {
        "best": result.best,
        "params": result.best_params,
        "trials": len(complete),
        "importances": {path: one.mean for path, one in analysis.single.items()},
    }


def _sweep(project: Project, settings: Kasuri, tuned: Mapping[str, Any], run: RunDir, name: str) -> dict[str, Any]:
    splits = _splits(_development(project).larger, settings.folds, project.config.seed, grouped=True)
    judge = _Judge(project, splits, run, name)
    space, params = space_of(project), dict(tuned["params"])
    importances = tuned["importances"] or dict.fromkeys(params, 0.0)  # all trials scored alike
    found = modify(
        Ledger(judge, run.path / name / "scores.jsonl"),
        space,
        params,
        most_and_least(importances, params),
        manual=settings_of(project.config, space),
        folds=settings.folds,
        seed=0,
    )
    values = {"manual": found.manual or found.tuned, "tuned": found.tuned, "modified": found.modified}
    return {
        **{column: _plain(judged) for column, judged in values.items()},
        "level": found.level,
        "swept": {
            path: [
                {
                    "value": step.value,
                    "role": step.role,
                    **_plain(step.judged),
                    "gain": step.gain,
                    "low": step.low,
                    "accepted": step.accepted,
                }
                for step in found.steps
                if step.name == path
            ]
            for path in dict.fromkeys(step.name for step in found.steps)
        },
    }


def _plain(judged: Judged) -> dict[str, Any]:
    return {"parameters": judged.parameters, "scores": list(judged.scores)}


def _test(
    project: Project, settings: Kasuri, swept: Mapping[str, Any], run: RunDir, name: str
) -> dict[str, list[float]]:
    """Settings trained on all development pictures, on the patterns that no search and no sweep saw."""
    split = _development(project)
    judge = _Judge(project, [split], run, name)
    found = {
        column: [
            judge(dict(swept[column]["parameters"]), fold=0, seed=seed, epochs=None) for seed in range(settings.seeds)
        ]
        for column in COLUMNS
    }
    judge.bench.clear()
    return found
