"""Who sees which pictures: development and holdout, training and selection, folds.

`evaluate` alone sees the holdout; `tune` judges trials on selection pictures that are part of development. So what is
optimised on and what is reported on never share a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.config import Config
from toolkit.folds import Folds, check_two_classes, given_folds, given_holdout, holdout, make_folds
from toolkit.manifest import Manifest

# Apart from the seeds of members, which are small numbers.
_REPEAT_SEED = 15485863


@dataclass(frozen=True)
class Split:
    """Two disjoint parts of a manifest; no group is in both.

    Attributes:
        larger: The part that is trained on.
        smaller: The part that judges.
    """

    larger: Manifest
    smaller: Manifest


def reporting_split(cleaned: Manifest, share: float, seed: int) -> Split:
    """Development pictures, and the holdout that only `evaluate` sees: the user's own where the manifest marks it.

    Args:
        cleaned: The cleaned manifest.
        share: Of the holdout, 0–1, where it is drawn.
        seed: Of the draw.
    """
    check_two_classes(cleaned.labels, cleaned.classes)
    if cleaned.held_out is None:
        return _split(cleaned, share, seed)
    larger, smaller = given_holdout(cleaned.image_ids.tolist(), cleaned.groups, cleaned.held_out)
    return Split(cleaned.select(larger), cleaned.select(smaller))


def selection_split(development: Manifest, share: float, seed: int) -> Split:
    """Training pictures of a trial, and the selection pictures that judge it.

    Args:
        development: From `reporting_split`.
        share: Of the selection pictures, 0–1.
        seed: Of the draw.
    """
    return _split(development, share, seed + 1)


def training_folds(development: Manifest, config: Config) -> list[Folds]:
    """The folds that models are trained on: one draw a repeat, or the user's own.

    Args:
        development: From `reporting_split`.
        config: All settings.

    Raises:
        DataError: A class has fewer pictures or groups than there are folds, or there is only one class.
        LeakError: The user's own folds part a group.
    """
    ids, labels, groups, classes = (
        development.image_ids.tolist(), development.labels, development.groups, development.classes
    )  # fmt: skip
    if development.folds is not None:
        return [given_folds(ids, labels, groups, development.folds.tolist(), classes)]
    settings = config.ensemble
    return [
        make_folds(ids, labels, groups, settings.folds, (config.seed + repeat * _REPEAT_SEED) % 2**32, classes)
        for repeat in range(settings.repeats)
    ]


def _split(manifest: Manifest, share: float, seed: int) -> Split:
    larger, smaller = holdout(manifest.image_ids.tolist(), manifest.labels, manifest.groups, share, seed)
    return Split(manifest.select(larger), manifest.select(smaller))
