"""What the hidden score will be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolkit.metrics import Scores


@dataclass(frozen=True)
class Estimate:
    """An estimated hidden accuracy.

    Attributes:
        point: Middle of the local tests.
        low: Lower end.
        high: Upper end.
        method: How it was made.
        provisional: True for methods whose coverage has not been measured.
    """

    point: float
    low: float
    high: float
    method: str
    provisional: bool = True


def range_estimate(clean: Scores, corrupted: Mapping[str, Scores]) -> Estimate:
    """The range of accuracy over the clean and the corrupted local tests; its point is their median.

    Args:
        clean: Scores on clean pictures.
        corrupted: Scores by corruption.
    """
    values = [clean.accuracy.value, *(scores.accuracy.value for scores in corrupted.values())]
    return Estimate(
        point=float(np.median(values)),
        low=min(values),
        high=max(values),
        method=f"the range of accuracy over the clean and {len(corrupted)} corrupted local tests, and their median",
    )
