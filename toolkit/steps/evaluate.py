"""`toolkit evaluate`: clean and corrupted local tests, and a provisional estimate of the hidden score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, write_json
from toolkit.console import TextTable
from toolkit.evaluation.corruptions import CORRUPTIONS, check_disjoint, corrupt, select
from toolkit.evaluation.estimate import range_estimate
from toolkit.manifest import Manifest
from toolkit.metrics import Scores, score
from toolkit.predictions import Predictions
from toolkit.steps import keys
from toolkit.steps.blending import members_of
from toolkit.steps.ensemble import Ensemble, trained_ensemble
from toolkit.steps.held_out import held_out_sections
from toolkit.steps.members import Read
from toolkit.steps.networks import augmentation_families, held_out_corruptions, start
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.evaluate import evaluate_sections
from toolkit.steps.project import Project
from toolkit.steps.results import Interval, StepResult, interval, percent


class EvaluateResult(StepResult):
    """What the ensemble scores locally, and what that says of the hidden test.

    Attributes:
        images: Holdout pictures.
        clean: Accuracy on them as they are.
        noisy: Mean accuracy over the corrupted local tests.
        corrupted: Accuracy under each corruption.
        overlapping: Corruptions of a family that the training augmentation contains; their scores flatter.
        estimate: The hidden accuracy to expect, provisional: the range over all local tests.
        macro_f1: On clean pictures.
        weighted_f1: On clean pictures.
        extra: Accuracy on the further labelled source, None without one.
    """

    images: int
    clean: Interval
    noisy: float
    corrupted: dict[str, Interval]
    overlapping: tuple[str, ...]
    estimate: Interval
    macro_f1: Interval
    weighted_f1: Interval
    extra: Interval | None = None

    def tables(self) -> list[TextTable]:
        """One row a local test, the estimate last."""
        rows = [("clean", str(self.clean), "")]
        for name, scores in self.corrupted.items():
            rows.append((name, str(scores), "overlaps the training augmentation" if name in self.overlapping else ""))
        rows.append(("estimated hidden score", f"{self.estimate.low:.3f} to {self.estimate.high:.3f}", "provisional"))
        if self.extra:
            rows.append(("--data", str(self.extra), "labelled pictures of your own"))
        title = f"Accuracy on {self.images:,} holdout pictures, with 95 % intervals"
        return [TextTable(title, ("local test", "accuracy", ""), tuple(rows))]


def evaluate_step(project: Project, data: Path | None = None) -> EvaluateResult:
    """Score the ensemble on holdout pictures that nothing else has seen.

    Args:
        project: The contest.
        data: A further labelled source; `evaluate.data` by default.

    Raises:
        LeakError: `tune` and `evaluate` share a corruption family.
    """
    settings = project.config.evaluate
    check_disjoint(project.config.tune.corruptions, settings.corruptions)
    source = data or settings.data
    extra = project.read(source, labelled=True) if source else None
    extra_hashes = project.content_hashes(extra) if extra else None
    ensemble = trained_ensemble(project)
    fingerprint = extra.fingerprint(extra_hashes) if extra and extra_hashes else None
    run = project.run("evaluate", keys.evaluate_key(ensemble.config, ensemble.key, fingerprint))

    def compute(run: RunDir) -> dict[str, Any]:
        return _evaluate(project, ensemble, run, extra, extra_hashes)

    return project.perform(run, "evaluate", compute, EvaluateResult)


def _evaluate(
    project: Project, ensemble: Ensemble, run: RunDir, extra: Manifest | None, extra_hashes: Sequence[str] | None
) -> dict[str, Any]:
    config = ensemble.config
    start(config)
    tests = config.evaluate
    holdout = ensemble.split.smaller
    members = members_of(ensemble, project.console)
    read = project.pixels(project.manifest, project.hashes).read
    ids = holdout.image_ids.tolist()
    names = {"clean": "clean pictures", **{row.name: row.name.replace("_", " ") for row in select(tests.corruptions)}}
    results: dict[str, Scores] = {}
    clean_probabilities = np.empty(0)
    for name, words in names.items():
        seen = read if name == "clean" else _corrupted(read, name, tests.severity, config.seed)
        probabilities = members.predict(seen, ids, f"Local test: {words}")
        Predictions.build(ids, probabilities, holdout.classes).save(run.path / f"predictions-{name}.npz")
        results[name] = score(holdout.labels, probabilities, holdout.classes, seed=config.seed)
        run.log_metrics(test=name, accuracy=results[name].accuracy.value)
        if name == "clean":
            clean_probabilities = probabilities
    clean = results.pop("clean")
    estimate = range_estimate(clean, results)
    families, held_out = augmentation_families(config), held_out_corruptions(config)
    overlapping = [name for name in results if CORRUPTIONS[name].family in families or name in held_out]
    extra_scores = None
    if extra is not None:
        store = project.pixels(extra, extra_hashes)
        probabilities = members.predict(store.read, extra.image_ids.tolist(), "Your own labelled pictures")
        Predictions.build(extra.image_ids, probabilities, extra.classes).save(run.path / "predictions-data.npz")
        extra_scores = score(extra.labels, probabilities, extra.classes, seed=config.seed)
    write_json(run.path / "evaluation.json", {
        "clean": clean.to_dict(), "corrupted": {name: scores.to_dict() for name, scores in results.items()},
        "overlapping": overlapping, "estimate": {"point": estimate.point, "low": estimate.low, "high": estimate.high,
        "method": estimate.method, "provisional": estimate.provisional},
        "data": extra_scores.to_dict() if extra_scores else None,
    })  # fmt: skip
    noisy = float(np.mean([scores.accuracy.value for scores in results.values()]))
    figures = {
        "images": len(holdout),
        "clean": interval(clean.accuracy),
        "noisy": noisy,
        "corrupted": {name: interval(scores.accuracy) for name, scores in results.items()},
        "overlapping": overlapping,
        "estimate": {"value": estimate.point, "low": estimate.low, "high": estimate.high},
        "macro_f1": interval(clean.macro_f1),
        "weighted_f1": interval(clean.weighted_f1),
        "extra": interval(extra_scores.accuracy) if extra_scores else None,
        "headline": {
            "clean": percent(clean.accuracy.value),
            "noisy": percent(noisy),
            "estimate": f"{percent(estimate.low)} to {percent(estimate.high)}",
        },
    }
    sections = evaluate_sections(
        holdout, clean, results, estimate, overlapping, clean_probabilities, read, extra_scores,
        f"toolkit package -c {project.config_name}",
    )  # fmt: skip
    write_step_page(
        run, config.name, "evaluate",
        f"{percent(clean.accuracy.value)} on clean, {percent(noisy)} on corrupted pictures. Expect "
        f"{percent(estimate.low)} to {percent(estimate.high)} on the hidden test (provisional).",
        [*held_out_sections(config), *sections], config=project.config_name,
        files={"evaluation.json": "evaluation.json"},
    )  # fmt: skip
    return figures


def _corrupted(read: Read, name: str, severity: int, seed: int) -> Read:
    def corrupted(image_ids: Sequence[str]) -> np.ndarray:
        return corrupt(read(image_ids), image_ids, name, severity, seed)

    return corrupted
