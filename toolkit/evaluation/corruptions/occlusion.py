"""Hidden parts: `(image (h, w, 3) uint8, parameter, random numbers)` → image."""

from __future__ import annotations

import math

import cv2
import numpy as np

from toolkit import pixelops as ops

_SHIFT = 4  # bits of sub-pixel position for OpenCV's circles
_FINE = 1 << _SHIFT


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


def spots(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Cover the picture with round spots, each in a random grey, whose areas sum to `share` of it; they may overlap."""
    height, width = image.shape[:2]
    parts = rng.dirichlet(np.full(int(rng.integers(5, 10)), 4.0))
    covered = image.copy()
    for part in parts:
        centre = int(rng.uniform(0, width) * _FINE), int(rng.uniform(0, height) * _FINE)
        radius = math.sqrt(share * part * height * width / math.pi)
        grey = int(rng.integers(0, 256))
        cv2.circle(covered, centre, round(radius * _FINE), (grey,) * 3, cv2.FILLED, cv2.LINE_8, _SHIFT)
    return covered
