"""Foreign things over the picture: `(image (h, w, 3) uint8, parameter, random numbers)` → image."""

from __future__ import annotations

import math

import cv2
import numpy as np

from toolkit import pixelops as ops

_SIDE = 96  # pixels of the canvas that text and scratches are drawn on
_SHIFT = 4  # bits of sub-pixel position for OpenCV's lines
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


def scratches(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Bright scratches, dark hairs and dust, as on an old print or a dirty slide; more and denser with `amount` 0–1."""
    height, width = image.shape[:2]
    layers = []
    for lines, grains in ((9, 26), (6, 18)):  # bright, then dark
        canvas = np.zeros((_SIDE, _SIDE), np.uint8)
        for _ in range(max(1, round(lines * amount))):
            cv2.polylines(canvas, [_hair(rng)], False, 255, 1, cv2.LINE_AA, _SHIFT)
        for x, y, radius in rng.uniform((0, 0, 0.4), (_SIDE, _SIDE, 1.5), (round(grains * amount), 3)) * (1 << _SHIFT):
            cv2.circle(canvas, (int(x), int(y)), int(radius), 255, cv2.FILLED, cv2.LINE_AA, _SHIFT)
        method = cv2.INTER_AREA if min(height, width) < _SIDE else cv2.INTER_LINEAR
        fitted = cv2.resize(canvas, (width, height), interpolation=method)
        layers.append((0.55 + 0.4 * amount) * fitted.astype(np.float32)[..., None] / 255)
    bright, dark = layers
    lit = image + (250 - image.astype(np.float32)) * bright
    return np.asarray(np.rint(lit + (25 - lit) * dark), np.uint8)


def _hair(rng: np.random.Generator, bends: int = 12) -> np.ndarray:
    """A gently bent line `(bends, 2)` int32 across the canvas, x before y, in fractions of a pixel."""
    heading = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 0.13, bends))
    steps = rng.uniform(3, 8) * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    points = rng.uniform(0, _SIDE, 2) + np.cumsum(steps, axis=0)
    return np.asarray(np.rint(points * (1 << _SHIFT)), np.int32)
