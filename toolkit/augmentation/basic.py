"""Report A's first and second approach: one move, one colour matrix and one table a picture."""

from __future__ import annotations

from toolkit import pixelops as ops
from toolkit.augmentation.operations import Colour, Geometric, Pointwise, Step
from toolkit.augmentation.randomness import Numbers

BASIC_FAMILIES = {
    "geometric": ("horizontal_flip", "vertical_flip", "rotation", "zoom", "shift"),
    "colour": ("brightness", "contrast", "saturation", "stretch"),
}


def draw_basic(
    height: int,
    width: int,
    own: Numbers,
    *,
    horizontal_flip: bool,
    vertical_flip: bool,
    rotation: float,
    zoom: float,
    shift: float,
    brightness: float,
    contrast: float,
    saturation: float,
    stretch: float,
) -> list[Step]:
    """Steps of one picture; arguments as in `policies.basic_policy`.

    All numbers are drawn in one order whatever is switched off, so that a setting changes nothing but itself.
    """
    moved = ops.geometry(
        (height, width),
        angle=own.uniform(-rotation, rotation),
        zoom=own.uniform(1 - zoom, 1 + zoom),
        shift=(own.uniform(-shift, shift), own.uniform(-shift, shift)),
        flip=(own.chance(0.5) and horizontal_flip, own.chance(0.5) and vertical_flip),
    )
    colour = ops.saturation_matrix(own.uniform(1 - saturation, 1 + saturation))
    factor, amount = own.uniform(1 - contrast, 1 + contrast), own.uniform(-brightness, brightness)
    steps: list[Step] = []
    if horizontal_flip or vertical_flip or rotation or zoom or shift:
        steps.append(Geometric(moved))
    if saturation:
        steps.append(Colour(colour))
    if brightness or contrast:
        steps += [Pointwise(ops.contrast_table(factor)), Pointwise(ops.brightness_table(amount))]
    if own.chance(stretch):
        steps.append(Pointwise(ops.scale_table(1.5)))
    return steps
