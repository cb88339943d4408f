"""Report D: batch size against learning rate, optimisers, and the search that unfreezes layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from toolkit.artifacts import RunDir
from toolkit.config import apply
from toolkit.config.paper_schema import Unfreeze
from toolkit.errors import ToolkitError
from toolkit.report import Block
from toolkit.steps.clean import cleaned_data
from toolkit.steps.networks import start
from toolkit.steps.papers.bench import Bench, Test
from toolkit.steps.papers.data import changed, part_of
from toolkit.steps.papers.searching import draw_of, space_of
from toolkit.steps.papers.stages import Stages
from toolkit.steps.papers.unfreeze_parts import (
    BATCH,
    LAYERS,
    OPTIMIZER,
    RATE,
    SHOWN,
    attempts_part,
    best_rates,
    course,
    final_part,
    heatmap,
    optimizers_part,
    pairs_part,
    pairs_title,
    recommended_part,
    scaled,
)
from toolkit.steps.project import Project
from toolkit.steps.splits import Split, reporting_split, selection_split
from toolkit.steps.tune_objective import settings_of
from toolkit.tuning.judging import Ledger
from toolkit.tuning.proposals import Sampled
from toolkit.tuning.unfreezing import RECOMMENDED, optimise


def run(project: Project, settings: Unfreeze, run: RunDir, stages: Stages) -> Any:
    """Tables of each network, then the optimisation, then the transformer through the same scheme."""
    project = part_of(project, settings.classes, settings.pictures)
    pictures = stages("clean", lambda: len(cleaned_data(project).manifest))
    pairs, kinds, proposed, searches = {}, {}, {}, {}
    for name in settings.backbones:
        own = changed(project, {"model.backbone": name})
        judge = _Judge(own, settings, run, name)
        pairs[name] = stages(f"batch and learning rate {name}", _pairs, judge, settings)
        kinds[name] = stages(f"optimisers {name}", _optimizers, judge, settings)
        proposed[name] = stages(f"recommended pairs {name}", _recommended, judge, settings)
        searches[name] = stages(f"optimisation {name}", _optimise, own, judge, settings.attempts)
        judge.bench.clear()
    if settings.vit_size:
        vit = _vit(project, settings)
        judge = _Judge(vit, settings, run, "vit")
        searches["vit"] = stages("optimisation vit", _optimise, vit, judge, settings.vit_attempts)
        judge.bench.clear()
    seconds = {name: stages.seconds[f"optimisation {name}"] for name in searches}
    first = settings.backbones[0]
    parts = [
        scaled(project, settings, pictures),
        *(pairs_part(name, pairs[name]) for name in settings.backbones),
        best_rates(pairs, settings),
        optimizers_part(kinds),
        final_part(searches, seconds),
        attempts_part(searches),
        recommended_part(proposed, settings),
    ]
    charts: dict[str, list[Block]] = {
        pairs_title(first): [heatmap(pairs[first], settings)],
        "Attempts": [course(searches)],
    }
    return parts, charts


class _Judge:
    """Validation accuracy of the best epoch, as the report's; NaN where the settings cannot be trained."""

    def __init__(self, project: Project, settings: Unfreeze, run: RunDir, name: str) -> None:
        pictures = cleaned_data(project).manifest
        split = reporting_split(pictures, project.config.data.holdout, project.config.seed)
        share = settings.validation
        self.parts: Split = selection_split(split.larger, share, project.config.seed)
        self.bench = Bench(project, pictures, run.path / name)
        self.folder = run.path / name
        self.epochs = settings.vit_epochs if name == "vit" else project.config.train.epochs
        self.project = project
        self._test = Test("other", project, split.smaller)

    def course(self, parameters: Mapping[str, Any], *, tested: bool = False) -> dict[str, Any]:
        """The best epoch of a training, its length, and the accuracy on pictures that took no part where asked for."""
        try:
            found = self.bench.train(
                parameters,
                self.parts.larger,
                self.parts.smaller,
                epochs=self.epochs,
                tests=[self._test] if tested else (),
            )
        except (ToolkitError, MemoryError, ArithmeticError, ValueError) as error:
            self.project.console.note(f"  {dict(parameters)} cannot be trained: {error}")
            return {**dict.fromkeys(SHOWN, math.nan), "epochs": 0, "seconds": 0.0, "other": math.nan}
        other = self._test.score(found.probabilities["other"]).accuracy.value if tested else math.nan
        best = {name: found.best[name] for name in SHOWN}
        return {**best, "epochs": len(found.curve), "seconds": found.seconds, "other": other}

    def __call__(self, parameters: dict[str, Any], *, fold: int, seed: int, epochs: int | None) -> float:
        return float(self.course(parameters)["val_accuracy"])


