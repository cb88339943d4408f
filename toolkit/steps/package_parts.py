"""What packages are made of: the networks of an ensemble, and how they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toolkit.ensembling.blending import Blend
from toolkit.steps.blending import blend_of
from toolkit.steps.ensemble import Ensemble


@dataclass(frozen=True)
class Parts:
    """Networks, the members that they belong to, and the blend.

    Attributes:
        models: r `.keras` files.
        owner: `(r,)` member that each belongs to, counted from 0.
        blend: How they agree.
        views: Views of a picture over which each network's probabilities are averaged.
    """

    models: tuple[Path, ...]
    owner: tuple[int, ...]
    blend: Blend
    views: tuple[str, ...] = ("identity",)

    def select(self, rows: Sequence[int]) -> Parts:
        """Some of the networks, with what was learned for their members."""
        owner = [self.owner[row] for row in rows]
        kept = sorted(set(owner))
        blend = restricted(self.blend, kept)
        return Parts(tuple(self.models[row] for row in rows), tuple(kept.index(member) for member in owner), blend,
                     self.views)  # fmt: skip

    def combine(self, probabilities: np.ndarray) -> np.ndarray:
        """`(n, k)` float32 probabilities of the blend from those of the networks `(r, n, k)`."""
        return self.blend.combine(probabilities, self.owner)


def parts_of(ensemble: Ensemble) -> Parts:
    """The parts of a finished ensemble."""
    return Parts(tuple(ensemble.models), tuple(ensemble.owner), blend_of(ensemble), ensemble.config.ensemble.tta)


def restricted(blend: Blend, members: Sequence[int]) -> Blend:
    """A blend of some of the members: what was learned for the others is left out."""

    def kept(values: Sequence[float] | None) -> tuple[float, ...] | None:
        return None if values is None else tuple(values[member] for member in members)

    return replace(blend, weights=kept(blend.weights), temperatures=kept(blend.temperatures))


def best_members(blend: Blend, probabilities: np.ndarray, labels: np.ndarray) -> tuple[list[int], list[float]]:
    """Members in the order in which they help most out of fold, and what the first so many score.

    Args:
        blend: How they agree; a stack needs all of its members, so it has one order only.
        probabilities: `(m, n, k)` out of fold.
        labels: `(n,)` class indices.

    Returns:
        m members, and m accuracies of the first 1, 2, … of them.
    """
    chosen: list[int] = []
    scores: list[float] = []

    def scored(members: Sequence[int]) -> float:
        kept = sorted(members)
        return float((restricted(blend, kept).combine(probabilities[kept]).argmax(axis=1) == labels).mean())

    left = list(range(len(probabilities)))
    if blend.vote == "stack":
        return left, [float("nan")] * (len(left) - 1) + [scored(left)]
    while left:
        best = max(left, key=lambda member: scored([*chosen, member]))
        left.remove(best)
        chosen.append(best)
        scores.append(scored(chosen))
    return chosen, scores
