"""`toolkit demo`: a small messy contest, the whole road, and the truth at the end."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np

from toolkit.artifacts import write_text
from toolkit.config.text import commented_yaml
from toolkit.console import Console, TextTable
from toolkit.manifest import Manifest
from toolkit.steps.demo_contest import SIZE, Amounts, Contest, build_contest
from toolkit.steps.demo_truth import Found, compare, read_truth
from toolkit.steps.project import Project
from toolkit.steps.results import Interval, Result, percent
from toolkit.steps.run import RoadResult, run_road

SETTINGS = {
    "name": "digits",
    "data": {"source": "contest/train.csv", "format": "csv", "image_size": SIZE, "holdout": 0.2},
    # Digits are no mirror images of themselves.
    "augment": {"policy": {"horizontal_flip": False}},
    "train": {"epochs": 15},
    "model": {"unfreeze": 15},
    "tune": {
        "trials": 6,
        "trial_epochs": 8,
        "space": {
            "model.head.layers": {"int": [1, 2]},
            "model.head.units.0": {"choice": [128, 256, 512]},
            "model.head.units.1": {"choice": [64, 128, 256]},
            "model.head.dropout": {"float": [0.1, 0.5]},
            "train.learning_rate": {"float": [1e-3, 1e-2], "log": True},
        },
    },
    "ensemble": {"folds": 3, "views": 4},
}
HEADER = """The demo contest: scikit-learn's digits, made messy.
Command: toolkit run -c {name}"""


class DemoResult(Result):
    """What the demo found, believed and then learnt.

    Attributes:
        found: Precision and recall of `clean`, by kind of issue.
        clean_score: Local accuracy on clean pictures.
        noisy_score: Mean local accuracy on corrupted pictures.
        estimate: The hidden score as estimated beforehand, with its interval.
        hidden_score: The true hidden score.
        hidden_images: Pictures of the hidden test.
        seconds: Wall time of the demo.
        zip: The submission.
        pages: Index of the pages.
        config: The config.
    """

    found: tuple[Found, ...]
    clean_score: float
    noisy_score: float
    estimate: Interval
    hidden_score: float
    hidden_images: int
    seconds: float
    zip: Path
    pages: Path
    config: Path

    def tables(self) -> list[TextTable]:
        """The closing tables."""
        issues = tuple(
            (row.kind.replace("_", " "), str(row.true), str(row.found), percent(row.precision), percent(row.recall))
            for row in self.found
        )
        inside = self.estimate.low <= self.hidden_score <= self.estimate.high
        scores = (
            ("clean local score", percent(self.clean_score), "holdout pictures as they are"),
            ("noisy local score", percent(self.noisy_score), "mean over the corrupted local tests"),
            (
                "estimated hidden score",
                percent(self.estimate.value),
                f"{percent(self.estimate.low)} to {percent(self.estimate.high)}, 90 % interval",
            ),
            (
                "TRUE HIDDEN SCORE",
                percent(self.hidden_score),
                f"{self.hidden_images} pictures, run in the worker; "
                + ("inside the estimate" if inside else "OUTSIDE the estimate"),
            ),
        )
        return [
            TextTable(
                "What was wrong in the data, and how much of it `clean` found",
                ("issue", "pictures", "found", "precision", "recall"),
                issues,
            ),
            TextTable("What the scores said", ("score", "accuracy", ""), scores),
        ]

    def lines(self) -> list[str]:
        """Where everything lies, and the next command."""
        return [
            f"Submission  {self.zip}",
            f"Pages       {self.pages}",
            f"Config      {self.config}",
            f"Took {self.seconds:.0f} s. On your own data: toolkit init DATA -o contest.yaml && "
            "toolkit run -c contest.yaml",
        ]


def run_demo(folder: Path, *, console: Console | None = None, amounts: Amounts | None = None) -> DemoResult:
    """Build the contest, go the whole road, and run the finished zip on the hidden test.

    Args:
        folder: Where everything goes; what is there already is reused.
        console: What the person sees.
        amounts: Size of the contest, smaller in tests.
    """
    begin = time.monotonic()
    console = console or Console()
    with console.progress("Building the contest") as on_progress:
        contest = build_contest(folder, amounts)
        on_progress(1, 1)
    config = folder / "contest.yaml"
    if not config.exists():
        write_text(config, commented_yaml(SETTINGS, HEADER.format(name=config.name)))
    project = Project(config, console)
    road = run_road(project)
    with console.progress("Hidden test in the contest worker") as on_progress:
        hidden, images = _hidden_score(project, road, contest)
        on_progress(1, 1)
    return DemoResult(
        step="demo",
        found=compare(read_truth(contest.truth), _issues(road.clean.run_dir / "issues.csv")),
        clean_score=road.evaluate.clean.value,
        noisy_score=road.evaluate.noisy,
        estimate=road.evaluate.estimate,
        hidden_score=hidden,
        hidden_images=images,
        seconds=round(time.monotonic() - begin, 1),
        zip=road.package.path,
        pages=road.index,
        config=config,
    )


def _issues(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return [(row["image_id"], row["issue"]) for row in csv.DictReader(stream)]


def _hidden_score(project: Project, road: RoadResult, contest: Contest) -> tuple[float, int]:
    """Accuracy that the zip reaches on the hidden test, in the worker."""
    from toolkit.steps.proving import run_in_worker

    with np.load(contest.hidden, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    manifest: Manifest = project.manifest
    result = run_in_worker(project, road.package.path, images, labels, manifest.classes, "hidden test")
    return result.scores["accuracy"], len(labels)
