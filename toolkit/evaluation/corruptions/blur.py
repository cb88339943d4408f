"""Blurs: `(image (h, w, 3) uint8, parameter, random numbers)` → image. Lengths are pixels of a picture of 96 pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np

from toolkit import pixelops as ops

_MOST_ZOOMS = 16


def gaussian_blur(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Blur by a Gaussian of standard deviation `sigma`."""
    return ops.gaussian_blur(image, sigma * _scale(image))


def defocus_blur(image: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Blur by a disk of `radius`, as a lens out of focus does."""
    radius *= _scale(image)
    reach = math.ceil(radius + 0.5)
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    # Pixels at the rim count by about the part that the disk covers, so that the blur grows smoothly.
    disk = np.clip(radius + 0.5 - np.hypot(down, across), 0, 1)
    return np.asarray(cv2.filter2D(image, -1, disk / disk.sum(), borderType=cv2.BORDER_REFLECT_101))


def motion_blur(image: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Blur along a line of `length` in a random direction."""
    return ops.motion_blur(image, length * _scale(image), rng.uniform(0, 180))


def zoom_blur(image: np.ndarray, zoom: float, rng: np.random.Generator) -> np.ndarray:
    """Average of enlargements from 1 to `zoom`, as when zooming or approaching during the exposure."""
    height, width = image.shape[:2]
    # At the border, neighbouring enlargements should not lie more than a pixel apart.
    count = min(_MOST_ZOOMS, max(2, math.ceil((zoom - 1) * max(height, width) / 2) + 1))
    total = np.zeros(image.shape, np.float32)
    for step in np.linspace(1, zoom, count):
        cv2.accumulate(ops.warp(image, ops.geometry((height, width), zoom=float(step))), total)
    return np.asarray(np.rint(total / count), np.uint8)


def _scale(image: np.ndarray) -> float:
    height, width = image.shape[:2]
    return float(min(height, width)) / 96
