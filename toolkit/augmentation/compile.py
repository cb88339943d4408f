"""Fusing steps: fewer passes over the pixels, and one interpolation instead of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.operations import Colour, Geometric, Pointwise, Step


def fuse(steps: Sequence[Step]) -> list[Step]:
    """Join steps of one kind into one.

    Tables are joined exactly. Matrices are joined without the rounding and clipping between them, so colours may differ
    from the unfused ones where those clip. A move is drawn forward past colour matrices and smooth tables to the move
    before it: interpolating before or after them differs by rounding, and where values clip. Moved pixels are then
    interpolated once instead of several times, and mirrored once at the border.

    Args:
        steps: In the order in which they act.
    """
    fused: list[Step] = []
    for step in steps:
        at = _earlier_move(fused) if isinstance(step, Geometric) else len(fused) - 1
        last = fused[at] if at >= 0 else None
        if isinstance(last, Geometric) and isinstance(step, Geometric):
            fused[at] = Geometric(step.matrix @ last.matrix)
        elif isinstance(last, Pointwise) and isinstance(step, Pointwise):
            fused[at] = Pointwise(step.table[last.table], step.smooth and last.smooth)
        elif isinstance(last, Colour) and isinstance(step, Colour):
            fused[at] = Colour((_square(step.matrix) @ _square(last.matrix))[:3].astype(np.float32))
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


def _earlier_move(steps: Sequence[Step]) -> int:
    """Where the last move stands that a new one can join; −1: nowhere."""
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        if isinstance(step, Geometric):
            return index
        if not (isinstance(step, Colour) or (isinstance(step, Pointwise) and step.smooth)):
            return -1
    return -1


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix.astype(np.float64), [0.0, 0.0, 0.0, 1.0]])
