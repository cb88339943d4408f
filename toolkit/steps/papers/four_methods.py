"""Report C: importances, four search methods under one budget on several data sets, and search on subsets."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from toolkit.artifacts import RunDir
from toolkit.config.paper_schema import FourMethods
from toolkit.errors import ToolkitError
from toolkit.manifest import Manifest
from toolkit.proportions import Counted
from toolkit.report import Block
from toolkit.steps.clean import cleaned_data
from toolkit.steps.papers.bench import Bench, Test
from toolkit.steps.papers.data import balanced_part, changed, check_source, digits, imbalanced_part, part_of, resolved
from toolkit.steps.papers.four_methods_parts import (
    METHODS,
    courses,
    differences_part,
    importances,
    methods_part,
    scaled,
    subsets_part,
    winners_part,
)
from toolkit.steps.papers.searching import draw_of, space_of
from toolkit.steps.papers.stages import Stages
from toolkit.steps.project import Project
from toolkit.steps.splits import Split, reporting_split, selection_split
from toolkit.tuning.comparison import Comparison, Contest, compare
from toolkit.tuning.judging import Ledger
from toolkit.tuning.methods import Halving, asha
from toolkit.tuning.proposals import Sampled

_TURNED = {
    "augment.policy.name": "random_apply",
    "augment.policy.layers": [
        {"operation": "rotation", "probability": 1.0, "strength": 10 / 180},
        {"operation": "zoom", "probability": 1.0, "strength": 0.2},
        {"operation": "vertical_flip", "probability": 0.5, "strength": 1.0},
    ],
    "tune.views": 4,
}
SUBSETS: dict[str, tuple[bool | None, dict[str, Any]]] = {
    "balanced": (True, {}),
    "imbalanced": (False, {}),
    "imbalanced and class weights": (False, {"train.class_weight": "log"}),
    "imbalanced and augmentation": (False, _TURNED),
    "imbalanced and both": (False, {"train.class_weight": "log", **_TURNED}),
    "whole set": (None, {}),
}


def run(project: Project, settings: FourMethods, run: RunDir, stages: Stages) -> Any:
    """The report's three studies."""
    sources = _sources(project, settings)
    counts = stages("clean", lambda: {name: len(cleaned_data(one).manifest) for name, one in sources.items()})
    judges = {name: _Judge(one, run, f"all-{name}") for name, one in sources.items()}
    trained = {name: stages(f"importances {name}", _random_trainings, judges[name], settings) for name in sources}
    narrowed = {name: _narrowed(one, settings) for name, one in sources.items()}
    compared = {
        name: stages(f"methods {name}", _compare, name, narrowed[name], judges[name], settings) for name in sources
    }
    for judge in judges.values():
        judge.bench.clear()
    first = next(iter(narrowed))
    subsets = {name: stages(f"subset {name}", _subset, narrowed[first], settings, run, name) for name in SUBSETS}
    mattered, bars = importances(trained, space_of(project))
    parts = [
        scaled(project, settings, counts, first),
        mattered,
        methods_part(compared, settings),
        differences_part(compared),
        winners_part(compared),
        subsets_part(subsets, settings),
    ]
    charts: dict[str, list[Block]] = {mattered.title: [bars], "Four methods": courses(compared)}
    return parts, charts


def _sources(project: Project, settings: FourMethods) -> dict[str, Project]:
    found = {
        project.config.data.source.parent.name
        if project.config.data.source.name == "images"
        else project.config.data.source.stem: part_of(project, None, settings.pictures, "first")
    }
    for name, path in settings.others.items():
        source = resolved(project.config, path)
        check_source(source, f"paper.others.{name}")
        other = changed(project, {"data.source": str(source), "data.format": "auto"})
        found[name] = part_of(other, None, settings.pictures, name)
    if settings.digits:
        found["digits"] = digits(project, settings.pictures)
    return found


class _Judge:
    """Accuracy after the last epoch on selection pictures; a test on others for winners."""

    def __init__(
        self, project: Project, run: RunDir, name: str, split: Split | None = None, test: Manifest | None = None
    ) -> None:
        pictures = cleaned_data(project).manifest
        kept = reporting_split(pictures, project.config.data.holdout, project.config.seed)
        self.parts = split or selection_split(kept.larger, project.config.tune.selection, project.config.seed)
        self.test = Test("other", project, test or kept.smaller)
        self.project, self.pictures = project, pictures
        self.folder = run.path / name.replace(" ", "_")
        self.bench = Bench(project, pictures, self.folder)

    def __call__(self, parameters: dict[str, Any], *, fold: int, seed: int, epochs: int | None) -> float:
        length = epochs or self.project.config.tune.trial_epochs
        try:
            found = self.bench.train(parameters, self.parts.larger, self.parts.smaller, epochs=length, seed=seed)
        except (ToolkitError, MemoryError, ArithmeticError, ValueError) as error:
            self.project.console.note(f"  {parameters} cannot be trained: {error}")
            return math.nan
        return float(found.curve[-1]["val_accuracy"])

    def tested(self, parameters: dict[str, Any], epochs: int) -> Counted:
        """What the set gets right on pictures that took no part in the search."""
        found = self.bench.train(parameters, self.parts.larger, self.parts.smaller, epochs=epochs, tests=[self.test])
        right = found.probabilities["other"].argmax(axis=1) == self.test.pictures.labels
        return Counted(int(right.sum()), len(right))


