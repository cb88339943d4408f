"""Moved pixels: `(image (h, w, 3) uint8, parameter, random numbers)` → image. What comes from outside is reflected."""

from __future__ import annotations

import cv2
import numpy as np

from toolkit import pixelops as ops


def rotate_shift_zoom(image: np.ndarray, limits: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Rotate by up to a number of degrees, shift and zoom by up to a share of the size."""
    angle, shift, zoom = limits
    matrix = ops.geometry(
        (image.shape[0], image.shape[1]),
        angle=rng.uniform(-angle, angle),
        shift=(rng.uniform(-shift, shift), rng.uniform(-shift, shift)),
        zoom=rng.uniform(1 - zoom, 1 + zoom),
    )
    return ops.warp(image, matrix)


def perspective(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """See the picture from aside: each corner moves by a half to the whole of `share` of the size, to any side."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    moves = share * rng.uniform(0.5, 1, (4, 2)) * rng.choice([-1, 1], (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + moves).astype(np.float32))
    return np.asarray(
        cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    )


def elastic(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Bend the picture as if drawn on rubber: smooth moves by about `share` of the size (Simard et al. 2003)."""
    height, width = image.shape[:2]
    coarse = rng.uniform(-1, 1, (6, 6, 2)).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    field *= 2 * share * min(height, width)
    across = field[..., 0] + np.arange(width, dtype=np.float32)
    down = field[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
