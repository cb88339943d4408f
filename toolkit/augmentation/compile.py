"""Fusing steps: fewer passes over the pixels, and one interpolation instead of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.operations import Colour, Geometric, Pointwise, Step


def fuse(steps: Sequence[Step]) -> list[Step]:
    """Join consecutive steps of one kind into one.

    Tables are joined exactly. Matrices are joined without the rounding and clipping between them, so colours may differ
    from the unfused ones where those clip, and moved pixels are interpolated once instead of several times.

    Args:
        steps: In the order in which they act.
    """
    fused: list[Step] = []
    for step in steps:
        last = fused[-1] if fused else None
        if isinstance(last, Geometric) and isinstance(step, Geometric):
            fused[-1] = Geometric(step.matrix @ last.matrix)
        elif isinstance(last, Pointwise) and isinstance(step, Pointwise):
            fused[-1] = Pointwise(step.table[last.table])
        elif isinstance(last, Colour) and isinstance(step, Colour):
            fused[-1] = Colour((_square(step.matrix) @ _square(last.matrix))[:3].astype(np.float32))
        else:
            fused.append(step)
    return fused


def run(image: np.ndarray, steps: Sequence[Step]) -> np.ndarray:
    """Apply steps to a picture.

    Args:
        image: `(h, w, 3)` uint8; not changed.
        steps: In the order in which they act.

    Returns:
        `(h, w, 3)` uint8.
    """
    for step in steps:
        if isinstance(step, Geometric):
            image = ops.warp(image, step.matrix)
        elif isinstance(step, Pointwise):
            image = ops.look_up(image, step.table)
        elif isinstance(step, Colour):
            image = ops.transform_colours(image, step.matrix)
        else:
            image = step.function(image)
    return image


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix.astype(np.float64), [0.0, 0.0, 0.0, 1.0]])
