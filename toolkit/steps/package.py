"""`toolkit package`: a submission zip, proven in a re-created contest worker."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolkit.artifacts import RunDir, environment
from toolkit.console import TextTable
from toolkit.errors import SubmissionError
from toolkit.predictions import Predictions
from toolkit.steps import keys
from toolkit.steps.ensemble import trained_ensemble
from toolkit.steps.evaluate import EvaluateResult, evaluate_step
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.package import package_sections
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult, percent

if TYPE_CHECKING:
    from toolkit.submission.verify import WorkerResult


class CheckRecord(BaseModel):
    """One check in the contest worker.

    Attributes:
        name: What was looked at.
        ok: Whether it holds.
        message: What was seen, and what to do where it does not hold.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    message: str


class PackageResult(StepResult):
    """A finished and proven submission.

    Attributes:
        path: The zip.
        card: The card beside it.
        sha256: Hash of the zip's bytes.
        megabytes: Its size.
        checks: What was checked in the contest worker.
        worker_accuracy: Accuracy measured there on the holdout.
        local_accuracy: Accuracy that `evaluate` measured on the same pictures.
        worker_seconds: Wall time of the prediction step there.
        worker_memory_mb: Peak memory there, in MB.
    """

    path: Path
    card: Path
    sha256: str
    megabytes: float
    checks: tuple[CheckRecord, ...]
    worker_accuracy: float
    local_accuracy: float
    worker_seconds: float
    worker_memory_mb: float

    def tables(self) -> list[TextTable]:
        """One row a check."""
        rows = tuple(("✓" if check.ok else "✗", check.name, check.message) for check in self.checks)
        worker, local = percent(self.worker_accuracy), percent(self.local_accuracy)
        caption = f"accuracy in the worker {worker}, measured by evaluate {local}"
        return [TextTable(f"{self.path.name}, {self.megabytes:.1f} MB", ("", "check", ""), rows, caption)]

    def lines(self) -> list[str]:
        """Where the zip is."""
        return [f"Submission: {self.path}", *super().lines()]


def package_step(project: Project) -> PackageResult:
    """Pack the ensemble and run the zip in a contest worker on the holdout pictures.

    Raises:
        SubmissionError: A check failed, or the worker measured another accuracy than `evaluate`.
    """
    evaluated = evaluate_step(project)
    ensemble = trained_ensemble(project)
    key = keys.package_key(ensemble.config, evaluated.run_dir.name)
    run = project.run("package", key)
    if run.done and not _beside(run.path, run.summary()["path"]).exists():
        run.clear()  # the zip was removed by hand: build it again

    def compute(run: RunDir) -> dict[str, Any]:
        return _package(project, evaluated, run, key)

    def result(**figures: Any) -> PackageResult:
        places = {name: _beside(run.path, figures[name]) for name in ("path", "card")}
        return PackageResult(**{**figures, **places})

    return project.perform(run, "package", compute, result)


def _beside(folder: Path, relative: str) -> Path:
    """A path kept relative to the run, so that a project may be moved as a whole."""
    return Path(os.path.normpath(folder / relative))


