"""Changed colours: `(image (h, w, 3) uint8, parameter, random numbers)` → image."""

from __future__ import annotations

import math

import numpy as np

from toolkit import pixelops as ops


def brightness(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Add or subtract `amount` × 255."""
    return ops.look_up(image, ops.brightness_table(amount * rng.choice([-1, 1])))


def contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply each value's distance from the picture's mean by `factor`."""
    return ops.look_up(image, ops.contrast_table(factor, float(image.mean())))


def saturation(image: np.ndarray, change: float, rng: np.random.Generator) -> np.ndarray:
    """Weaken colours to 1 − `change` or strengthen them to 1 + 2 · `change`."""
    return ops.transform_colours(image, ops.saturation_matrix(1 + change * rng.choice([-1, 2])))


def hue(image: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Turn hues about the grey axis, either way."""
    return ops.transform_colours(image, ops.hue_matrix(degrees * rng.choice([-1, 1])))


def greyscale(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Take away `share` of the colour."""
    return ops.transform_colours(image, ops.saturation_matrix(1 - share))


def colour_cast(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Wrong white balance: channels are multiplied by exp(`strength` · a random direction that keeps their product)."""
    angle = rng.uniform(0, 2 * math.pi)
    red, green, blue = (math.exp(strength * math.cos(angle + turn * 2 * math.pi / 3)) for turn in range(3))
    matrix = np.array([[red, 0, 0, 0], [0, green, 0, 0], [0, 0, blue, 0]], np.float32)
    return ops.transform_colours(image, matrix)
