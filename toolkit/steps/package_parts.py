"""What packages are made of: the networks of an ensemble, and how they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.ensembling.votes import combine
from toolkit.steps.ensemble import Ensemble


@dataclass(frozen=True)
class Parts:
    """Networks, the members that they belong to, and the blend.

    Attributes:
        models: r `.keras` files.
        owner: `(r,)` member that each belongs to, counted from 0.
        blend: Plain values as `ensemble.json` of a package holds them.
        views: Views of a picture over which each network's probabilities are averaged.
    """

    models: tuple[Path, ...]
    owner: tuple[int, ...]
    blend: Mapping[str, Any]
    views: tuple[str, ...] = ("identity",)

    def select(self, rows: Sequence[int]) -> Parts:
        """Some of the networks, with what was learned for their members."""
        owner = [self.owner[row] for row in rows]
        kept = sorted(set(owner))
        blend = dict(self.blend)
        for name in ("weights", "temperatures"):
            if blend.get(name) is not None:
                blend[name] = [blend[name][member] for member in kept]
        return Parts(tuple(self.models[row] for row in rows), tuple(kept.index(member) for member in owner), blend,
                     self.views)  # fmt: skip

    def combine(self, probabilities: np.ndarray) -> np.ndarray:
        """`(n, k)` float32 probabilities of the blend from those of the networks `(r, n, k)`."""
        return combine(str(self.blend["vote"]), probabilities)


def parts_of(ensemble: Ensemble) -> Parts:
    """The parts of a finished ensemble."""
    models = tuple(ensemble.models)
    return Parts(models, (0,) * len(models), {"vote": ensemble.config.ensemble.vote})
