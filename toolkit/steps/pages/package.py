"""The page of `package`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.report import Badge, Code, Figure, Figures, Interval, Mark, Row, Section, Table

if TYPE_CHECKING:
    from toolkit.steps.evaluate import EvaluateResult
    from toolkit.steps.proving import CheckRecord

_PROOF = (
    "The zip was unpacked into a contest worker's folders and run there in a process of its own, with an emptied "
    "environment and another working directory."
)


def package_sections(
    submission: Path,
    figures: Mapping[str, Any],
    checks: Sequence[CheckRecord],
    evaluated: EvaluateResult,
    proof: str = _PROOF,
) -> list[Section]:
    """Size, checks, scores, where the package is and how it is handed in.

    Args:
        submission: The zip, table or folder.
        figures: Of the result.
        checks: What was checked.
        evaluated: What to expect of the hidden test.
        proof: How it was checked, a sentence.
    """
    tiles = [Figure("size", figures["megabytes"] * 1e6, style="bytes")]
    if figures.get("worker_accuracy") is not None:
        tiles += [
            Figure("accuracy in the worker", figures["worker_accuracy"], "holdout pictures", "good", "percent", 1),
            Figure("prediction there", figures["worker_seconds"], style="seconds"),
            Figure("peak memory there", figures["worker_memory_mb"] * 1e6, style="bytes"),
        ]
    rows = [
        Row([Badge("✓", "good") if check.ok else Badge("✗", "bad"), check.name, check.message],
            "plain" if check.ok else "bad")
        for check in checks
    ]  # fmt: skip
    sections = [
        Section("At a glance", proof, [Figures(tiles)]),
        Section("Checks", "", [Table(["", "check", "seen"], rows, sortable=False)]),
        Section("What the hidden test will say", "", [score_interval(evaluated)]),
    ]
    costs = figures.get("costs") or []
    if costs:
        cells = [
            ["packed" if cost["chosen"] else "", cost["choice"], "16" if cost["float16"] else "32",
             f"{cost['megabytes']:.1f}", f"{100 * cost['accuracy']:.1f} %",
             f"{100 * cost['difference']:+.1f} ± {100 * cost['margin']:.1f}"]
            for cost in costs
        ]  # fmt: skip
        told = (
            "Networks are ranked by out-of-fold accuracy; the holdout only measures what a choice costs. `average` is "
            "one network with the mean weights of the fold models."
        )
        columns = ["", "members", "bits", "MB", "accuracy", "points against all in full, with 95 % margin"]
        sections.append(Section("What size costs in score", told, [Table(columns, cells, sortable=False)]))
    sections.append(Section("Hand in", "", [Code("\n".join([str(submission), *figures["commands"]]))]))
    return sections


def score_interval(evaluated: EvaluateResult) -> Interval:
    """Clean score, corrupted scores and the estimate on one axis."""
    names = list(evaluated.corrupted)
    values = [evaluated.corrupted[name].value for name in names]
    estimate = evaluated.estimate
    return Interval(
        [
            Mark("Clean local test", [evaluated.clean.value], evaluated.clean.low, evaluated.clean.high, "clean"),
            *([Mark("Corrupted local tests", values, kind="noisy", names=names)] if values else []),
            Mark("Estimated hidden score", [estimate.value], estimate.low, estimate.high, "estimate", "90 % interval"),
        ]
    )
