"""What an operation does to a picture, as data: a matrix, a table, or a function where neither is enough.

Drawing an operation gives a step; consecutive steps of one kind are fused before any pixel is touched (`compile`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from toolkit import pixelops as ops


@dataclass(frozen=True)
class Geometric:
    """Moves pixels by a `(3, 3)` matrix."""

    matrix: np.ndarray


@dataclass(frozen=True)
class Pointwise:
    """Replaces each value by its entry in a `(256,)` uint8 table."""

    table: np.ndarray


@dataclass(frozen=True)
class Colour:
    """Mixes the channels of each pixel by a `(3, 4)` matrix."""

    matrix: np.ndarray


@dataclass(frozen=True)
class Whole:
    """Looks at the whole picture, such as equalising its histogram."""

    function: Callable[[np.ndarray], np.ndarray]


Step = Geometric | Pointwise | Colour | Whole


@dataclass(frozen=True)
class Operation:
    """A named operation.

    Attributes:
        name: As the reports call it.
        family: Family of the corruptions that it resembles; such corruptions flatter a model trained with it.
        draw: `(height, width, strength, random numbers)` → step.
    """

    name: str
    family: str
    draw: Callable[[int, int, float, np.random.Generator], Step] = field(repr=False)


def _signed(strength: float, rng: np.random.Generator) -> float:
    return float(rng.uniform(-strength, strength))


# Ranges as keras-cv's RandAugment has them, so that a magnitude means the same in both engines. `strength` is already
# drawn around the magnitude and clipped to 0–1 by the policy.
RAND_AUGMENT = (
    Operation("autocontrast", "colour", lambda h, w, strength, rng: Whole(ops.autocontrast)),
    Operation("equalize", "colour", lambda h, w, strength, rng: Whole(ops.equalize)),
    Operation(
        "solarize",
        "colour",
        lambda h, w, strength, rng: Pointwise(ops.solarize_table(255 - 255 * strength, 110 * strength)),
    ),
    # keras-cv's colour degeneration: 0 leaves the picture, 1 makes it grey.
    Operation("colour", "colour", lambda h, w, strength, rng: Colour(ops.saturation_matrix(1 - strength))),
    Operation(
        "contrast", "colour", lambda h, w, strength, rng: Pointwise(ops.contrast_table(1 + _signed(strength, rng)))
    ),
    Operation(
        "brightness", "colour", lambda h, w, strength, rng: Pointwise(ops.brightness_table(_signed(strength, rng)))
    ),
    Operation(
        "shear_x",
        "geometric",
        lambda h, w, strength, rng: Geometric(ops.geometry((h, w), shear=(strength * rng.choice([-1, 1]), 0.0))),
    ),
    Operation(
        "shear_y",
        "geometric",
        lambda h, w, strength, rng: Geometric(ops.geometry((h, w), shear=(0.0, strength * rng.choice([-1, 1])))),
    ),
    Operation(
        "translate_x",
        "geometric",
        lambda h, w, strength, rng: Geometric(ops.geometry((h, w), shift=(_signed(strength, rng), 0.0))),
    ),
    Operation(
        "translate_y",
        "geometric",
        lambda h, w, strength, rng: Geometric(ops.geometry((h, w), shift=(0.0, _signed(strength, rng)))),
    ),
)
