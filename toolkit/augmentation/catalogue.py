"""All operations by name, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.augmentation.colour_operations import COLOUR_OPERATIONS
from toolkit.augmentation.geometric_operations import GEOMETRIC_OPERATIONS
from toolkit.augmentation.operations import Operation
from toolkit.augmentation.texture_operations import TEXTURE_OPERATIONS
from toolkit.errors import ConfigError, suggest

OPERATIONS = {row.name: row for row in (*GEOMETRIC_OPERATIONS, *COLOUR_OPERATIONS, *TEXTURE_OPERATIONS)}
# The policy some_of chooses from these: everything that leaves a subject recognisable at full strength, and nothing
# that belongs to the held-out corruptions.
SIXTEEN = (
    "rotation", "shift", "zoom", "shear", "perspective", "brightness", "contrast", "gamma", "saturation", "hue",
    "greyscale", "channel_shift", "gaussian_noise", "blur", "sharpen", "cutout",
)  # fmt: skip
# TrivialAugment's wide space without identity, which the policy adds (Müller & Hutter 2021, table 5).
TRIVIAL = (
    "rotation", "shift", "shear", "brightness", "contrast", "saturation", "sharpen", "posterize", "solarize",
    "equalize", "autocontrast",
)  # fmt: skip
# AugMix without operations that resemble corruptions (Hendrycks et al. 2019, section 3).
AUGMIX = ("autocontrast", "equalize", "posterize", "rotation", "solarize", "shear", "shift")


def find_operations(names: Sequence[str]) -> tuple[Operation, ...]:
    """The operations of these names, in their order.

    Raises:
        ConfigError: An unknown name; the nearest known one is named.
    """
    for name in names:
        if name not in OPERATIONS:
            raise ConfigError(f"There is no operation called {name!r}{suggest(name, OPERATIONS)}")
    return tuple(OPERATIONS[name] for name in names)
