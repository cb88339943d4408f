"""The page of `package`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.report import Badge, Code, Figure, Figures, Interval, Mark, Row, Section, Table

if TYPE_CHECKING:
    from toolkit.steps.evaluate import EvaluateResult
    from toolkit.steps.package import CheckRecord


def package_sections(
    submission: Path, figures: Mapping[str, Any], checks: Sequence[CheckRecord], evaluated: EvaluateResult
) -> list[Section]:
    """Size, checks, scores, where the zip is.

    Args:
        submission: The zip.
        figures: Of the result.
        checks: What was checked in the worker.
        evaluated: What to expect of the hidden test.
    """
    tiles = Figures(
        [
            Figure("zip", figures["megabytes"] * 1e6, style="bytes"),
            Figure("accuracy in the worker", figures["worker_accuracy"], "holdout pictures", "good", "percent", 1),
            Figure("prediction there", figures["worker_seconds"], style="seconds"),
            Figure("peak memory there", figures["worker_memory_mb"] * 1e6, style="bytes"),
        ]
    )
    rows = [
        Row([Badge("✓", "good") if check.ok else Badge("✗", "bad"), check.name, check.message],
            "plain" if check.ok else "bad")
        for check in checks
    ]  # fmt: skip
    return [
        Section(
            "At a glance",
            "The zip was unpacked into a contest worker's folders and run there in a process of its own, with an "
            "emptied environment and another working directory.",
            [tiles],
        ),
        Section("Checks", "", [Table(["", "check", "seen"], rows, sortable=False)]),
        Section("What the hidden test will say", "", [score_interval(evaluated)]),
        Section("Hand in", "Upload this file on the contest's page.", [Code(str(submission))]),
    ]


def score_interval(evaluated: EvaluateResult) -> Interval:
    """Clean score, corrupted scores and the estimate on one axis."""
    names = list(evaluated.corrupted)
    values = [evaluated.corrupted[name].value for name in names]
    estimate = evaluated.estimate
    return Interval(
        [
            Mark("Clean local test", [evaluated.clean.value], evaluated.clean.low, evaluated.clean.high, "clean"),
            Mark("Corrupted local tests", values, kind="noisy", names=names),
            Mark("Estimated hidden score", [estimate.value], estimate.low, estimate.high, "estimate", "provisional"),
        ]
    )
