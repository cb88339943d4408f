"""Policies: which operations a training picture goes through.

What happens to a picture is a function of (seed, epoch, view, image id): two epochs differ, and neither the order of
the pictures nor the number of threads matters.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.compile import fuse, run
from toolkit.augmentation.operations import RAND_AUGMENT, Colour, Geometric, Pointwise, Step
from toolkit.augmentation.randomness import Numbers, numbers
from toolkit.errors import ConfigError

_Draw = Callable[[int, int, Numbers], list[Step]]


@dataclass(frozen=True)
class Policy:
    """Varies pictures.

    Attributes:
        name: As in the config.
        family_names: Families of corruptions that it resembles.
        draw: `(height, width, random numbers)` → steps for one picture.
    """

    name: str
    family_names: frozenset[str]
    draw: _Draw

    def __call__(
        self, images: np.ndarray, image_ids: Sequence[str], *, seed: int, epoch: int, view: int = 0
    ) -> np.ndarray:
        """Vary pictures.

        Args:
            images: `(n, h, w, 3)` uint8 RGB; not changed.
            image_ids: n names.
            seed: Of the training.
            epoch: Counted from 0.
            view: Number of the view, where several are made in one epoch.

        Returns:
            `(n, h, w, 3)` uint8.
        """
        height, width = images.shape[1:3]
        varied = np.empty_like(images)
        for index, own in enumerate(numbers(seed, epoch, view, image_ids)):
            varied[index] = run(images[index], fuse(self.draw(height, width, own)))
        return varied

    def families(self) -> frozenset[str]:
        """Families of corruptions that it resembles."""
        return self.family_names


def no_policy() -> Policy:
    """Leave pictures as they are."""
    return Policy("none", frozenset(), lambda height, width, own: [])


def basic_policy(
    horizontal_flip: bool = True,
    vertical_flip: bool = False,
    rotation: float = 15.0,
    zoom: float = 0.1,
    shift: float = 0.1,
    brightness: float = 0.2,
    contrast: float = 0.2,
    saturation: float = 0.2,
    stretch: float = 0.0,
) -> Policy:
    """Report A's first and second approach: flips, rotation, zoom, shift; brightness, contrast, saturation, stretch.

    Args:
        horizontal_flip: Mirror left and right, for half of the pictures.
        vertical_flip: Mirror top and bottom, for half of the pictures.
        rotation: Largest rotation in degrees.
        zoom: Largest zoom in and out, as a share.
        shift: Largest shift, as a share of the size.
        brightness: Largest change, as a share of 255.
        contrast: Largest change of the factor.
        saturation: Largest change of the factor.
        stretch: Probability of `convertScaleAbs(alpha=1.5, beta=0)`.

    Raises:
        ConfigError: A setting out of its range.
    """
    _check(180.0, rotation=rotation)
    # At 1 the picture could shrink to nothing.
    _check(math.nextafter(1, 0), zoom=zoom)
    _check(1.0, shift=shift, brightness=brightness, contrast=contrast, saturation=saturation, stretch=stretch)
    moves = bool(horizontal_flip or vertical_flip or rotation or zoom or shift)

    # The dimensions are drawn in one order whatever is switched off, so that a setting changes nothing but itself.
    def draw(height: int, width: int, own: Numbers) -> list[Step]:
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
        if moves:
            steps.append(Geometric(moved))
        if saturation:
            steps.append(Colour(colour))
        if brightness or contrast:
            steps += [Pointwise(ops.contrast_table(factor)), Pointwise(ops.brightness_table(amount))]
        if own.chance(stretch):
            steps.append(Pointwise(ops.scale_table(1.5)))
        return steps

    families = {"geometric": moves, "colour": bool(brightness or contrast or saturation or stretch)}
    return Policy("basic", frozenset(name for name, used in families.items() if used), draw)


def rand_augment_policy(
    magnitude: float = 0.32, operations: int = 5, rate: float = 10 / 11, magnitude_stddev: float = 0.15
) -> Policy:
    """RandAugment (Cubuk et al. 2020, arXiv 1909.13719), drawn for each picture, with report A's settings as defaults.

    Args:
        magnitude: Mean strength of an operation, 0–1.
        operations: Operations drawn for a picture.
        rate: Probability that a drawn operation is applied.
        magnitude_stddev: Standard deviation of the strength.

    Raises:
        ConfigError: A setting out of its range.
    """
    _check(1.0, magnitude=magnitude, rate=rate, magnitude_stddev=magnitude_stddev)
    if operations < 1:
        raise ConfigError(f"Policy setting 'operations' is {operations}; expected at least 1. For none: policy 'none'.")

    def draw(height: int, width: int, own: Numbers) -> list[Step]:
        steps: list[Step] = []
        for _ in range(operations):
            operation = RAND_AUGMENT[own.integer(len(RAND_AUGMENT))]
            strength = min(1.0, max(0.0, own.normal(magnitude, magnitude_stddev)))
            if own.chance(rate):
                steps.append(operation.draw(height, width, strength, own))
        return steps

    return Policy("rand_augment", frozenset(row.family for row in RAND_AUGMENT), draw)


POLICIES: dict[str, Callable[..., Policy]] = {
    "none": no_policy,
    "basic": basic_policy,
    "rand_augment": rand_augment_policy,
}


def build_policy(name: str, **settings: Any) -> Policy:
    """Make the policy called `name`.

    Args:
        name: A name in `POLICIES`.
        settings: Its arguments.

    Raises:
        ConfigError: An unknown name or setting, of which the nearest known one is named, or a setting out of range.
    """
    if name not in POLICIES:
        raise ConfigError(_unknown("policy", name, list(POLICIES)))
    known = list(inspect.signature(POLICIES[name]).parameters)
    for setting in settings:
        if setting not in known:
            raise ConfigError(_unknown(f"setting of policy {name!r}", setting, known))
    return POLICIES[name](**settings)


def _check(most: float, **values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= most:
            limit = f"to {most:g}" if most >= 1 else "to below 1"
            raise ConfigError(f"Policy setting {name!r} is {value!r}; expected a number from 0 {limit}.")


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"There is no {what} called {name!r}{hint} Known: {', '.join(known) or 'none'}."
