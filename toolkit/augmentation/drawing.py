"""How policies draw the operations of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.augmentation.catalogue import OPERATIONS
from toolkit.augmentation.compile import fuse, run
from toolkit.augmentation.operations import Operation, Step, Whole
from toolkit.augmentation.randomness import Numbers

# TrivialAugment draws one of 31 strengths.
_BINS = 30
_LONGEST_CHAIN = 3


@dataclass(frozen=True)
class Layer:
    """One entry of a list of randomly applied operations.

    Attributes:
        operation: Its name.
        probability: That it is applied to a picture, 0–1.
        strength: Largest strength, 0–1; each is drawn between 0 and it where the operation has a range.
    """

    operation: str
    probability: float = 0.5
    strength: float = 0.5


def flips(horizontal: bool, vertical: bool) -> tuple[Operation, ...]:
    """The flips that are switched on."""
    chosen = (("horizontal_flip", horizontal), ("vertical_flip", vertical))
    return tuple(OPERATIONS[name] for name, used in chosen if used)


def draw_trivial(height: int, width: int, own: Numbers, *, rows: Sequence[Operation], strength: float) -> list[Step]:
    """Steps of one picture; arguments as in `policies.trivial_augment_policy`."""
    number = own.integer(len(rows) + 1)
    drawn = strength * own.integer(_BINS + 1) / _BINS
    return [] if number == len(rows) else [rows[number].draw(height, width, drawn, own)]


def draw_some(
    height: int,
    width: int,
    own: Numbers,
    *,
    rows: Sequence[Operation],
    fewest: int,
    most: int,
    strength: float,
    flip: tuple[bool, bool],
) -> list[Step]:
    """Steps of one picture; arguments as in `policies.some_of_policy`."""
    steps = [row.draw(height, width, 1.0, own) for row in flips(*flip) if own.chance(0.5)]
    left = list(rows)
    for _ in range(fewest + own.integer(most - fewest + 1)):
        row = left.pop(own.integer(len(left)))
        steps.append(row.draw(height, width, strength, own))
    return steps


def draw_layers(
    height: int, width: int, own: Numbers, *, layers: Sequence[tuple[Layer, Operation]], shuffle: bool
) -> list[Step]:
    """Steps of one picture; arguments as in `policies.random_apply_policy`."""
    order = list(layers)
    if shuffle:
        for last in range(len(order) - 1, 0, -1):  # Fisher & Yates
            other = own.integer(last + 1)
            order[last], order[other] = order[other], order[last]
    used = [(layer, row) for layer, row in order if own.chance(layer.probability)]
    return [row.draw(height, width, layer.strength, own) for layer, row in used]


def draw_augmix(
    height: int, width_px: int, own: Numbers, *, rows: Sequence[Operation], magnitude: float, width: int
) -> list[Step]:
    """Steps of one picture; arguments as in `policies.augmix_policy`."""
    chains = [
        fuse([rows[own.integer(len(rows))].draw(height, width_px, magnitude * own.uniform(), own)
              for _ in range(1 + own.integer(_LONGEST_CHAIN))])
        for _ in range(width)
    ]  # fmt: skip
    rng = own.generator()
    weights, share = rng.dirichlet(np.ones(width)), float(rng.beta(1.0, 1.0))

    def mix(image: np.ndarray) -> np.ndarray:
        total = (1 - share) * image.astype(np.float32)
        for weight, chain in zip(weights, chains, strict=True):
            total += np.float32(share * weight) * run(image, chain)
        return np.asarray(np.rint(total), np.uint8)

    return [Whole(mix)]
