"""Report A: a contest pipeline, its local test with white noise, and what a hidden test says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir
from toolkit.config.paper_schema import An2dl
from toolkit.ensembling.votes import combine
from toolkit.evaluation.corruptions import select
from toolkit.folds import make_folds
from toolkit.manifest import Manifest
from toolkit.metrics import Scores
from toolkit.report import Block, Heatmap
from toolkit.steps.clean import cleaned_data
from toolkit.steps.papers.an2dl_parts import (
    CLEAN,
    HIDDEN,
    LOCAL,
    hidden_part,
    networks_part,
    scaled,
    search_part,
    variants_part,
)
from toolkit.steps.papers.bench import Bench, Course, Test
from toolkit.steps.papers.data import changed, check_source, part_of, resolved
from toolkit.steps.papers.stages import Stages
from toolkit.steps.project import Project
from toolkit.steps.splits import Split, reporting_split
from toolkit.steps.tune import tune_step

_FIGURES = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "weighted_precision",
    "weighted_recall",
    "weighted_f1",
)
_BASIC = {
    "augment.policy.name": "basic",
    "augment.policy.vertical_flip": True,
    "augment.policy.rotation": 180.0,
    "augment.policy.zoom": 0.2,
    "augment.policy.brightness": 0.0,
    "augment.policy.contrast": 0.0,
    "augment.policy.saturation": 0.0,
}
_COLOURS = [
    {"operation": one, "probability": 0.5, "strength": 0.3}
    for one in ("brightness", "contrast", "hue", "channel_shift")
]
_GREY = {"operation": "greyscale", "probability": 0.1, "strength": 1.0}
_FLIPS = [{"operation": one, "probability": 0.5, "strength": 1.0} for one in ("horizontal_flip", "vertical_flip")]
# What differs from the report's final recipe: RandAugment 5 at 0.32, Lion, class weights, 15 layers, 512/256/128.
VARIANTS: dict[str, dict[str, Any]] = {
    "the whole recipe": {},
    "without class weights": {"train.class_weight": "none"},
    "Adam in place of Lion": {"train.optimizer": "adam"},
    "frozen backbone": {"model.unfreeze": 0},
    "no augmentation": {"augment.policy.name": "none"},
    "augmentation 1: geometry": _BASIC,
    "augmentation 2a: colours": {
        "augment.policy.name": "random_apply",
        "augment.policy.layers": [*_FLIPS, *_COLOURS, _GREY],
    },
    "augmentation 2b: contrast stretch": {**_BASIC, "augment.policy.stretch": 1.0},
}


def run(project: Project, settings: An2dl, run: RunDir, stages: Stages) -> Any:
    """Networks and votes, variants of the recipe, the search of the head, local against hidden."""
    hidden = _hidden_source(project, settings)
    project = part_of(project, None, settings.pictures)
    kept = stages("clean", _cleaned, project)
    # Stands for the hidden test: other pictures, as they are and under families that no training or choice saw.
    tests = _tests(project, hidden)
    networks = {
        name: stages(f"network {name}", _network, project, settings, name, tests, run) for name in settings.backbones
    }
    used = changed(project, {"model.backbone": settings.backbones[0]})
    variants = {
        name: stages(f"variant {name.replace(':', '')}", _variant, used, settings, name, tests, run)
        for name in VARIANTS
    }
    tuned = stages("tune", _tune, used)
    searched = stages("tuned and by hand", _searched, used, settings, tuned, tests, run)
    Bench(used, cleaned_data(used).manifest, run.path / "bench").clear()
    parts = [
        scaled(project, settings, kept),
        networks_part(networks),
        hidden_part(networks, variants, hidden is not None),
        variants_part(variants),
        search_part(searched, tuned),
    ]
    first = networks[settings.backbones[0]]
    title = f"Confusion matrix of {settings.backbones[0]}, vote, local test"
    heat = Heatmap(
        first["vote"][LOCAL]["confusion"],
        project.manifest.classes,
        project.manifest.classes,
        "true class",
        "predicted class",
        title,
    )
    charts: dict[str, list[Block]] = {parts[1].title: [heat]}
    return parts, charts


def _hidden_source(project: Project, settings: An2dl) -> Project | None:
    if settings.test is None:
        return None
    source = resolved(project.config, settings.test)
    check_source(source, "paper.test")
    data = {"data.source": str(source), "data.classes": list(project.manifest.classes)}
    return changed(project, data)


def _cleaned(project: Project) -> dict[str, int]:
    return {"listed": len(project.manifest), "kept": len(cleaned_data(project).manifest)}


def _parts(project: Project) -> Split:
    return reporting_split(cleaned_data(project).manifest, project.config.data.holdout, project.config.seed)


def _tests(project: Project, hidden: Project | None) -> list[Test]:
    holdout = _parts(project).smaller
    severity = project.config.evaluate.severities[0]
    found = [Test(CLEAN, project, holdout), Test(LOCAL, project, holdout, "white_noise", severity)]
    if hidden is not None:
        found.append(Test(HIDDEN, hidden, hidden.manifest))
        found += [
            Test(f"{HIDDEN} {row.name}", hidden, hidden.manifest, row.name, severity)
            for row in select(project.config.evaluate.corruptions)
        ]
    return found


def _folds(pictures: Manifest, folds: int, seed: int) -> list[Split]:
    made = make_folds(pictures.image_ids.tolist(), pictures.labels, pictures.groups, folds, seed, pictures.classes)
    splits = [made.split(index) for index in range(folds)]
    return [Split(pictures.select(larger), pictures.select(smaller)) for larger, smaller in splits]


def _courses(
    project: Project, settings: An2dl, chosen: Mapping[str, Any], count: int, tests: Sequence[Test], run: RunDir
) -> list[Course]:
    """Trainings on the first folds of the development pictures."""
    bench = Bench(project, cleaned_data(project).manifest, run.path / "bench")
    splits = _folds(_parts(project).larger, settings.folds, project.config.seed)[:count]
    found = []
    for index, split in enumerate(splits):
        found.append(bench.train(chosen, split.larger, split.smaller, epochs=settings.epochs, seed=index, tests=tests))
        project.console.note(f"  training {index + 1} of {len(splits)}: {found[-1].seconds:.0f} s")
    return found


def _network(project: Project, settings: An2dl, name: str, tests: Sequence[Test], run: RunDir) -> dict[str, Any]:
    """Each fold's model by itself, and their majority vote."""
    courses = _courses(project, settings, {"model.backbone": name}, settings.folds, tests, run)
    single = {one.name: [_figures(one.score(course.probabilities[one.name])) for course in courses] for one in tests}
    vote = {}
    for one in tests:
        voted = combine("majority", np.stack([course.probabilities[one.name] for course in courses]))
        vote[one.name] = {
            **_figures(one.score(voted)),
            "sd": _bootstrap_sd(one, voted),
            "confusion": [list(row) for row in one.score(voted).confusion],
        }
    return {"single": single, "vote": vote}


