"""How much of what is wrong in the demo contest `clean` found."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

KINDS = ("unreadable", "exact_duplicate", "near_duplicate", "label_conflict", "outlier", "label_error")
_COPIES = {"exact_duplicate", "near_duplicate", "label_conflict"}


class Found(BaseModel):
    """One kind of issue.

    Attributes:
        kind: Its name in `issues.csv`.
        true: Pictures that really have it.
        found: Pictures that `clean` says have it.
        precision: Share of the found ones that are true, None where nothing was found.
        recall: Share of the true ones that were found.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    true: int
    found: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Truth:
    """What is really wrong.

    Attributes:
        pictures: Image ids that have an issue, by kind; of duplicates both the copy and its original.
        uncounted: Image ids for which an issue of that kind is neither right nor wrong.
    """

    pictures: dict[str, set[str]]
    uncounted: dict[str, set[str]]


def read_truth(path: Path) -> Truth:
    """Read `truth.csv` (`image_id, kind, source`)."""
    with path.open(encoding="utf-8") as stream:
        rows = [(row["image_id"], row["kind"], row["source"]) for row in csv.DictReader(stream)]
    original = {source: image_id for image_id, kind, source in rows if kind in {"genuine", "label_error"}}
    pictures: dict[str, set[str]] = defaultdict(set)
    uncounted: dict[str, set[str]] = defaultdict(set)
    for image_id, kind, source in rows:
        if kind == "genuine":
            continue
        pictures[kind].add(image_id)
        if kind in _COPIES:
            pictures[kind].add(original[source])
        if kind == "label_conflict":
            # Copies under another label are exact duplicates too, and one of the two labels is wrong.
            pictures["exact_duplicate"] |= {image_id, original[source]}
            uncounted["label_error"] |= {image_id, original[source]}
        if kind == "outlier":
            # Whether a photograph over a digit still carries the digit's label, nobody can say; and a faint one may
            # count as a near copy of the digit below it.
            uncounted["label_error"].add(image_id)
            uncounted["near_duplicate"] |= {image_id, original[source]}
    return Truth(dict(pictures), dict(uncounted))


def compare(truth: Truth, issues: Iterable[tuple[str, str]]) -> tuple[Found, ...]:
    """Precision and recall by kind.

    Args:
        truth: What is really wrong.
        issues: `(image_id, kind)` rows of `issues.csv`.
    """
    said: dict[str, set[str]] = defaultdict(set)
    for image_id, kind in issues:
        said[kind].add(image_id)
    results = []
    for kind in KINDS:
        true = truth.pictures.get(kind, set())
        found = said[kind] - (truth.uncounted.get(kind, set()) - true)
        right = len(true & found)
        results.append(
            Found(
                kind=kind,
                true=len(true),
                found=len(found),
                precision=right / len(found) if found else None,
                recall=right / len(true) if true else None,
            )
        )
    return tuple(results)
