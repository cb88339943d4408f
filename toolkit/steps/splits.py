"""Who sees which pictures: development and holdout, training and selection.

`evaluate` alone sees the holdout; `tune` judges trials on selection pictures that are part of development. So what is
optimised on and what is reported on never share a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.folds import holdout
from toolkit.manifest import Manifest


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
    """Development pictures, and the holdout that only `evaluate` sees.

    Args:
        cleaned: The cleaned manifest.
        share: Of the holdout, 0–1.
        seed: Of the draw.
    """
    return _split(cleaned, share, seed)


def selection_split(development: Manifest, share: float, seed: int) -> Split:
    """Training pictures of a trial, and the selection pictures that judge it.

    Args:
        development: From `reporting_split`.
        share: Of the selection pictures, 0–1.
        seed: Of the draw.
    """
    return _split(development, share, seed + 1)


def _split(manifest: Manifest, share: float, seed: int) -> Split:
    larger, smaller = holdout(manifest.image_ids.tolist(), manifest.labels, manifest.groups, share, seed)
    return Split(manifest.select(larger), manifest.select(smaller))
