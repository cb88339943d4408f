"""The page of `clean`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from toolkit.cleaning.issues import KINDS, Issue, Resolved
from toolkit.manifest import Manifest
from toolkit.report import (
    Badge,
    Cell,
    Code,
    Figure,
    Figures,
    Gallery,
    Note,
    Picture,
    PictureGroup,
    Section,
    Table,
    Tone,
    thumbnail,
)

GROUPS_SHOWN, GROUP_PICTURES, PICTURES_SHOWN = 60, 6, 96
Read = Callable[[Sequence[str]], np.ndarray]
_TONES: dict[str, Tone] = {"drop": "bad", "relabel": "warn", "keep": "plain"}
_WORDS = {
    "unreadable": "These files cannot be decoded.",
    "exact_duplicate": "Same pixels. One of each group is kept.",
    "near_duplicate": "Nearly the same picture. All are kept, but a group is never split between folds.",
    "label_conflict": "The same picture under several labels.",
    "outlier": "Pictures unlike all others, the strangest first.",
    "label_error": "Labels that contradict their pictures, the surest first.",
}


def clean_sections(
    manifest: Manifest, resolved: Resolved, issues: Sequence[Issue], read: Read, next_command: str
) -> list[Section]:
    """What was found, by kind, with pictures.

    Args:
        manifest: All pictures.
        resolved: What is left.
        issues: All issues.
        read: Image ids → uint8 pictures.
        next_command: What to run next.
    """
    by_kind: dict[str, list[Issue]] = defaultdict(list)
    for issue in issues:
        by_kind[issue.issue].append(issue)
    label = {name: manifest.classes[index] for name, index in zip(manifest.image_ids, manifest.labels, strict=True)}
    sections = [_glance(manifest, resolved, by_kind)]
    for kind in KINDS:
        found = sorted(by_kind.get(kind, ()), key=lambda issue: (-issue.score, issue.image_id))
        if not found:
            continue
        title = f"{kind.replace('_', ' ').capitalize()}: {len(found):,}"
        if kind == "unreadable":
            rows: list[list[Cell]] = [[issue.image_id, issue.reason, _action(issue)] for issue in found]
            block: Table | Gallery = Table(["picture", "why", "action"], rows, limit=200, rest="issues.csv")
        elif kind in {"exact_duplicate", "near_duplicate", "label_conflict"}:
            block = _groups(found, label, read)
        else:
            block = _gallery(found, label, read)
        sections.append(Section(title, _WORDS.get(kind, ""), [block]))
    if not issues:
        sections.append(Section("Issues", "", [Note("Nothing was found.", "good")]))
    sections.append(Section("Next", "", [Code(next_command)]))
    return sections


def _glance(manifest: Manifest, resolved: Resolved, by_kind: dict[str, list[Issue]]) -> Section:
    dropped = len(manifest) - len(resolved.manifest)
    tiles = [
        Figure("pictures", len(manifest)),
        Figure("kept", len(resolved.manifest), tone="good"),
        Figure("dropped", dropped, tone="bad" if dropped else "plain"),
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


def _action(issue: Issue) -> Badge:
    return Badge(issue.action, _TONES[issue.action])


def _groups(found: Sequence[Issue], label: dict[str, str], read: Read) -> Gallery:
    groups: dict[str, list[Issue]] = defaultdict(list)
    for issue in found:
        groups[issue.group_id].append(issue)
    items = []
    for group, members in list(groups.items())[:GROUPS_SHOWN]:
        shown = sorted(members, key=lambda issue: issue.image_id)[:GROUP_PICTURES]
        images = read([issue.image_id for issue in shown])
        pictures = [
            Picture(thumbnail(image), issue.image_id, label[issue.image_id], [_action(issue)])
            for image, issue in zip(images, shown, strict=True)
        ]
        more = f"{len(members)} pictures" if len(members) > len(shown) else ""
        items.append(PictureGroup(pictures, group, more))
    rest = len(groups) - len(items)
    caption = f"{len(groups):,} groups" + (f", {rest:,} more of them in issues.csv" if rest else "")
    return Gallery(items, caption, rest="issues.csv")


def _gallery(found: Sequence[Issue], label: dict[str, str], read: Read) -> Gallery:
    shown = found[:PICTURES_SHOWN]
    images = read([issue.image_id for issue in shown])
    pictures = [
        Picture(
            thumbnail(image),
            issue.image_id,
            issue.reason,
            [Badge(label[issue.image_id]), Badge(f"{issue.score:.2f}"), _action(issue)],
        )
        for image, issue in zip(images, shown, strict=True)
    ]
    rest = len(found) - len(shown)
    return Gallery(pictures, f"{rest:,} more in issues.csv" if rest else "", rest="issues.csv")
