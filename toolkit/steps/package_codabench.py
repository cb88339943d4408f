"""The code submission of Codabench: a zip, run in a re-created contest worker on the holdout pictures."""

from __future__ import annotations

import os
import shutil
from typing import Any

from toolkit.artifacts import RunDir
from toolkit.errors import SubmissionError
from toolkit.evaluation.subset import stratified
from toolkit.steps import renewal
from toolkit.steps.cards import make_card
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult
from toolkit.steps.package_formats import choose_form, convert, interpreter
from toolkit.steps.packed_scores import other_statistics_scores, packed_scores
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.package import package_sections
from toolkit.steps.project import Project
from toolkit.steps.proving import (
    CheckRecord,
    foretell,
    label_values,
    records,
    renewed,
    run_in_worker,
    same_accuracy,
    same_probabilities,
    same_setting,
    ties,
)
from toolkit.steps.size_costs import cost_of_choice
from toolkit.steps.sizing import choose

# Holdout pictures that the contest worker labels: each must get the very label that it got in training's process.
PROVEN_ON = 600


def package_codabench(
    project: Project, ensemble: Ensemble, evaluated: EvaluateResult, run: RunDir, key: str
) -> dict[str, Any]:
    """Build, prove and describe the zip; returns the figures of `PackageResult`.

    Args:
        project: The contest.
        ensemble: Its trained models.
        evaluated: Their scores.
        run: Where the page and the log go.
        key: Key of the package step.

    Raises:
        SubmissionError: A check failed.
    """
    from toolkit.submission.card import package_path
    from toolkit.submission.codabench import build_zip

    config = ensemble.config
    settings = config.package
    classes = ensemble.cleaned.manifest.classes
    holdout = ensemble.split.smaller
    packing = choose_form(config, ensemble.models)
    python = interpreter(packing, project.console)
    chosen = choose(project, ensemble, evaluated, run.path / "models")
    parts = chosen.parts
    built = build_zip(
        convert(parts.models, packing.form, run.path / "models", float16=settings.float16, console=project.console),
        package_path(settings.destination, config.name, settings.target, key),
        class_names=classes,
        image_size=config.data.image_size,
        resize_mode=config.data.resize,
        owner=parts.owner,
        blend=parts.blend.to_dict(),
        views=parts.views,
        form=packing.form,
        batch_norm=renewal.statistics(config),
        batch_norm_source=config.ensemble.batch_norm_source,
        output=settings.output,
        input_range=settings.input_range,
        label_values=label_values(classes),
        title=f"Submission of {config.name}: {len(parts.models)} {config.model.backbone} networks.",
        max_mb=settings.max_mb,
        versions=packing.pins.versions if packing.pins else None,
    )
    renewing = renewal.renewing(config)
    # Renewed statistics are those of the pictures together: as `evaluate`, the proof sees all of them.
    shown = stratified(holdout.labels, None if renewing else PROVEN_ON, config.seed)
    truth = holdout.labels[shown]
    images = project.pixels(project.manifest, project.hashes).read(holdout.image_ids[shown].tolist())
    proof = run_in_worker(project, built.path, images, truth, classes, "Proof in the contest worker", python)
    (run.path / "worker.log").write_text(proof.log, encoding="utf-8")
    checks = records(proof.checks)
    checks.append(CheckRecord(name="runtime", ok=True, message=packing.words))
    speed = foretell(proof.log, settings.hidden_images, settings.time_limit)
    if speed is not None:
        checks.append(speed)
    accuracy = proof.scores.get("accuracy", float("nan"))
    probabilities = chosen.local.probabilities[shown]
    local = float((probabilities.argmax(axis=1) == truth).mean())
    if renewing:
        checks.append(renewed(config, accuracy, local, len(truth)))
    else:
        checks.append(same_probabilities(proof.probabilities, probabilities, packing.words))
        checks.append(same_accuracy("worker", accuracy, local, len(truth), ties(probabilities)))
    checks += [*same_setting(config, project.console), *cost_of_choice(chosen.costs)]
    failed = [check for check in checks if not check.ok]
    if failed:
        raise SubmissionError(
            f"{built.path} fails in the contest worker: "
            + "; ".join(f"{check.name}: {check.message}" for check in failed)
            + f". Its output is in {run.path / 'worker.log'}."
        )
    commands = [f"Upload {built.path} on the contest's page on Codabench, under My Submissions."]
    scores = packed_scores(project, ensemble, evaluated, chosen)
    if renewal.differs(config):
        scores = other_statistics_scores(scores, accuracy)
    shutil.rmtree(run.path / "models", ignore_errors=True)  # copies: they are in the package now
    card = make_card(project, ensemble, scores, built.path, key, members=built.members, checks=checks,
                     commands=commands)  # fmt: skip
    figures = {
        "path": os.path.relpath(built.path, run.path),
        "card": os.path.relpath(card, run.path),
        "sha256": built.sha256,
        "megabytes": round(built.bytes / 1e6, 2),
        "checks": [check.model_dump() for check in checks],
        "commands": commands,
        "worker_accuracy": accuracy,
        "local_accuracy": local,
        "worker_seconds": round(proof.seconds, 2),
        "worker_memory_mb": round(proof.peak_memory_mb, 1),
        "costs": [cost.model_dump() for cost in chosen.costs],
        "headline": {"zip": f"{built.bytes / 1e6:.1f} MB", "checks passed": str(len(checks))},
    }
    write_step_page(
        run, config.name, "package", f"{built.path.name}: {len(checks)} checks passed in the contest worker.",
        package_sections(built.path, figures, checks, scores),
        config=project.config_name, files={"Output of the worker": "worker.log"},
    )  # fmt: skip
    return figures
