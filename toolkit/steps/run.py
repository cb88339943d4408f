"""`toolkit run`: the whole road, each step reusing what is done."""

from __future__ import annotations

import time
from pathlib import Path

from toolkit.config import load_config
from toolkit.console import TextTable
from toolkit.steps.clean import CleanResult, clean_step
from toolkit.steps.ensemble import EnsembleResult, ensemble_step
from toolkit.steps.evaluate import EvaluateResult, evaluate_step
from toolkit.steps.package import PackageResult, package_step
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult
from toolkit.steps.tune import TuneResult, tune_step

# Share of the remaining time that the search may take; training uses the rest.
TUNE_SHARE = 0.4


class RoadResult(StepResult):
    """All steps of the road.

    Attributes:
        clean: Result of `clean`.
        tune: Result of `tune`.
        ensemble: Result of `ensemble`.
        evaluate: Result of `evaluate`.
        package: Result of `package`.
        index: Page that links to all of theirs.
    """

    clean: CleanResult
    tune: TuneResult
    ensemble: EnsembleResult
    evaluate: EvaluateResult
    package: PackageResult
    index: Path

    @property
    def steps(self) -> tuple[StepResult, ...]:
        """The results in order."""
        return (self.clean, self.tune, self.ensemble, self.evaluate, self.package)

    def tables(self) -> list[TextTable]:
        """What each step found, and the scores."""
        rows = tuple(
            (result.step, "already done" if result.reused else f"{result.seconds:.0f} s",
             ", ".join(f"{label} {value}" for label, value in result.headline.items()))
            for result in self.steps
        )  # fmt: skip
        return [TextTable("Whole road", ("step", "time", "result"), rows), *self.evaluate.tables()]

    def lines(self) -> list[str]:
        """Where the zip and the pages are."""
        return [f"Submission: {self.package.path}", f"Pages: {self.index}"]


def run_road(project: Project, *, minutes: float | None = None) -> RoadResult:
    """Clean, tune, ensemble, evaluate, package.

    Args:
        project: The contest.
        minutes: Time to spend in all. The search takes at most `TUNE_SHARE` of what cleaning leaves, and training
            stops after the epoch that ends its share; finished work is never redone.
    """
    begin = time.monotonic()

    def left() -> float | None:
        return None if minutes is None else max(0.0, minutes - (time.monotonic() - begin) / 60)

    cleaned = clean_step(project)
    remaining = left()
    searching = project
    if remaining is not None:
        planned = project.config.tune.minutes
        share = TUNE_SHARE * remaining
        limit = max(share if planned is None else min(share, planned), 0.01)
        searching = Project(load_config(project.config, [f"tune.minutes={limit}"]), project.console)
    tuned = tune_step(searching)
    trained = ensemble_step(project, minutes=left())
    evaluated = evaluate_step(project)
    packed = package_step(project)
    results: list[StepResult] = [cleaned, tuned, trained, evaluated, packed]
    return RoadResult(
        step="run",
        run_dir=project.folder,
        reused=all(result.reused for result in results),
        seconds=round(time.monotonic() - begin, 1),
        clean=cleaned,
        tune=tuned,
        ensemble=trained,
        evaluate=evaluated,
        package=packed,
        index=project.folder / "index.html",
    )
