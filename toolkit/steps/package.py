"""`toolkit package`: a submission for one contest platform, proven before it is handed in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.artifacts import RunDir
from toolkit.console import TextTable
from toolkit.steps import keys
from toolkit.steps.ensemble import Ensemble, trained_ensemble
from toolkit.steps.evaluate import EvaluateResult, evaluate_step
from toolkit.steps.package_codabench import package_codabench
from toolkit.steps.package_kernel import kernel_inputs, package_kernel
from toolkit.steps.package_tables import package_predictions, package_table, table_inputs
from toolkit.steps.project import Project
from toolkit.steps.proving import CheckRecord
from toolkit.steps.results import StepResult, percent
from toolkit.steps.size_costs import Cost

Make = Callable[[Project, Ensemble, EvaluateResult, RunDir, str], dict[str, Any]]
_MAKE: dict[str, Make] = {
    "codabench": package_codabench,
    "codabench-results": package_predictions,
    "kaggle": package_table,
    "kaggle-kernel": package_kernel,
}
_INPUTS: dict[str, Callable[[Project], list[str]]] = {
    "codabench-results": table_inputs,
    "kaggle": table_inputs,
    "kaggle-kernel": kernel_inputs,
}


class PackageResult(StepResult):
    """A finished and proven submission.

    Attributes:
        path: The zip, table or folder.
        card: The card beside it.
        sha256: Hash of its bytes.
        megabytes: Its size.
        checks: What was checked.
        commands: How to hand it in.
        worker_accuracy: Accuracy measured in the contest worker on the holdout; None where the target runs no code.
        local_accuracy: Accuracy of the same members measured here on the same pictures.
        worker_seconds: Wall time of the prediction step there.
        worker_memory_mb: Peak memory there, in MB.
        costs: What other numbers of members would score; empty where all are packed as they are.
    """

    path: Path
    card: Path
    sha256: str
    megabytes: float
    checks: tuple[CheckRecord, ...]
    commands: tuple[str, ...] = ()
    worker_accuracy: float | None = None
    local_accuracy: float
    worker_seconds: float | None = None
    worker_memory_mb: float | None = None
    costs: tuple[Cost, ...] = ()

    def tables(self) -> list[TextTable]:
        """One row a check; then one a number of members, where these were compared."""
        caption = f"local accuracy {percent(self.local_accuracy)}"
        if self.worker_accuracy is not None:
            caption = f"accuracy in the worker {percent(self.worker_accuracy)}, {caption}"
        tables = [check_table(f"{self.path.name}, {self.megabytes:.1f} MB", self.checks, caption)]
        if self.costs:
            rows = tuple(
                ("→" if cost.chosen else "", cost.choice, "16" if cost.float16 else "32", f"{cost.megabytes:.1f}",
                 percent(cost.accuracy), f"{100 * cost.difference:+.1f} ± {100 * cost.margin:.1f}")
                for cost in self.costs
            )  # fmt: skip
            columns = ("", "members", "bits", "MB", "accuracy", "points against all in full")
            told = "Measured on the holdout, with 95 % margin; the arrow marks what is packed."
            tables.append(TextTable("What size costs in score", columns, rows, told))
        return tables

    def lines(self) -> list[str]:
        """Where it is and how it is handed in."""
        return [f"Submission: {self.path}", *(f"  {command}" for command in self.commands), *super().lines()]


def check_table(title: str, checks: tuple[CheckRecord, ...], caption: str = "") -> TextTable:
    """Checks as a table of ✓ and ✗."""
    rows = tuple(("✓" if check.ok else "✗", check.name, check.message) for check in checks)
    return TextTable(title, ("", "check", ""), rows, caption)


def package_step(project: Project) -> PackageResult:
    """Pack the ensemble for `package.target` and prove the package.

    Raises:
        SubmissionError: A check failed, or the worker measured another accuracy than was measured here.
    """
    target = project.config.package.target
    inputs = _INPUTS[target](project) if target in _INPUTS else []
    evaluated = evaluate_step(project)
    ensemble = trained_ensemble(project)
    key = keys.package_key(ensemble.config, evaluated.scores_key, inputs)
    run = project.run("package", key)
    if run.done and not _beside(run.path, run.summary()["path"]).exists():
        run.clear()  # the package was removed by hand: build it again

    def compute(run: RunDir) -> dict[str, Any]:
        return _MAKE[target](project, ensemble, evaluated, run, key)

    def result(**figures: Any) -> PackageResult:
        places = {name: _beside(run.path, figures[name]) for name in ("path", "card")}
        return PackageResult(**{**figures, **places})

    return project.perform(run, "package", compute, result)


def _beside(folder: Path, relative: str) -> Path:
    """A path kept relative to the run, so that a project may be moved as a whole."""
    return Path(os.path.normpath(folder / relative))
