"""What an operation does to a picture, as data: a matrix, a table, or a function where neither is enough.

Drawing an operation gives a step; consecutive steps of one kind are fused before any pixel is touched (`compile`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.randomness import Numbers


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
        draw: `(height, width, strength 0–1, random numbers)` → step.
    """

    name: str
    family: str
    draw: Callable[[int, int, float, Numbers], Step] = field(repr=False)


def _whole(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[int, int, float, Numbers], Step]:
    return lambda height, width, strength, numbers: Whole(function)


def _solarize(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    return Pointwise(ops.solarize_table(255 - 255 * strength, 110 * strength))


def _colour(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    # keras-cv's colour degeneration: 0 leaves the picture, 1 makes it grey.
    return Colour(ops.saturation_matrix(1 - strength))


def _contrast(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    return Whole(partial(ops.contrast, factor=1 + numbers.uniform(-strength, strength)))


def _brightness(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    return Pointwise(ops.brightness_table(numbers.uniform(-strength, strength)))


def _shear_x(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    return Geometric(ops.geometry((height, width), shear=(strength * numbers.sign(), 0.0)))


def _shear_y(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    return Geometric(ops.geometry((height, width), shear=(0.0, strength * numbers.sign())))


def _translate_x(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    return Geometric(ops.geometry((height, width), shift=(numbers.uniform(-strength, strength), 0.0)))


def _translate_y(height: int, width: int, strength: float, numbers: Numbers) -> Step:
    return Geometric(ops.geometry((height, width), shift=(0.0, numbers.uniform(-strength, strength))))


# Operations and ranges of keras-cv's RandAugment, so that a magnitude means the same in both engines; but pictures are
# sheared about their centre, where keras-cv holds the upper left corner. `strength` is already drawn around the
# magnitude and clipped to 0–1 by the policy.
RAND_AUGMENT = (
    Operation("autocontrast", "colour", _whole(ops.autocontrast)),
    Operation("equalize", "colour", _whole(ops.equalize)),
    Operation("solarize", "colour", _solarize),
    Operation("colour", "colour", _colour),
    Operation("contrast", "colour", _contrast),
    Operation("brightness", "colour", _brightness),
    Operation("shear_x", "geometric", _shear_x),
    Operation("shear_y", "geometric", _shear_y),
    Operation("translate_x", "geometric", _translate_x),
    Operation("translate_y", "geometric", _translate_y),
)
