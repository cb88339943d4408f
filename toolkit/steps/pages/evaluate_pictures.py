"""Part of the page of `evaluate`: the pictures most confidently wrong, as the network saw them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from toolkit.evaluation.corruptions import corrupt
from toolkit.evaluation.local_tests import LocalTest, Mistake, surest_mistakes
from toolkit.report import Badge, Gallery, Picture, Section, thumbnail

if TYPE_CHECKING:
    from toolkit.steps.pages.evaluate import Evaluated

SHOWN = 36
_CLEAN = "clean"


def wrong_sections(found: Evaluated, read: Callable[[Sequence[str]], np.ndarray], seed: int) -> list[Section]:
    """Galleries of clean and of corrupted pictures that are confidently wrong.

    Args:
        found: What was measured.
        read: Image ids → uint8 pictures.
        seed: Of the corruptions.
    """
    tests = {test.label: test for test in found.tests}
    classes = found.holdout.classes
    clean = surest_mistakes(
        found.holdout.labels, found.holdout.image_ids.tolist(), {_CLEAN: found.clean_probabilities}, SHOWN
    )
    shifted = surest_mistakes(found.tested.labels, found.tested.image_ids.tolist(), found.probabilities, SHOWN)
    wrong = found.clean.n - int(np.trace(found.clean.confusion))
    total = sum(test.scores.n for test in found.tests)
    shifted_wrong = sum(test.scores.n - int(np.trace(test.scores.confusion)) for test in found.tests)
    return [
        Section(
            "Most confidently wrong",
            "Wrong labels, odd pictures, and what the network mistakes; the surest first.",
            [_gallery(clean, tests, classes, read, seed,
                      f"{wrong:,} of {found.clean.n:,} clean pictures are wrong.")],
        ),
        Section(
            "Most confidently wrong under corruption",
            "As the network saw them. Each picture is shown once, under the corruption where it was surest.",
            [_gallery(shifted, tests, classes, read, seed,
                      f"{shifted_wrong:,} of {total:,} predictions of corrupted pictures are wrong.")],
        ),
    ]  # fmt: skip


def _gallery(
    mistakes: Sequence[Mistake],
    tests: dict[str, LocalTest],
    classes: Sequence[str],
    read: Callable[[Sequence[str]], np.ndarray],
    seed: int,
    caption: str,
) -> Gallery:
    if not mistakes:
        return Gallery([], empty="No picture is predicted wrongly.")
    pictures = []
    originals = read([mistake.image_id for mistake in mistakes])
    for mistake, image in zip(mistakes, originals, strict=True):
        seen, told = image, f"{mistake.confidence:.0%} sure"
        if mistake.test in tests:
            test = tests[mistake.test]
            seen = corrupt(image[None], [mistake.image_id], test.name, test.severity, seed)[0]
            told = f"{test.label.replace('_', ' ')}, {told}"
        badges = [
            Badge(f"true {classes[mistake.true]}", "good"),
            Badge(f"said {classes[mistake.predicted]}", "bad"),
        ]
        pictures.append(Picture(thumbnail(seen), mistake.image_id, told, badges))
    return Gallery(pictures, caption)
