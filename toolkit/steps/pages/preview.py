"""The page of `preview`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.evaluation.corruptions import held_out
from toolkit.report import (
    Badge,
    Block,
    Cell,
    Code,
    Details,
    Figure,
    Figures,
    Gallery,
    Note,
    Picture,
    PictureGroup,
    Section,
    Table,
    thumbnail,
)
from toolkit.steps.held_out import held_out_notes

_SMALL, _LARGE = 96, 128  # CSS pixels
_MOST_PIXELS = 192


@dataclass(frozen=True)
class LocalTest:
    """A configured corruption.

    Attributes:
        name: Of the corruption.
        family: Its family.
        step: `evaluate` or `tune`.
        severity: Configured for that step.
        overlaps: Whether the training augmentation contains its family.
    """

    name: str
    family: str
    step: str
    severity: int
    overlaps: bool


@dataclass(frozen=True)
class Previewed:
    """Pictures and what becomes of them; all arrays are `(n, h, w, 3)` uint8 in the order of `image_ids`.

    Attributes:
        classes: Image ids of the shown pictures by class name.
        image_ids: All n of them.
        originals: As they are.
        views: As training sees them in epochs 0, 1, …; empty without augmentation.
        corrupted: Each local test with its pictures by severity.
    """

    classes: Mapping[str, Sequence[str]]
    image_ids: Sequence[str]
    originals: np.ndarray
    views: Sequence[np.ndarray]
    corrupted: Sequence[tuple[LocalTest, Mapping[int, np.ndarray]]]


def preview_sections(
    policy: Mapping[str, Any], shown: Previewed, held: tuple[str, ...], missing: int, config: str
) -> list[Section]:
    """What is configured, then each class: its pictures, their augmented views, and them under the corruptions.

    Args:
        policy: The policy's settings, its name among them.
        shown: The pictures.
        held: Held-out families that training contains.
        missing: Classes that are not shown.
        config: The config as a command would name it.
    """
    tests = [test for test, _ in shown.corrupted]
    glance: list[Block] = [
        Figures(
            [
                Figure(
                    "training augmentation", str(policy["name"]), "" if shown.views else "pictures stay as they are"
                ),
                Figure("corruptions of evaluate", float(sum(test.step == "evaluate" for test in tests))),
                Figure("corruptions of tune", float(sum(test.step == "tune" for test in tests))),
                Figure("held-out families in training", ", ".join(held) or "none", "", "warn" if held else "good"),
            ]
        ),
        *held_out_notes(held),
    ]
    if missing:
        glance.append(
            Note(
                f"Not shown: {missing} of the classes, which have no readable picture or would make the page too long."
            )
        )
    glance.append(_tests_table(tests))
    settings = {name: value for name, value in policy.items() if name != "name"}
    if settings and shown.views:
        rows: list[list[Cell]] = [[name, str(value)] for name, value in settings.items()]
        glance.append(Details("Settings of the policy", [Table(["setting", "value"], rows, sortable=False)]))
    sections = [
        Section(
            "At a glance",
            "Pictures of the source as they are decoded for the network, before `clean`. A person should still name "
            "the class of every picture on this page; where that fails, the network learns or is judged on guesses.",
            glance,
        )
    ]
    row = {image_id: index for index, image_id in enumerate(shown.image_ids)}
    for name, image_ids in shown.classes.items():
        blocks: list[Block] = [_training(shown, [row[image_id] for image_id in image_ids])]
        for number, image_id in enumerate(image_ids):
            if tests:
                blocks.append(
                    Details(f"{image_id} in the local tests", [_local_tests(shown, row[image_id])], open=number == 0)
                )
        sections.append(Section(f"Class {name}", "", blocks))
    again = f"toolkit preview -c {config} --set evaluate.severity=5"
    sections.append(Section("Next", "", [Code(f"{again}\ntoolkit clean -c {config}")]))
    return sections


def _tests_table(tests: Sequence[LocalTest]) -> Table:
    rows: list[list[Cell]] = [
        [
            test.name,
            test.family,
            test.step,
            float(test.severity),
            Badge("held out", "good") if held_out([test.name]) else "",
            Badge("overlaps training", "warn") if test.overlaps else "",
        ]
        for test in tests
    ]
    columns = ["corruption", "family", "used by", "severity", "in training", ""]
    return Table(columns, rows, "Local tests", empty="No corruptions are configured.")


def _training(shown: Previewed, rows: Sequence[int]) -> Gallery:
    """Each picture beside its augmented views."""
    groups = []
    for row in rows:
        pictures = [_picture(shown.originals[row], "original")]
        pictures += [_picture(view[row], f"epoch {epoch}") for epoch, view in enumerate(shown.views)]
        groups.append(PictureGroup(pictures, shown.image_ids[row]))
    caption = "The original and what training sees of it in its first epochs." if shown.views else (
        "Training sees the originals: `augment.policy` is none."
    )  # fmt: skip
    return Gallery(groups, caption, size=_size(shown))


def _local_tests(shown: Previewed, row: int) -> Gallery:
    """One picture under each corruption, by severity."""
    groups = []
    for test, by_severity in shown.corrupted:
        pictures = [
            _picture(images[row], f"severity {severity}", "configured" if severity == test.severity else "")
            for severity, images in by_severity.items()
        ]
        badges = [Badge("overlaps training", "warn")] if test.overlaps else []
        groups.append(PictureGroup(pictures, test.name.replace("_", " "), test.step, badges))
    return Gallery(groups, size=_size(shown))


def _picture(image: np.ndarray, title: str, caption: str = "") -> Picture:
    # Not shrunk unless it is large: noise and blur would look weaker than the network finds them.
    return Picture(thumbnail(image, max(_SMALL, min(max(image.shape[:2]), _MOST_PIXELS))), title, caption)


def _size(shown: Previewed) -> int:
    return _SMALL if max(shown.originals.shape[1:3]) <= _SMALL else _LARGE
