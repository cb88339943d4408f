"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719) with the operations and ranges of keras-cv's layer.

A magnitude means the same in both engines: at equal parameters an operation gives the same picture, but for rounding
(keras-cv computes in float32, here each operation ends in uint8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.operations import Colour, Geometric, Pointwise, Step, Whole
from toolkit.augmentation.randomness import Numbers


@dataclass(frozen=True)
class RandOperation:
    """One of RandAugment's operations.

    Attributes:
        name: keras-cv's name.
        family: Family of the corruptions that it resembles.
        spread: Whether the strength varies about the magnitude; else the magnitude is the largest strength.
        draw: `(height, width, strength 0–1, random numbers)` → step.
        held_out: The held-out corruption that it is; empty: none.
    """

    name: str
    family: str
    spread: bool
    draw: Callable[[int, int, float, Numbers], Step]
    held_out: str = ""


def _autocontrast(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Whole(ops.autocontrast)


def _equalize(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Whole(ops.equalize)


def _solarize(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(ops.solarize_table(255 - 255 * strength, 110 * strength), smooth=False)


def _colour(height: int, width: int, strength: float, own: Numbers) -> Step:
    # keras-cv's colour degeneration: 0 leaves the picture, 1 makes it grey.
    return Colour(ops.saturation_matrix(1 - strength))


def _contrast(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Whole(partial(ops.contrast, factor=1 + own.uniform(-strength, strength)))


def _brightness(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(ops.brightness_table(own.uniform(-strength, strength)))


def _shear_x(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Geometric(np.array([[1.0, strength * own.sign(), 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))


def _shear_y(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Geometric(np.array([[1.0, 0.0, 0.0], [strength * own.sign(), 1.0, 0.0], [0.0, 0.0, 1.0]]))


def _translate_x(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Geometric(ops.geometry((height, width), shift=(own.uniform(-strength, strength), 0.0)))


def _translate_y(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Geometric(ops.geometry((height, width), shift=(0.0, own.uniform(-strength, strength))))


RAND_AUGMENT = (
    RandOperation("auto_contrast", "colour", False, _autocontrast),
    RandOperation("equalize", "colour", False, _equalize),
    RandOperation("solarize", "colour", True, _solarize),
    RandOperation("color", "colour", True, _colour),
    RandOperation("contrast", "colour", False, _contrast),
    RandOperation("brightness", "colour", False, _brightness),
    RandOperation("shear_x", "geometric", True, _shear_x),
    RandOperation("shear_y", "geometric", True, _shear_y),
    RandOperation("translate_x", "geometric", False, _translate_x),
    RandOperation("translate_y", "geometric", False, _translate_y),
)


def draw_rand_augment(
    height: int, width: int, own: Numbers, *, magnitude: float, operations: int, rate: float, magnitude_stddev: float
) -> list[Step]:
    """Steps of one picture; arguments as in `policies.rand_augment_policy`."""
    steps: list[Step] = []
    for _ in range(operations):
        operation = RAND_AUGMENT[own.integer(len(RAND_AUGMENT))]
        varied = min(1.0, max(0.0, own.normal(magnitude, magnitude_stddev)))
        if own.chance(rate):
            steps.append(operation.draw(height, width, varied if operation.spread else magnitude, own))
    return steps