def _figures(scores: Scores) -> dict[str, float]:
    return {name: getattr(scores, name).value for name in _FIGURES}


def _bootstrap_sd(test: Test, probabilities: np.ndarray, draws: int = 500) -> float:
    """Standard deviation of a vote's accuracy over redrawn test pictures: there is but one vote."""
    right = probabilities.argmax(axis=1) == test.pictures.labels
    rng = np.random.default_rng(test.project.config.seed)
    return float(np.std([right[rng.integers(len(right), size=len(right))].mean() for _ in range(draws)], ddof=1))


def _variant(
    project: Project, settings: An2dl, name: str, tests: Sequence[Test], run: RunDir
) -> dict[str, list[dict[str, float]]]:
    courses = _courses(project, settings, VARIANTS[name], settings.variants, tests, run)
    return {one.name: [_figures(one.score(course.probabilities[one.name])) for course in courses] for one in tests}


def _tune(project: Project) -> dict[str, Any]:
    result = tune_step(project)
    return {"best": result.best, "params": result.best_params, "trials": result.trials}


def _searched(
    project: Project, settings: An2dl, tuned: Mapping[str, Any], tests: Sequence[Test], run: RunDir
) -> dict[str, Any]:
    found = {}
    for name, chosen in {"by hand": {}, "Optuna": dict(tuned["params"])}.items():
        courses = _courses(project, settings, chosen, settings.variants, tests, run)
        found[name] = {
            one.name: [_figures(one.score(course.probabilities[one.name])) for course in courses] for one in tests
        }
    return found
