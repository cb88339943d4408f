"""Foreign things over the picture: `(image (h, w, 3) uint8, parameter, random numbers)` → image."""

from __future__ import annotations

import cv2
import numpy as np

from toolkit import pixelops as ops

_SIDE = 96  # pixels of the canvas that text is drawn on
_WORDS = ("SAMPLE", "PREVIEW", "COPY", "STOCK", "DRAFT", "PROOF")


def overlay(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """`share` of a pattern of coloured shapes, as stickers and double exposures lie over a picture."""
    height, width = image.shape[:2]
    pattern = np.full_like(image, rng.integers(0, 256, 3))
    for _ in range(6):
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        down = int(rng.integers(height // 8, max(height // 2, height // 8 + 1)))
        across = int(rng.integers(width // 8, max(width // 2, width // 8 + 1)))
        pattern[top : top + down, left : left + across] = rng.integers(0, 256, 3)
    return ops.blend(image, pattern, share)


def watermark(image: np.ndarray, opacity: float, rng: np.random.Generator) -> np.ndarray:
    """A word in white with a dark rim, repeated aslant all over the picture, at `opacity` 0–1."""
    height, width = image.shape[:2]
    word = _WORDS[int(rng.integers(len(_WORDS)))]
    size, slant = rng.uniform(0.4, 0.55), rng.uniform(15, 40) * rng.choice([-1, 1])
    step, start = rng.uniform(20, 28), rng.uniform(0, 20)
    rim, text = np.zeros((2 * _SIDE, 2 * _SIDE), np.uint8), np.zeros((2 * _SIDE, 2 * _SIDE), np.uint8)
    for row, y in enumerate(np.arange(start, 2 * _SIDE, step)):
        place = (-20 * (row % 3), int(y))
        line = f"{word} " * 6
        cv2.putText(rim, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 3, cv2.LINE_AA)
        cv2.putText(text, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    # Turned on a canvas twice as large, so that no corner of the picture stays empty.
    turn = np.asarray(cv2.getRotationMatrix2D((_SIDE, _SIDE), slant, 1.0), np.float64)
    turn[:, 2] -= _SIDE / 2
    layers = [cv2.resize(cv2.warpAffine(layer, turn, (_SIDE, _SIDE)), (width, height), interpolation=cv2.INTER_AREA)
              for layer in (rim, text)]  # fmt: skip
    dark, light = (opacity * layer.astype(np.float32)[..., None] / 255 for layer in layers)
    shaded = image * (1 - 0.6 * dark)
    return np.asarray(np.rint(shaded + (255 - shaded) * light), np.uint8)
