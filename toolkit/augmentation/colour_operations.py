"""Operations that change values and leave them where they are: tables, colour matrices, and histograms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.operations import Colour, Draw, Operation, Pointwise, Step, Whole
from toolkit.augmentation.randomness import Numbers

_ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
_INVERTED = np.arange(255, -1, -1).astype(np.uint8)


def whole(function: Callable[[np.ndarray], np.ndarray]) -> Draw:
    """An operation without strength that looks at the whole picture."""
    return lambda height, width, strength, own: Whole(function)


def _brightness(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(ops.brightness_table(0.5 * own.uniform(-strength, strength)))


def _contrast(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(ops.contrast_table(1 + 0.8 * own.uniform(-strength, strength)))


def _gamma(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(ops.gamma_table(2.5 ** own.uniform(-strength, strength)))


def _saturation(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Colour(ops.saturation_matrix(1 + own.uniform(-strength, strength)))


def _hue(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Colour(ops.hue_matrix(180 * own.uniform(-strength, strength)))


def _greyscale(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Colour(ops.saturation_matrix(1 - strength))


def _channel_shift(height: int, width: int, strength: float, own: Numbers) -> Step:
    offsets = [80 * own.uniform(-strength, strength) for _ in range(3)]
    return Colour(ops.channels_matrix([1.0, 1.0, 1.0], offsets))


def _channel_shuffle(height: int, width: int, strength: float, own: Numbers) -> Step:
    matrix = np.zeros((3, 4), np.float32)
    matrix[range(3), list(_ORDERS[own.integer(len(_ORDERS))])] = 1.0
    return Colour(matrix)


def _posterize(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(ops.posterize_table(8 - round(6 * strength)), smooth=False)


def _solarize(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(ops.solarize_table(256 - 256 * strength), smooth=False)


def _invert(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Pointwise(_INVERTED)


def _stretch(height: int, width: int, strength: float, own: Numbers) -> Step:
    # Report A's alpha 1.5 is strength 0.5.
    return Pointwise(ops.scale_table(1 + strength))


# Ranges at strength 1; below, in proportion.
COLOUR_OPERATIONS = (
    Operation("brightness", "colour", _brightness),  # ±0.5 of the range
    Operation("contrast", "colour", _contrast),  # factor 0.2–1.8 about middle grey
    Operation("gamma", "colour", _gamma),  # exponent 0.4–2.5
    Operation("saturation", "colour", _saturation),  # factor 0–2
    Operation("hue", "colour", _hue),  # ±180 degrees about the grey axis
    Operation("greyscale", "colour", _greyscale),  # wholly grey
    Operation("channel_shift", "colour", _channel_shift),  # each channel by ±80
    Operation("channel_shuffle", "colour", _channel_shuffle),
    Operation("posterize", "digital", _posterize),  # to 2 bits
    Operation("solarize", "colour", _solarize),  # everything inverted
    Operation("equalize", "colour", whole(ops.equalize)),
    Operation("autocontrast", "colour", whole(ops.autocontrast)),
    Operation("invert", "colour", _invert),
    Operation("stretch", "colour", _stretch),  # twice each value, clipped: OpenCV's convertScaleAbs
)
