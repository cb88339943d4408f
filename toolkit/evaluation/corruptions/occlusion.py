"""Hidden parts: `(image (h, w, 3) uint8, parameter, random numbers)` → image."""

from __future__ import annotations

import math

import numpy as np

from toolkit import pixelops as ops


def cutout(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Fill a rectangle with sides of `share` of the picture's, anywhere, with a random grey (arXiv 1708.04552)."""
    height, width = image.shape[:2]
    down, across = round(height * share), round(width * share)
    top, left = (
        int(rng.integers(-(down // 2), height - down // 2)),
        int(rng.integers(-(across // 2), width - across // 2)),
    )
    return ops.fill(image, top, left, down, across, int(rng.integers(0, 256)))


def grid(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Cover `share` of the picture with the bars of a grid in a random grey (compare GridMask, arXiv 2001.04086)."""
    height, width = image.shape[:2]
    pitch = max(3.0, min(height, width) * rng.uniform(0.2, 0.34))
    bar = pitch * (1 - math.sqrt(1 - share))
    rows = (np.arange(height) + rng.uniform(0, pitch)) % pitch < bar
    columns = (np.arange(width) + rng.uniform(0, pitch)) % pitch < bar
    covered = image.copy()
    value = int(rng.integers(0, 256))
    covered[rows] = value
    covered[:, columns] = value
    return covered
