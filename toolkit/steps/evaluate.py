"""`toolkit evaluate`: clean and corrupted local tests, and estimates of the hidden score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, file_hash, write_json
from toolkit.evaluation.corruptions import CORRUPTIONS, Corruption, check_disjoint, reported
from toolkit.evaluation.local_tests import LocalTest, Noisy, by_corruption, mean_accuracy, noisy
from toolkit.evaluation.subset import stratified
from toolkit.manifest import Manifest
from toolkit.metrics import Metric, Scores, objective_metric, resampled, score
from toolkit.steps import keys
from toolkit.steps.ensemble import Ensemble, trained_ensemble
from toolkit.steps.estimating import Estimates, known_tests, local_estimate, target_estimate
from toolkit.steps.evaluate_result import EvaluateResult, class_rows, headline, local_test_row
from toolkit.steps.held_out import held_out_sections
from toolkit.steps.leaderboard_estimate import board_estimate, leaderboard_file
from toolkit.steps.members import Read
from toolkit.steps.networks import augmentation_families, held_out_corruptions
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.estimate import estimate_sections
from toolkit.steps.pages.evaluate import Evaluated, evaluate_sections
from toolkit.steps.project import Project
from toolkit.steps.results import interval, percent
from toolkit.steps.testing import LocalPredictor, corrupted

__all__ = ["EvaluateResult", "evaluate_step"]


def evaluate_step(project: Project, data: Path | None = None, target: Path | None = None) -> EvaluateResult:
    """Score the ensemble on holdout pictures that nothing else has seen.

    Args:
        project: The contest.
        data: A further labelled source; `evaluate.data` by default.
        target: Unlabelled pictures of the hidden test; `evaluate.target` by default.

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
    unlabelled = target or settings.target
    aim = project.read_hidden(unlabelled) if unlabelled else None
    board = leaderboard_file(project)
    scores_key = keys.evaluate_key(ensemble.config, ensemble.key, fingerprint)
    aimed_at = aim.fingerprint(project.content_hashes(aim)) if aim else None
    run = project.run("evaluate", keys.estimates_key(scores_key, aimed_at, file_hash(board) if board else None))

    def compute(run: RunDir) -> dict[str, Any]:
        told = _evaluate(project, ensemble, run, extra, extra_hashes, aim, board)
        return {**told, "scores_key": scores_key}

    return project.perform(run, "evaluate", compute, EvaluateResult)


def _evaluate(
    project: Project,
    ensemble: Ensemble,
    run: RunDir,
    extra: Manifest | None,
    extra_hashes: Sequence[str] | None,
    aim: Manifest | None,
    board: Path | None,
) -> dict[str, Any]:
    config = ensemble.config
    folder = config.file.parent if config.file else Path.cwd()
    metric = objective_metric(config.evaluate.metric, folder, config.evaluate.direction, "evaluate.metric")
    holdout = ensemble.split.smaller
    ids = holdout.image_ids.tolist()
    read = project.pixels(project.manifest, project.hashes).read
    predictor = LocalPredictor(project, ensemble, run)
    clean_probabilities = predictor.predict("clean", "Local test: clean pictures", read, ids)
    clean = score(holdout.labels, clean_probabilities, holdout.classes, seed=config.seed)
    run.log_metrics(test="clean", accuracy=clean.accuracy.value)
    tested = holdout.select([ids[row] for row in stratified(holdout.labels, config.evaluate.pictures, config.seed)])
    tests, probabilities = _local_tests(ensemble, tested, predictor, read, metric, run)
    known = known_tests(holdout, clean_probabilities, tested, tests, probabilities)
    aimed, read_aim = None, None
    if aim is not None:
        read_aim = project.pixels(aim).read
        unseen = predictor.predict("target", "Target pictures", read_aim, aim.image_ids.tolist(), shared=False)
        aimed = target_estimate(project, ensemble, aim, unseen, known)
    scored = (
        board_estimate(
            project,
            ensemble,
            board,
            clean,
            tests,
            run,
            (aimed.fingerprint, aimed.foretold.usual.point) if aimed else None,
        )
        if board
        else None
    )
    estimates = Estimates(local_estimate(ensemble, clean, tests), aimed, scored)
    estimate = estimates.local
    extra_scores = None
    if extra is not None:
        store = project.pixels(extra, extra_hashes)
        seen = predictor.predict(
            "data", "Your own labelled pictures", store.read, extra.image_ids.tolist(), shared=False
        )
        extra_scores = score(extra.labels, seen, extra.classes, seed=config.seed)
    means = noisy(tests, [test.scores.accuracy.value for test in tests])
    told = _told(metric, tests, holdout, clean_probabilities, config.seed)
    evaluated = Evaluated(
        holdout=holdout,
        tested=tested,
        clean=clean,
        clean_probabilities=clean_probabilities,
        tests=tests,
        probabilities=probabilities,
        metric=metric,
        clean_metric=told["clean"]["value"] if told else None,
        noisy=means,
        estimate=estimate,
        extra=extra_scores,
        left_out=_left_out(ensemble),
    )
    write_json(run.path / "evaluation.json", {
        "clean": clean.to_dict(), "noisy": means.all, "noisy_without_overlap": means.without_overlap, "metric": told,
        "tests": [{**local_test_row(test), "scores": test.scores.to_dict()} for test in tests],
        "ensemble": ensemble.key, **estimates.to_dict(), "data": extra_scores.to_dict() if extra_scores else None,
    })  # fmt: skip
    glance, *sections = evaluate_sections(evaluated, read, config.seed, f"toolkit package -c {project.config_name}")
    foretold = estimate_sections(estimates, clean, read_aim)
    write_step_page(
        run, config.name, "evaluate",
        f"{percent(clean.accuracy.value)} on clean, {percent(means.all)} on corrupted pictures"
        f"{_unpractised(means)}. Expect {percent(estimate.low)} to {percent(estimate.high)} on the hidden test.",
        [*held_out_sections(config), glance, *foretold, *sections], config=project.config_name,
        files={"evaluation.json": "evaluation.json"},
    )  # fmt: skip
    return {**_figures(evaluated, told), "estimates": estimates.intervals()}


