"""Weather: `(image (h, w, 3) uint8, parameter, random numbers)` → image.

Everything is drawn from random numbers, nothing from photographs, so the package needs no pictures of uncertain origin
and any size of picture works.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from toolkit import pixelops as ops

_ICE = np.array([222, 234, 246], np.float32)
_SNOW = np.array([244, 246, 250], np.float32)
_RAIN = np.array([206, 214, 222], np.float32)
_RAIN_SKY = np.array([104, 110, 118], np.float32)
_SIDE = 96  # pixels of the canvas that crystals, flakes and streaks are drawn on
_SHIFT = 4  # bits of sub-pixel position for OpenCV's lines


def fog(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Lay clouds of a light grey over the picture, `share` of them."""
    height, width = image.shape[:2]
    grey = (180 + 75 * _clouds(height, width, rng)).astype(np.uint8)
    return ops.blend(image, np.repeat(grey[..., None], 3, axis=-1), share)


def frost(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Ice crystals that grow inwards from the border, on a veil of ice; `amount` 0–1 covers up to that much."""
    height, width = image.shape[:2]
    crystals = _fit(_crystals(rng), height, width)
    down, across = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    border = np.maximum(np.abs(down)[:, None], np.abs(across)[None, :])  # 0 in the middle, 1 at the border
    veil = 0.35 + 0.65 * _clouds(height, width, rng)
    cover = amount * np.clip((0.3 + 0.7 * border**2) * veil + 0.8 * crystals * (0.35 + 0.65 * border), 0, 1)
    return _lay(image, _ICE, cover)


def snow(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Flakes, streaked by the wind, before a scene that is whitened by snow in the air; more with `amount` 0–1."""
    height, width = image.shape[:2]
    flakes = np.zeros((_SIDE, _SIDE), np.uint8)
    angle = math.radians(rng.uniform(50, 130))
    wind = np.array([math.cos(angle), math.sin(angle)])
    # Near flakes are few, large and long; far ones many, small and short.
    for thickness, count, length in ((1, 190, 3.0), (2, 60, 5.0), (3, 18, 7.0)):
        number = max(1, round(count * amount))
        start = rng.uniform(-8, _SIDE + 8, (number, 2))
        _lines(flakes, start, start + wind * length * rng.uniform(0.6, 1.3, (number, 1)), thickness, 255)
    cover = _fit(cv2.GaussianBlur(flakes, (0, 0), 0.6).astype(np.float32) / 255, height, width)
    air = 0.45 * amount * (0.6 + 0.4 * _clouds(height, width, rng))
    return _lay(image, _SNOW, np.maximum(0.92 * cover, air))


def rain(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Streaks of rain, all in one direction, before a scene that is greyer and darker; more with `amount` 0–1."""
    height, width = image.shape[:2]
    streaks = np.zeros((_SIDE, _SIDE), np.uint8)
    angle = math.radians(rng.uniform(65, 115))
    fall = np.array([math.cos(angle), math.sin(angle)])
    for value, count, length in ((255, 45, 17.0), (150, 110, 9.0)):  # near drops, then far ones
        number = max(1, round(count * amount))
        start = rng.uniform(-12, _SIDE + 12, (number, 2))
        _lines(streaks, start, start + fall * length * rng.uniform(0.7, 1.3, (number, 1)), 1, value)
    cover = _fit(cv2.GaussianBlur(streaks, (0, 0), 0.5).astype(np.float32) / 255, height, width)
    dim = np.rint(image + (_RAIN_SKY - image) * (0.4 * amount)).astype(np.float32)
    return _lay(dim, _RAIN, (0.35 + 0.5 * amount) * np.minimum(1.5 * cover, 1))


def _lay(image: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Lay a colour `(3,)` over the picture where `cover` `(h, w)`, 0–1, says."""
    return np.asarray(np.rint(image + (colour - image) * cover[..., None]), np.uint8)


def _clouds(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A pattern `(h, w)` float32, 0–1, with structure of all sizes."""
    total = np.zeros((height, width), np.float32)
    for cells in (2, 4, 8, 16):
        coarse = rng.random((cells + 1, cells + 1), dtype=np.float32)
        rows, columns = np.linspace(0, cells, height), np.linspace(0, cells, width)
        top, left = np.minimum(rows.astype(int), cells - 1), np.minimum(columns.astype(int), cells - 1)
        down, right = (rows - top)[:, None], (columns - left)[None, :]
        upper = coarse[top][:, left] * (1 - right) + coarse[top][:, left + 1] * right
        lower = coarse[top + 1][:, left] * (1 - right) + coarse[top + 1][:, left + 1] * right
        total += (upper * (1 - down) + lower * down) / cells
    return np.asarray((total - total.min()) / max(float(np.ptp(total)), 1e-6), np.float32)


def _crystals(rng: np.random.Generator, needles: int = 34, barbs: int = 9) -> np.ndarray:
    """Feathers of ice `(_SIDE, _SIDE)` float32, 0–1: needles from the border, with barbs at the 60° of ice."""
    canvas = np.zeros((_SIDE, _SIDE), np.uint8)
    around = rng.uniform(0, 2 * math.pi, needles)
    direction = np.stack([np.cos(around), np.sin(around)], axis=-1)
    start = _SIDE / 2 + direction / np.abs(direction).max(axis=-1, keepdims=True) * _SIDE / 2
    inwards = around + math.pi + rng.uniform(-0.8, 0.8, needles)
    length = _SIDE * rng.uniform(0.12, 0.45, needles)
    end = start + length[:, None] * np.stack([np.cos(inwards), np.sin(inwards)], axis=-1)
    _lines(canvas, start, end, 1, 255)
    along = rng.uniform(0.1, 0.95, (needles, barbs, 1))
    root = start[:, None] + along * (end - start)[:, None]
    turned = inwards[:, None] + math.pi / 3 * rng.choice([-1, 1], (needles, barbs))
    reach = (length[:, None] * 0.35)[..., None] * (1 - along) * rng.uniform(0.5, 1, (needles, barbs, 1))
    tip = root + reach * np.stack([np.cos(turned), np.sin(turned)], axis=-1)
    _lines(canvas, root.reshape(-1, 2), tip.reshape(-1, 2), 1, 215)
    return cv2.GaussianBlur(canvas, (0, 0), 0.5).astype(np.float32) / 255


def _lines(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, thickness: int, value: int) -> None:
    """Draw n smooth lines between points `(n, 2)`, x before y, in pixels."""
    ends = np.rint(np.stack([start, end], axis=1) * (1 << _SHIFT)).astype(np.int32)  # (n, 2 ends, 2)
    cv2.polylines(canvas, list(ends), False, value, thickness, cv2.LINE_AA, _SHIFT)


def _fit(pattern: np.ndarray, height: int, width: int) -> np.ndarray:
    method = cv2.INTER_AREA if min(height, width) < _SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pattern, (width, height), interpolation=method))