def _package(project: Project, evaluated: EvaluateResult, run: RunDir, key: str) -> dict[str, Any]:
    from toolkit.submission.card import Card, CardScores, now, package_path, write_card
    from toolkit.submission.codabench import build_zip

    ensemble = trained_ensemble(project)
    config = ensemble.config
    settings = config.package
    classes = ensemble.cleaned.manifest.classes
    built = build_zip(
        ensemble.models,
        package_path(settings.destination, config.name, settings.target, key),
        class_names=classes,
        image_size=config.data.image_size,
        resize_mode=config.data.resize,
        vote=config.ensemble.vote,
        output=settings.output,
        input_range=settings.input_range,
        label_values=label_values(classes),
        title=f"Submission of {config.name}: {len(ensemble.models)} {config.model.backbone} networks.",
        max_mb=settings.max_mb,
    )
    holdout = ensemble.split.smaller
    images = project.pixels(project.manifest, project.hashes).read(holdout.image_ids.tolist())
    proof = run_in_worker(project, built.path, images, holdout.labels, classes, "Proof in the contest worker")
    (run.path / "worker.log").write_text(proof.log, encoding="utf-8")
    local = _local_labels(evaluated, holdout.image_ids)
    checks = [CheckRecord(name=check.name, ok=check.ok, message=check.message) for check in proof.checks]
    accuracy = proof.scores.get("accuracy", float("nan"))
    agree = abs(accuracy - evaluated.clean.value) < 1e-9
    message = f"worker {accuracy:.6f}, evaluate {evaluated.clean.value:.6f} on {len(local)} pictures"
    checks.append(CheckRecord(name="same accuracy as evaluate", ok=agree, message=message))
    failed = [check for check in checks if not check.ok]
    if failed:
        raise SubmissionError(
            f"{built.path} fails in the contest worker: "
            + "; ".join(f"{check.name}: {check.message}" for check in failed)
            + f". Its output is in {run.path / 'worker.log'}."
        )
    verified = {check.name: check.message for check in checks}
    card = Card(
        name=config.name,
        target=settings.target,
        key=key,
        created=now(),
        sha256=built.sha256,
        bytes=built.bytes,
        classes=classes,
        members=built.members,
        scores=CardScores(evaluated.clean.value, evaluated.noisy, evaluated.estimate.low, evaluated.estimate.high),
        config_key=ensemble.key,
        data_fingerprint=project.fingerprint,
        versions=environment()["packages"],
        verified=verified,
    )
    card_file = write_card(card, built.path)
    figures = {
        "path": os.path.relpath(built.path, run.path),
        "card": os.path.relpath(card_file, run.path),
        "sha256": built.sha256,
        "megabytes": round(built.bytes / 1e6, 2),
        "checks": [check.model_dump() for check in checks],
        "worker_accuracy": accuracy,
        "local_accuracy": evaluated.clean.value,
        "worker_seconds": round(proof.seconds, 2),
        "worker_memory_mb": round(proof.peak_memory_mb, 1),
        "headline": {"zip": f"{built.bytes / 1e6:.1f} MB", "checks passed": str(len(checks))},
    }
    sections = package_sections(built.path, figures, checks, evaluated)
    write_step_page(
        run, config.name, "package", f"{built.path.name}: {len(checks)} checks passed in the contest worker.",
        sections, config=project.config_name, files={"Output of the worker": "worker.log"},
    )  # fmt: skip
    return figures


def label_values(classes: Sequence[str]) -> list[int] | None:
    """The integers that a contest expects for the classes: their names where these are numbers, else None.

    Args:
        classes: Names by index.
    """
    canonical = all(name.isascii() and name.isdigit() and str(int(name)) == name for name in classes)
    return [int(name) for name in classes] if canonical else None


def run_in_worker(
    project: Project, submission: Path, images: np.ndarray, labels: np.ndarray, classes: Sequence[str], what: str
) -> WorkerResult:
    """Run a zip in a contest worker on labelled pictures.

    Args:
        project: The contest.
        submission: The zip.
        images: `(n, h, w, 3)` uint8.
        labels: `(n,)` class indices.
        classes: Names by index.
        what: A few words for the progress bar.
    """
    from toolkit.submission.bundle import write_bundle
    from toolkit.submission.verify import run_worker

    settings = project.config.package
    with project.console.progress(what) as on_progress, tempfile.TemporaryDirectory(prefix="contest-") as folder:
        bundle = write_bundle(
            Path(folder) / "bundle",
            images,
            labels,
            class_names=classes,
            title=project.config.name,
            label_values=label_values(classes),
            output=settings.output,
            time_limit_s=settings.time_limit,
        )
        result = run_worker(submission, bundle, time_limit_s=settings.time_limit, max_mb=settings.max_mb)
        on_progress(1, 1)
    return result


def _local_labels(evaluated: EvaluateResult, image_ids: np.ndarray) -> np.ndarray:
    return Predictions.load(evaluated.run_dir / "predictions-clean.npz").select(image_ids.tolist()).labels
