"""Grey thumbnails of pictures, and the filters that look at their detail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

COARSE, FINE, COLOUR = 32, 48, 16  # sides in pixels
DETAIL = 1 / 14  # width of the high-pass filter, of the side


@dataclass(frozen=True)
class Thumbnails:
    """Grey thumbnails of n pictures.

    Attributes:
        coarse: `(n, 32, 32)` uint8.
        fine: `(n, 48, 48)` uint8.
    """

    coarse: np.ndarray
    fine: np.ndarray


def make_thumbnail(image: np.ndarray, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shrink one picture.

    Args:
        image: uint8 RGB `(h, w, 3)`.
        grey: The same, uint8 `(h, w)`.

    Returns:
        Grey `(32, 32)` and `(48, 48)`, and RGB `(16, 16, 3)`, all uint8.
    """
    fine = _shrink(grey, FINE)
    coarse = _shrink(grey, COARSE)
    colour = cv2.resize(image, (COLOUR, COLOUR), interpolation=cv2.INTER_AREA)
    return coarse, fine, colour


def _shrink(grey: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA))


def make_thumbnails(images: np.ndarray) -> Thumbnails:
    """Shrink uint8 RGB pictures `(m, h, w, 3)`."""
    found = Thumbnails(np.empty((len(images), COARSE, COARSE), np.uint8), np.empty((len(images), FINE, FINE), np.uint8))
    for row, image in enumerate(images):
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found.coarse[row], found.fine[row] = _shrink(grey, COARSE), _shrink(grey, FINE)
    return found


def high_pass(pictures: np.ndarray) -> np.ndarray:
    """Subtract from each picture its Gaussian mean, a fourteenth of the side wide.

    Args:
        pictures: `(m, s, s)`.

    Returns:
        `(m, s, s)` float32.
    """
    pictures = pictures.astype(np.float32, copy=False)
    return np.asarray(pictures - blur(pictures, DETAIL))


def blur(pictures: np.ndarray, width: float) -> np.ndarray:
    """Gaussian means that look at no pixel outside the frame.

    Args:
        pictures: `(m, s, s)` float32.
        width: Standard deviation, of the side.

    Returns:
        `(m, s, s)` float32.
    """
    ones = np.ones((1, *pictures.shape[1:]), np.float32)
    return np.ascontiguousarray(blur_sums(pictures, width) / blur_sums(ones, width))


def blur_sums(pictures: np.ndarray, width: float) -> np.ndarray:
    """Unnormalised Gaussian sums; two large matrix products are faster here than many small filters."""
    side = pictures.shape[1]
    kernel = _gaussian(side, width)
    across = (pictures.reshape(-1, side) @ kernel).reshape(-1, side, side)
    down = np.ascontiguousarray(across.transpose(0, 2, 1)).reshape(-1, side) @ kernel
    return np.asarray(down.reshape(-1, side, side).transpose(0, 2, 1))


@lru_cache
def _gaussian(side: int, width: float) -> np.ndarray:
    places = np.arange(side)
    kernel = np.exp(-0.5 * ((places[:, None] - places[None]) / (width * side)) ** 2)
    return np.where(kernel > 1e-7, kernel, 0).astype(np.float32)  # numbers near the smallest are slow to multiply
