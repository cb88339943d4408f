"""Report E: grid and random search of a small network with k-fold cross-validation, with and without augmentation."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir
from toolkit.config.paper_schema import TinyVgg
from toolkit.steps.clean import cleaned_data
from toolkit.steps.networks import new_model
from toolkit.steps.papers.bench import Bench
from toolkit.steps.papers.data import changed, part_of
from toolkit.steps.papers.stages import Stages
from toolkit.steps.papers.tinyvgg_parts import (
    SETTINGS,
    SETUPS,
    curves,
    network,
    pruning,
    scaled,
    table_1,
    table_2,
    tests,
)
from toolkit.steps.project import Project
from toolkit.steps.splits import reporting_split
from toolkit.steps.tune import tune_step

_PLAIN = {"augment.policy.name": "none"}


def run(project: Project, settings: TinyVgg, run: RunDir, stages: Stages) -> Any:
    """Searches, then trainings of the winners over several seeds."""
    project = part_of(project, settings.classes, settings.pictures)
    cleaned = stages("clean", lambda: len(cleaned_data(project).manifest))
    parameters = stages("parameters", count_parameters, project)
    searches = {name: stages(f"search {name}", _search, project, settings, name) for name in SETUPS}
    finals = {name: stages(f"final {name}", _final, project, settings, name, searches[name], run) for name in SETUPS}
    parts = [
        scaled(project, settings, cleaned),
        network(project, parameters),
        table_1(searches),
        table_2(finals),
        tests(finals),
        pruning(searches),
    ]
    return parts, {"Accuracy of the winners": [curves(finals)]}


def count_parameters(project: Project) -> dict[str, int]:
    """Trained weights of the network as a whole."""
    from toolkit.steps.networks import start

    start(project.config)
    model = new_model(project.config, len(project.manifest.classes), seed=0)
    return {"trained": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)}


def _search(project: Project, settings: TinyVgg, name: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {} if name.endswith("Aug") else dict(_PLAIN)
    if name.startswith("Grid"):
        space = {path: {"choice": list(values)} for path, values in settings.grid.items()}
        trials = len(list(product(*settings.grid.values())))
        chosen |= {"tune.sampler": "grid", "tune.space": space, "tune.trials": trials}
    else:
        chosen |= {"tune.sampler": "random", "tune.trials": settings.random_trials}
    searched = changed(project, chosen)
    found = tune_step(searched)
    given = {**{path: _own(searched, path) for path in SETTINGS}, **found.best_params}
    given["train.epochs"] = found.best_params.get("train.epochs", searched.config.tune.trial_epochs)
    return {
        "best": found.best,
        "params": found.best_params,
        "settings": given,
        "trials": found.trials,
        "pruned": found.pruned,
        "failed": found.failed,
        "epochs": found.epochs,
    }


def _own(project: Project, path: str) -> Any:
    value: Any = project.config
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _final(project: Project, settings: TinyVgg, name: str, found: dict[str, Any], run: RunDir) -> dict[str, Any]:
    """The report trains each winner on 80 % and tests on 20 %, over several seeds; the test chooses nothing here."""
    chosen = {**({} if name.endswith("Aug") else _PLAIN), **found["params"], "train.early_stopping": 0}
    chosen.pop("train.epochs", None)
    split = reporting_split(cleaned_data(project).manifest, project.config.data.holdout, project.config.seed)
    bench = Bench(project, cleaned_data(project).manifest, run.path / "final" / name.replace(" ", "_"))
    courses = [
        bench.train(chosen, split.larger, split.smaller, epochs=settings.final_epochs, seed=seed)
        for seed in range(settings.seeds)
    ]
    bench.clear()
    return {
        "n": len(split.smaller),
        "accuracy": [[e["val_accuracy"] for e in one.curve] for one in courses],
        "loss": [[e["val_loss"] for e in one.curve] for one in courses],
    }