def _pairs(judge: _Judge, settings: Unfreeze) -> list[dict[str, Any]]:
    return [
        {"batch": batch, "rate": rate, **judge.course({LAYERS: 0, BATCH: batch, RATE: rate})}
        for rate in settings.learning_rates
        for batch in settings.batch_sizes
    ]


def _optimizers(judge: _Judge, settings: Unfreeze) -> list[dict[str, Any]]:
    return [{"optimizer": one, **judge.course({LAYERS: 0, OPTIMIZER: one})} for one in settings.optimizers]


def _recommended(judge: _Judge, settings: Unfreeze) -> list[dict[str, Any]]:
    rows = []
    for pair in RECOMMENDED:
        frozen = judge.course({LAYERS: 0, BATCH: pair.batch_size, RATE: pair.learning_rate}, tested=True)
        unfrozen = judge.course(
            {LAYERS: settings.unfrozen, BATCH: pair.batch_size, RATE: pair.unfrozen_learning_rate}, tested=True
        )
        rows.append(
            {
                "batch": pair.batch_size,
                "rate": pair.learning_rate,
                "rate_unfrozen": pair.unfrozen_learning_rate,
                "frozen": frozen,
                "unfrozen": unfrozen,
            }
        )
    return rows


def _optimise(project: Project, judge: _Judge, attempts: int) -> dict[str, Any]:
    config = project.config
    defaults = settings_of(config, dict.fromkeys((LAYERS, RATE, BATCH)) | space_of(project))
    most = defaults[LAYERS] if config.model.backbone == "vit" else None
    found = optimise(
        Ledger(judge, judge.folder / "scores.jsonl"),
        defaults,
        Sampled(draw_of(project), "tpe", seed=config.seed, direction="maximize"),
        attempts=attempts,
        seed=0,
        most_layers=most,
    )
    before, after = judge.course(defaults, tested=True), judge.course(found.best, tested=True)
    course = [
        {
            "number": one.number,
            "parameters": one.parameters,
            "score": one.score,
            "unfrozen": one.unfrozen_score,
            "outcome": one.outcome,
            "best": one.best,
        }
        for one in found.attempts
    ]
    return {
        "initial": found.baseline,
        "final": found.best_score,
        "best": found.best,
        "trainings": found.trainings,
        "other_initial": before["other"],
        "other_final": after["other"],
        "attempts": course,
        "pictures": len(judge.parts.smaller),
    }


def _vit(project: Project, settings: Unfreeze) -> Project:
    """A transformer from scratch: all its layers train, so there is none to unfreeze."""
    from toolkit.nn.backbones import build_backbone

    base = {
        "model.backbone": "vit",
        "model.weights": "none",
        "data.image_size": settings.vit_size,
        BATCH: 256,
        "model.backbone_options": {"patch_size": 8, "width": 48, "heads": 4, "blocks": 3},
        LAYERS: "all",
    }
    start(apply(project.config, base))
    made = apply(project.config, base).model
    layers = len(build_backbone("vit", settings.vit_size or 64, "none", made.backbone_options).layers)
    space = {
        RATE: {"choice": [0.01, 0.001, 0.0001]},
        BATCH: {"choice": [64, 128, 256]},
        OPTIMIZER: {"choice": list(settings.optimizers)},
        "model.backbone_options.patch_size": {"choice": [8, 16]},
    }
    return changed(project, {**base, LAYERS: layers, "tune.space": space})
