"""All corruptions: their families, and what severities 1 to 5 mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.errors import ConfigError
from toolkit.evaluation.corruptions import blur, colour, digital, geometric, noise, occlusion, overlay, weather

ALL = "all"


@dataclass(frozen=True)
class Corruption:
    """One way to corrupt a picture.

    Attributes:
        name: As in the config.
        family: noise, blur, digital, weather, geometric, colour, occlusion or overlay.
        severities: Parameter of severities 1 to 5.
        change: `(image (h, w, 3) uint8, parameter, random numbers)` → image of the same shape; the given one stays.
    """

    name: str
    family: str
    severities: tuple[Any, ...]
    change: Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]


CORRUPTIONS = {
    row.name: row
    for row in (
        # Report A's local test: white noise; severity 3 has a standard deviation of 25 grey levels.
        Corruption("white_noise", "noise", (8, 16, 25, 36, 50), noise.white_noise),
        Corruption("impulse_noise", "noise", (0.01, 0.03, 0.06, 0.1, 0.17), noise.impulse_noise),
        Corruption("shot_noise", "noise", (200, 80, 40, 20, 10), noise.shot_noise),
        Corruption("speckle_noise", "noise", (0.08, 0.15, 0.24, 0.36, 0.5), noise.speckle_noise),
        Corruption("gaussian_blur", "blur", (0.7, 1.1, 1.6, 2.3, 3.2), blur.gaussian_blur),
        Corruption("defocus_blur", "blur", (1.0, 1.7, 2.5, 3.6, 5.0), blur.defocus_blur),
        Corruption("motion_blur", "blur", (3, 5, 8, 11, 15), blur.motion_blur),
        Corruption("zoom_blur", "blur", (1.05, 1.1, 1.16, 1.24, 1.34), blur.zoom_blur),
        Corruption("jpeg", "digital", (50, 30, 18, 12, 7), digital.jpeg),
        Corruption("pixelate", "digital", (0.7, 0.55, 0.42, 0.32, 0.25), digital.pixelate),
        Corruption("posterize", "digital", (5, 4, 3, 2, 1), digital.posterize),
        Corruption("fog", "weather", (0.2, 0.35, 0.5, 0.62, 0.75), weather.fog),
        Corruption("frost", "weather", (0.3, 0.45, 0.6, 0.78, 0.95), weather.frost),
        Corruption("snow", "weather", (0.2, 0.38, 0.58, 0.8, 1.0), weather.snow),
        Corruption("rain", "weather", (0.2, 0.38, 0.58, 0.8, 1.0), weather.rain),
        Corruption(
            "rotate_shift_zoom",
            "geometric",
            ((8, 0.04, 0.06), (15, 0.07, 0.1), (25, 0.1, 0.16), (35, 0.14, 0.22), (45, 0.18, 0.3)),
            geometric.rotate_shift_zoom,
        ),
        Corruption("perspective", "geometric", (0.03, 0.06, 0.09, 0.13, 0.17), geometric.perspective),
        Corruption("elastic", "geometric", (0.006, 0.011, 0.017, 0.025, 0.035), geometric.elastic),
        Corruption("brightness", "colour", (0.08, 0.15, 0.22, 0.3, 0.4), colour.brightness),
        Corruption("contrast", "colour", (0.75, 0.6, 0.45, 0.32, 0.2), colour.contrast),
        Corruption("saturation", "colour", (0.3, 0.5, 0.7, 0.85, 1.0), colour.saturation),
        Corruption("hue", "colour", (10, 20, 35, 55, 80), colour.hue),
        Corruption("greyscale", "colour", (0.2, 0.4, 0.6, 0.8, 1.0), colour.greyscale),
        Corruption("colour_cast", "colour", (0.06, 0.12, 0.2, 0.3, 0.42), colour.colour_cast),
        Corruption("cutout", "occlusion", (0.2, 0.3, 0.4, 0.5, 0.6), occlusion.cutout),
        Corruption("grid", "occlusion", (0.1, 0.18, 0.28, 0.4, 0.52), occlusion.grid),
        Corruption("spots", "occlusion", (0.08, 0.16, 0.26, 0.38, 0.52), occlusion.spots),
        Corruption("overlay", "overlay", (0.15, 0.25, 0.35, 0.45, 0.55), overlay.overlay),
        Corruption("watermark", "overlay", (0.2, 0.35, 0.5, 0.7, 0.9), overlay.watermark),
        Corruption("scratches", "overlay", (0.2, 0.38, 0.58, 0.8, 1.0), overlay.scratches),
    )
}


def select(names: Iterable[str]) -> list[Corruption]:
    """The corruptions of these names, each once; the name of a family stands for all of it, `all` for every one.

    `overlay` is a corruption as well as a family; it names the corruption alone.

    Raises:
        ConfigError: An unknown name; all known ones are listed.
    """
    chosen: list[Corruption] = []
    for name in names:
        if name == ALL:
            chosen += CORRUPTIONS.values()
            continue
        family = [row for row in CORRUPTIONS.values() if row.family == name]
        if name not in CORRUPTIONS and not family:
            families = dict.fromkeys(row.family for row in CORRUPTIONS.values())
            raise ConfigError(
                f"There is no corruption {name!r}; known: {', '.join(CORRUPTIONS)}; the families "
                f"{', '.join(families)}; and {ALL}."
            )
        chosen += [CORRUPTIONS[name]] if name in CORRUPTIONS else family
    return list({row.name: row for row in chosen}.values())
