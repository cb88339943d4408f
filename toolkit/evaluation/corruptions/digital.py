"""What storing does: `(image (h, w, 3) uint8, parameter, random numbers)` → image."""

from __future__ import annotations

import numpy as np

from toolkit import pixelops as ops


def jpeg(image: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    """Through JPEG at `quality` 1–100 and back."""
    return ops.jpeg(image, quality)


def pixelate(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Down to `share` of the size and up again in blocks."""
    return ops.pixelate(image, share)


def posterize(image: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    """Keep the highest `bits` bits of each value."""
    return ops.look_up(image, ops.posterize_table(bits))