def _figures(evaluated: Evaluated, told: dict[str, Any] | None) -> dict[str, Any]:
    """Fields of `EvaluateResult`."""
    clean, means, tests, estimate, extra = (
        evaluated.clean, evaluated.noisy, evaluated.tests, evaluated.estimate, evaluated.extra
    )  # fmt: skip
    grouped = by_corruption(tests)
    return {
        "images": len(evaluated.holdout),
        "tested": len(evaluated.tested),
        "clean": interval(clean.accuracy),
        "noisy": means.all,
        "noisy_without_overlap": means.without_overlap,
        "corrupted": {name: interval(mean_accuracy(same)) for name, same in grouped.items()},
        "overlapping": [name for name, same in grouped.items() if same[0].overlaps],
        "tests": [local_test_row(test) for test in tests],
        "metric": told,
        "estimate": {"value": estimate.point, "low": estimate.low, "high": estimate.high},
        "macro_f1": interval(clean.macro_f1),
        "weighted_f1": interval(clean.weighted_f1),
        "extra": interval(extra.accuracy) if extra else None,
        "extra_classes": class_rows(extra) if extra else None,
        "headline": headline(clean, means, estimate, told),
    }


def _told(
    metric: Metric, tests: Sequence[LocalTest], holdout: Manifest, probabilities: np.ndarray, seed: int
) -> dict[str, Any] | None:
    """Fields of `MetricScores`; None where the metric is accuracy, which is told anyway."""
    if metric.name == "accuracy":
        return None
    values = noisy(tests, [test.value for test in tests])
    return {
        "name": metric.name,
        "direction": metric.direction,
        "clean": interval(resampled(metric, holdout.labels, probabilities, seed=seed)),
        "noisy": values.all,
        "noisy_without_overlap": values.without_overlap,
    }


def _unpractised(means: Noisy) -> str:
    if means.without_overlap is None:
        return " (all of kinds that training practised)"
    same = means.without_overlap == means.all
    return "" if same else f" ({percent(means.without_overlap)} on the kinds that training did not practise)"


def _local_tests(
    ensemble: Ensemble, tested: Manifest, predictor: LocalPredictor, read: Read, metric: Metric, run: RunDir
) -> tuple[list[LocalTest], dict[str, np.ndarray]]:
    """Every corruption at every severity, with its probabilities `(n, k)` by label."""
    config = ensemble.config
    families, practised = augmentation_families(config), held_out_corruptions(config)
    ids = tested.image_ids.tolist()
    cells = [(row, severity) for row in _rows(ensemble) for severity in config.evaluate.severities]
    tests, probabilities = [], {}
    for number, (row, severity) in enumerate(cells, start=1):
        words = f"Local test {number} of {len(cells)}: {row.name.replace('_', ' ')} {severity}"
        seen = corrupted(read, row.name, severity, config.seed)
        found = predictor.predict(f"{row.name}-{severity}", words, seen, ids)
        scores: Scores = score(tested.labels, found, tested.classes, seed=config.seed)
        overlaps = row.family in families or row.name in practised
        value = metric.function(tested.labels, found)
        test = LocalTest(row.name, row.family, severity, scores, value, overlaps)
        run.log_metrics(test=test.label, accuracy=scores.accuracy.value)
        tests.append(test)
        probabilities[test.label] = found
    return tests, probabilities


def _rows(ensemble: Ensemble) -> list[Corruption]:
    return reported(ensemble.config.evaluate.corruptions, ensemble.config.tune.corruptions)


def _left_out(ensemble: Ensemble) -> tuple[str, ...]:
    """Families that no local test touches."""
    covered = {row.family for row in _rows(ensemble)}
    return tuple(
        family for family in dict.fromkeys(row.family for row in CORRUPTIONS.values()) if family not in covered
    )
