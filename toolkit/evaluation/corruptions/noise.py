"""Noise: `(image (h, w, 3) uint8, parameter, random numbers)` → image."""

from __future__ import annotations

import numpy as np

from toolkit import pixelops as ops


def white_noise(image: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Add normal noise of standard deviation `sd` grey levels to each value."""
    return ops.add(image, rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sd))


def impulse_noise(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Salt and pepper: `share` of the pixels, half of them black and half white."""
    drawn = rng.random(image.shape[:2], dtype=np.float32)
    changed = image.copy()
    changed[drawn < share / 2] = 0
    changed[drawn > 1 - share / 2] = 255
    return changed


def shot_noise(image: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """Count light: each value is Poisson with mean value / 255 · `photons`."""
    counts = rng.poisson(image / 255.0 * photons)
    return np.asarray(np.clip(np.rint(counts * (255.0 / photons)), 0, 255), np.uint8)


def speckle_noise(image: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply each value by 1 + normal noise of standard deviation `sd`: bright parts suffer most."""
    return ops.add(image, rng.standard_normal(image.shape, dtype=np.float32) * (np.float32(sd) * image))
