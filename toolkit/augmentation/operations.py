"""What an operation does to a picture, as data: a matrix, a table, or a function where neither is enough.

Drawing an operation gives a step; steps of one kind are fused before any pixel is touched (`compile`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from toolkit.augmentation.randomness import Numbers


@dataclass(frozen=True)
class Geometric:
    """Moves pixels by a `(3, 3)` matrix; what comes from outside the picture is its mirror image."""

    matrix: np.ndarray


@dataclass(frozen=True)
class Pointwise:
    """Replaces each value by its entry in a `(256,)` uint8 table.

    Attributes:
        table: The entries.
        smooth: Whether neighbouring values stay neighbours, so that interpolating before or after is nearly the same.
    """

    table: np.ndarray
    smooth: bool = True


@dataclass(frozen=True)
class Colour:
    """Mixes the channels of each pixel by a `(3, 4)` matrix."""

    matrix: np.ndarray


@dataclass(frozen=True)
class Whole:
    """Looks at the whole picture, such as equalising its histogram: `(h, w, 3)` uint8 → the same."""

    function: Callable[[np.ndarray], np.ndarray]


Step = Geometric | Pointwise | Colour | Whole
Draw = Callable[[int, int, float, Numbers], Step]


@dataclass(frozen=True)
class Operation:
    """A named operation.

    Attributes:
        name: In configs.
        family: Family of the corruptions that it resembles; such corruptions flatter a model trained with it.
        draw: `(height, width, strength 0–1, random numbers)` → step. Strength 0 leaves the picture as it is, except
            for operations without strength: flips, equalising and the like.
        held_out: The held-out corruption that it is, such as impulse_noise; empty: none.
    """

    name: str
    family: str
    draw: Draw = field(repr=False)
    held_out: str = ""
