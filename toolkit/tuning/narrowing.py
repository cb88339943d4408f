"""A narrower search space: of each dimension, what cannot be told from its best value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from toolkit.tuning.fanova import Fanova, Marginal
from toolkit.tuning.space import Choice, FloatRange, Searched


@dataclass(frozen=True)
class Narrowed:
    """What is proposed for one dimension.

    Attributes:
        name: Of the dimension.
        before: As it was searched.
        after: The same or narrower.
        best: Value with the best marginal.
    """

    name: str
    before: Searched
    after: Searched
    best: Any

    @property
    def changed(self) -> bool:
        """Whether anything falls away."""
        return self.before != self.after


def narrower(
    fitted: Fanova,
    *,
    direction: Literal["maximize", "minimize"] = "maximize",
    keep: Mapping[str, Any] | None = None,
    sds: float = 2.0,
) -> list[Narrowed]:
    """Propose, for each dimension, the values whose marginal is within noise of the best one.

    A value stays where the mean over the trees of (best marginal − its marginal) is at most `sds` standard deviations
    of that difference over the trees, each of which saw another bootstrap sample of the trials: two, not one, because
    the best of many noisy values stands out by chance. A range keeps all from
    its lowest such value to its highest, a choice exactly those values.

    Args:
        fitted: fANOVA of the trials.
        direction: Whether more is better.
        keep: Values that stay in any case, such as the best trial's.
        sds: Width of the noise; larger narrows less.

    Returns:
        One proposal a dimension, in the order of the space.
    """
    proposals = []
    for name, dimension in fitted.space.items():
        marginal = fitted.marginal(name)
        best, stays = _within_noise(marginal, 1.0 if direction == "maximize" else -1.0, sds)
        if keep and keep.get(name) is not None:
            stays.append(keep[name])
        proposals.append(Narrowed(name, dimension, _narrow(dimension, stays), best))
    return proposals


def _within_noise(marginal: Marginal, sign: float, sds: float) -> tuple[Any, list[Any]]:
    curves = sign * marginal.trees  # (trees, values)
    top = int(curves.mean(axis=0).argmax())
    behind = curves[:, [top]] - curves
    stays = behind.mean(axis=0) <= sds * behind.std(axis=0) + 1e-12
    return marginal.values[top], [value for value, kept in zip(marginal.values, stays, strict=True) if kept]


def _narrow(dimension: Searched, stays: list[Any]) -> Searched:
    if isinstance(dimension, Choice):
        texts = {json.dumps(value) for value in stays}
        return Choice(tuple(value for value in dimension.values if json.dumps(value) in texts))
    if isinstance(dimension, FloatRange):
        return replace(dimension, low=float(min(stays)), high=float(max(stays)))
    return replace(dimension, low=int(min(stays)), high=int(max(stays)))
