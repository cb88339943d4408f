"""The page of `clean`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from toolkit.artifacts import RunDir
from toolkit.cleaning.decisions import Decision
from toolkit.cleaning.issues import KINDS, Issue, Resolved
from toolkit.manifest import Manifest
from toolkit.report import (
    Cell,
    Code,
    Figure,
    Figures,
    Finding,
    Flagged,
    Note,
    Review,
    Section,
    Table,
    write_review,
    write_sprites,
)
from toolkit.steps.inspecting import Measures
from toolkit.steps.pages.common import step_page
from toolkit.steps.project import Project

_FOLDER = "report_files"
_RANK = {"keep": 0, "relabel": 1, "drop": 2}
_WORDS = {
    "unreadable": "These files cannot be decoded.",
    "wrong_extension": "The file name promises another format; the picture itself is fine.",
    "animated": "Several frames, of which the first is used.",
    "exact_duplicate": "Same pixels. One of each group is kept.",
    "near_duplicate": "Nearly the same picture. All are kept, but a group is never split between folds.",
    "label_conflict": "The same picture under several labels.",
    "leak": "The picture is among the test or validation pictures too.",
    "outlier": "Pictures that do not belong, the strangest first.",
    "label_error": "Labels that contradict their pictures, the surest first.",
    "blurry": "Far blurrier than the others.",
    "dark": "Nearly black.",
    "bright": "Nearly white.",
    "low_information": "Nearly one colour.",
    "odd_size": "Sizes or shapes unlike the others'.",
}


def write_clean_pages(
    project: Project,
    run: RunDir,
    measured: Measures,
    resolved: Resolved,
    issues: Sequence[Issue],
    decided: Mapping[str, Decision],
) -> None:
    """Write `report.html`, on which a person can overrule what was found, and the sprite sheets beside it.

    Args:
        project: The project.
        run: The run's directory.
        measured: The readable pictures.
        resolved: What is left.
        issues: All issues.
        decided: A person's decisions that were applied.
    """
    manifest, left = project.manifest, len(resolved.manifest)
    flagged = _flagged(manifest, issues, decided)
    readable = [one.image_id for one in flagged if one.image_id not in measured.unreadable]
    with project.console.progress("Drawing flagged pictures") as on_progress:
        sprites = write_sprites(run.path / _FOLDER, measured.read, readable, on_progress=on_progress)
    by_kind: dict[str, list[Issue]] = defaultdict(list)
    for issue in issues:
        by_kind[issue.issue].append(issue)
    sections = [_glance(manifest, resolved, by_kind, len(decided))]
    if not issues:
        sections.append(Section("Issues", "", [Note("Nothing was found.", "good")]))
    sections.append(Section("Next", "", [Code(f"toolkit tune -c {project.config_name}")]))
    page = step_page(
        run, project.config.name, "clean",
        f"{len(manifest):,} pictures: {left:,} kept, {len(manifest) - left:,} dropped.", sections,
        config=project.config_name, files={"All issues": "issues.csv", "What is left": "manifest.csv"},
    )  # fmt: skip
    review = Review(
        f"{project.config.name} {measured.key}", manifest.classes, {kind: _WORDS[kind] for kind in KINDS}, flagged,
        sprites, _FOLDER, f"toolkit clean -c {project.config_name} --decisions decisions.csv",
    )  # fmt: skip
    write_review(run.path / "report.html", page, review)


def _flagged(manifest: Manifest, issues: Sequence[Issue], decided: Mapping[str, Decision]) -> list[Flagged]:
    """Pictures with issues, in the order of the manifest."""
    found: dict[str, list[Issue]] = defaultdict(list)
    for issue in issues:
        found[issue.image_id].append(issue)
    flagged = []
    for name, label in zip(manifest.image_ids.tolist(), manifest.labels.tolist(), strict=True):
        if name not in found and name not in decided:
            continue
        own = found.get(name, [])
        action = max((issue.action for issue in own), key=_RANK.__getitem__, default="keep")
        suggestion = next((issue.label for issue in own if issue.label >= 0), -1)
        findings = [
            Finding(issue.issue, issue.score, issue.reason, issue.group_id if issue.issue in _GROUPED else "")
            for issue in own
        ]
        if findings:
            decision = decided.get(name, Decision(""))
            flagged.append(Flagged(name, label, action, suggestion, findings, decision.action, decision.label))
    return flagged


_GROUPED = {"exact_duplicate", "near_duplicate", "label_conflict"}


def _glance(manifest: Manifest, resolved: Resolved, by_kind: Mapping[str, Sequence[Issue]], decided: int) -> Section:
    dropped = len(manifest) - len(resolved.manifest)
    tiles = [
        Figure("pictures", len(manifest)),
        Figure("kept", len(resolved.manifest), tone="good"),
        Figure("dropped", dropped, tone="bad" if dropped else "plain"),
        Figure("decided by hand", decided),
    ]
    rows: list[list[Cell]] = []
    for kind in KINDS:
        actions = Counter(issue.action for issue in by_kind.get(kind, ()))
        if actions:
            rows.append([kind.replace("_", " "), *(actions[name] for name in ("drop", "relabel", "keep"))])
    before, after = manifest.class_counts(), resolved.manifest.class_counts()
    classes: list[list[Cell]] = [
        [name, int(old), int(new)] for name, old, new in zip(manifest.classes, before, after, strict=True)
    ]
    return Section(
        "At a glance",
        "The data itself was not changed: `manifest.csv` lists what the next steps use.",
        [
            Figures(tiles),
            Table(["issue", "drop", "relabel", "keep"], rows, empty="No issues."),
            Table(["class", "before", "after"], classes),
        ],
    )