def _random_trainings(judge: _Judge, settings: FourMethods) -> list[dict[str, Any]]:
    draws = Sampled(draw_of(judge.project), "random", seed=judge.project.config.seed, direction="maximize")
    found = []
    for _ in range(settings.trainings):
        parameters = draws.ask()
        score = judge(parameters, fold=0, seed=0, epochs=settings.importance_epochs)
        draws.tell(score)
        found.append({"parameters": parameters, "score": score})
    return found


def _narrowed(project: Project, settings: FourMethods) -> Project:
    """The applied space of the comparison: fewer values of each dimension, single ones fixed."""
    space: dict[str, Any] = {
        name: dimension.model_dump(by_alias=True, exclude_defaults=True)
        for name, dimension in project.config.tune.space.items()
    }
    for name, values in settings.narrowed.items():
        kind = space[name]
        if len(values) == 1:
            del space[name]
        elif "float" in kind:
            kind["float"] = list(values)
        else:
            kind["choice"] = list(values)
    fixed = {name: values[0] for name, values in settings.narrowed.items() if len(values) == 1}
    return changed(project, {**fixed, "tune.space": space})


def _compare(name: str, project: Project, judge: _Judge, settings: FourMethods) -> dict[str, Any]:
    fixed = {path: values[0] for path, values in settings.narrowed.items() if len(values) == 1}

    def evaluate(parameters: dict[str, Any], *, fold: int, seed: int, epochs: int | None) -> float:
        return judge({**fixed, **parameters}, fold=fold, seed=seed, epochs=epochs)

    sets = [dict(zip(settings.grid, values, strict=True)) for values in product(*settings.grid.values())]
    contest = Contest(
        name,
        Ledger(evaluate, judge.folder / "scores.jsonl"),
        draw_of(project),
        space_of(project),
        lambda parameters, epochs: judge.tested({**fixed, **parameters}, epochs),
        sets[: settings.sets] or None,
    )
    halving = Halving(longest=settings.longest, reduction=settings.reduction)
    found = compare(
        [contest],
        list(METHODS),
        budget=settings.sets * settings.epochs,
        epochs=settings.epochs,
        halving=halving,
        seed=project.config.seed,
    )
    return _plain(found)


def _plain(found: Comparison) -> dict[str, Any]:
    return {
        cell.method: {
            "score": cell.score,
            "parameters": cell.spent.best.parameters,
            "epochs": cell.spent.epochs,
            "winner_epochs": cell.spent.best.epochs,
            "sets": cell.spent.sets,
            "right": cell.tested.right if cell.tested else 0,
            "n": cell.tested.n if cell.tested else 1,
            "course": cell.spent.course(),
        }
        for cell in found.cells
    }


def _subset(project: Project, settings: FourMethods, run: RunDir, name: str) -> dict[str, Any]:
    """Search on a subset with ASHA; the winner is trained on everything and tested on a balanced test."""
    even, chosen = SUBSETS[name]
    fixed = {path: values[0] for path, values in settings.narrowed.items() if len(values) == 1}
    pictures = cleaned_data(project).manifest
    kept = reporting_split(pictures, project.config.data.holdout, project.config.seed)
    test = balanced_part(kept.smaller, None, project.config.seed)
    searched = (
        kept.larger
        if even is None
        else (balanced_part if even else imbalanced_part)(kept.larger, settings.subset, project.config.seed)
    )
    judge = _Judge(
        project, run, "subset", selection_split(searched, project.config.tune.selection, project.config.seed), test
    )

    def train(parameters: dict[str, Any], epochs: int) -> float:
        return judge({**fixed, **chosen, **parameters}, fold=0, seed=0, epochs=epochs)

    halving = Halving(longest=settings.longest, reduction=settings.reduction, fully_trained=settings.fully_trained)
    spent = asha(
        train,
        Sampled(draw_of(project), "random", seed=project.config.seed, direction="maximize"),
        budget=settings.sets * settings.epochs,
        halving=halving,
    )
    best = spent.best.parameters
    # The report trains the winner on the entire set; the same settings of weights and augmentation stay.
    validation = selection_split(kept.larger, project.config.tune.selection, project.config.seed)
    final = _Judge(project, run, "subset", validation, test)
    counted = final.tested({**fixed, **chosen, **best}, settings.epochs)
    return {
        "pictures": len(searched),
        "parameters": best,
        "epochs": spent.epochs,
        "score": spent.best.score,
        "right": counted.right,
        "n": counted.n,
    }
