"""A page on which a person looks at flagged pictures and decides: keep, drop or relabel.

Only the cards in view exist, and their sprite sheets load when they come into view, so that tens of thousands of
pictures open at once. Decisions are saved as a CSV file that `toolkit clean --decisions` applies.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.artifacts import write_text
from toolkit.report.page import Page, render_template
from toolkit.report.sprites import Sprites


@dataclass(frozen=True)
class Finding:
    """One issue of a picture.

    Attributes:
        kind: Such as `outlier`.
        score: 0–1, higher = worse.
        reason: A sentence.
        group: Group of duplicates that it is shown in; empty: alone.
    """

    kind: str
    score: float
    reason: str
    group: str = ""


@dataclass(frozen=True)
class Flagged:
    """A picture with issues.

    Attributes:
        image_id: Any text.
        label: Index of its class, -1 for none.
        action: The automatic one: `keep`, `drop` or `relabel`.
        suggestion: Index of the class that it looks like, -1 for none.
        findings: At least one.
        decision: What a person decided earlier: empty, `keep`, `drop` or `relabel`.
        decided_label: Index of the class of an earlier `relabel`, else -1.
    """

    image_id: str
    label: int
    action: str
    suggestion: int
    findings: Sequence[Finding]
    decision: str = ""
    decided_label: int = -1


@dataclass(frozen=True)
class Review:
    """What is to be reviewed.

    Attributes:
        key: Of the data and their order; decisions that the browser remembers belong to it.
        classes: Class names by index.
        kinds: Kinds of issues in the order of the tabs, and a sentence on each.
        pictures: All flagged pictures, each once.
        sprites: Where their small pictures are; those without one show a placeholder.
        folder: Of the sheets, relative to the page.
        command: What applies the saved decisions.
    """

    key: str
    classes: Sequence[str]
    kinds: dict[str, str]
    pictures: Sequence[Flagged]
    sprites: Sprites
    folder: str
    command: str


def write_review(path: Path, page: Page, review: Review) -> None:
    """Write a page with its review below its sections, whole or not at all.

    Args:
        path: The page; the sheets lie in `review.folder` beside it.
        page: What stands above.
        review: What is to be reviewed.
    """
    write_text(path, render_template("review.html", page=page, command=review.command, data=_json(review)))


def _json(review: Review) -> str:
    kinds = {kind: number for number, kind in enumerate(review.kinds)}
    groups: dict[str, int] = {}
    pictures = [
        [
            one.image_id,
            one.label,
            one.action,
            one.suggestion,
            review.sprites.place.get(one.image_id, -1),
            [
                [kinds[f.kind], round(f.score, 4), groups.setdefault(f.group, len(groups)) if f.group else -1, f.reason]
                for f in one.findings
            ],
            *([one.decision, one.decided_label] if one.decision else []),
        ]
        for one in review.pictures
    ]
    sprites = {
        "files": [f"{review.folder}/{name}" for name in review.sprites.files],
        "side": review.sprites.side,
        "columns": review.sprites.columns,
        "rows": review.sprites.rows,
    }
    values = {
        "key": review.key,
        "classes": list(review.classes),
        "kinds": [[name, text] for name, text in review.kinds.items()],
        "sprites": sprites,
        "groups": list(groups),
        "pictures": pictures,
    }
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    # In a script element only these could end or reopen it.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
