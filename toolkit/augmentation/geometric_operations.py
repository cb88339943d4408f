"""Operations that move pixels. Each gives one matrix, so any number in a row costs one interpolation."""

from __future__ import annotations

from functools import partial

from toolkit import pixelops as ops
from toolkit.augmentation.operations import Geometric, Operation, Step
from toolkit.augmentation.randomness import Numbers

_MOST_DEGREES = 180.0
_MOST_SHIFT = 0.5
_MOST_ZOOM = 0.5
_MOST_SHEAR = 0.5
_MOST_CORNER = 0.25
_MOST_PADDING = 0.25


def _flip(height: int, width: int, strength: float, own: Numbers, *, horizontal: bool) -> Step:
    return Geometric(ops.geometry((height, width), flip=(horizontal, not horizontal)))


def _rotation(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Geometric(ops.geometry((height, width), angle=_MOST_DEGREES * own.uniform(-strength, strength)))


def _shift(height: int, width: int, strength: float, own: Numbers) -> Step:
    most = _MOST_SHIFT * strength
    return Geometric(ops.geometry((height, width), shift=(own.uniform(-most, most), own.uniform(-most, most))))


def _zoom(height: int, width: int, strength: float, own: Numbers) -> Step:
    most = _MOST_ZOOM * strength
    return Geometric(ops.geometry((height, width), zoom=own.uniform(1 - most, 1 + most)))


def _shear(height: int, width: int, strength: float, own: Numbers) -> Step:
    most = _MOST_SHEAR * strength
    return Geometric(ops.geometry((height, width), shear=(own.uniform(-most, most), own.uniform(-most, most))))


def _perspective(height: int, width: int, strength: float, own: Numbers) -> Step:
    most = _MOST_CORNER * strength
    return Geometric(ops.perspective((height, width), [own.uniform(-most, most) for _ in range(8)]))


def _crop(height: int, width: int, strength: float, own: Numbers) -> Step:
    # Padding by reflection, then a crop of the old size, is a shift by whole pixels: nothing is interpolated.
    across, down = round(_MOST_PADDING * strength * width), round(_MOST_PADDING * strength * height)
    x, y = own.integer(2 * across + 1) - across, own.integer(2 * down + 1) - down
    return Geometric(ops.geometry((height, width), shift=(x / width, y / height)))


# Ranges at strength 1; below, in proportion.
GEOMETRIC_OPERATIONS = (
    Operation("horizontal_flip", "geometric", partial(_flip, horizontal=True)),
    Operation("vertical_flip", "geometric", partial(_flip, horizontal=False)),
    Operation("rotation", "geometric", _rotation),  # ±180 degrees
    Operation("shift", "geometric", _shift),  # ±0.5 of width and of height
    Operation("zoom", "geometric", _zoom),  # 0.5–1.5
    Operation("shear", "geometric", _shear),  # ±0.5 along both axes
    Operation("perspective", "geometric", _perspective),  # corners by ±0.25 of the size
    Operation("crop", "geometric", _crop),  # padded by 0.25 of the size on each side
)
