"""Issues of pictures, what is done about them, and the manifest that is left."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.artifacts import write_text
from toolkit.cleaning.decisions import Decision
from toolkit.manifest import Manifest

KINDS = (
    "unreadable",
    "wrong_extension",
    "animated",
    "exact_duplicate",
    "near_duplicate",
    "label_conflict",
    "leak",
    "outlier",
    "label_error",
    "blurry",
    "dark",
    "bright",
    "low_information",
    "odd_size",
)
COLUMNS = ("image_id", "issue", "score", "group_id", "action", "reason")
_RANK = {"keep": 0, "relabel": 1, "drop": 2}


@dataclass(frozen=True)
class Issue:
    """One issue of one picture.

    Attributes:
        image_id: The picture.
        issue: A name in `KINDS`.
        score: 0–1, higher = worse.
        group_id: Group of duplicates that it is in, empty where it is in none.
        action: `keep`, `drop` or `relabel`.
        reason: A sentence for a person.
        label: Index of the suggested class, for `relabel`.
    """

    image_id: str
    issue: str
    score: float
    group_id: str
    action: str
    reason: str
    label: int = -1


@dataclass(frozen=True)
class Resolved:
    """The outcome of all issues.

    Attributes:
        manifest: What is left, with groups and new labels.
        actions: What is done with each picture that has an issue, by image id: drop > relabel > keep.
    """

    manifest: Manifest
    actions: Mapping[str, str]


def resolve(
    manifest: Manifest,
    issues: Iterable[Issue],
    groups: Mapping[str, str],
    decisions: Mapping[str, Decision] | None = None,
) -> Resolved:
    """Apply the strongest action of each picture, and a person's decisions over them.

    Args:
        manifest: All pictures; not changed.
        issues: In any order.
        groups: Group of duplicates by image id; pictures of one group, and pictures that the manifest groups already,
            are joined into one group, so that neither is ever split.
        decisions: By image id.
    """
    actions: dict[str, str] = {}
    labels: dict[str, int] = {}
    for issue in issues:
        if _RANK[issue.action] >= _RANK.get(actions.get(issue.image_id, "keep"), 0):
            actions[issue.image_id] = issue.action
        if issue.action == "relabel":
            labels[issue.image_id] = issue.label
    for name, decision in (decisions or {}).items():
        actions[name] = decision.action
        labels[name] = decision.label
    ids = manifest.image_ids.tolist()
    joined = join_groups([[f"m:{group}" for group in manifest.groups], [f"d:{groups.get(name, name)}" for name in ids]])
    members: dict[int, list[int]] = defaultdict(list)
    for row, root in enumerate(joined):
        members[root].append(row)
    given = manifest.groups.tolist()
    names = [""] * len(ids)
    for rows in members.values():
        name = given[rows[0]] if len(rows) == 1 else min(given[row] for row in rows)
        for row in rows:
            names[row] = name
    new = [labels.get(name, int(label)) if actions.get(name) == "relabel" else int(label)
           for name, label in zip(ids, manifest.labels, strict=True)]  # fmt: skip
    kept = [name for name in ids if actions.get(name) != "drop"]
    return Resolved(manifest.with_columns(new, names).select(kept), actions)


def join_groups(columns: Sequence[Sequence[str]]) -> list[int]:
    """Number of each row's component, where rows that share a value in any column belong together."""
    parent = list(range(len(columns[0])))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in columns:
        first: dict[str, int] = {}
        for row, value in enumerate(column):
            a, b = find(first.setdefault(value, row)), find(row)
            parent[max(a, b)] = min(a, b)
    return [find(row) for row in range(len(parent))]


def write_issues(path: Path, issues: Iterable[Issue]) -> None:
    """Write `issues.csv`, one row an (image, issue), the worst of each kind first."""
    order = {kind: number for number, kind in enumerate(KINDS)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(issues, key=lambda issue: (order[issue.issue], -issue.score, issue.group_id, issue.image_id)):
        writer.writerow([row.image_id, row.issue, f"{row.score:.4f}", row.group_id, row.action, row.reason])
    write_text(path, text.getvalue())
