"""Policies: which operations a training picture goes through.

What happens to a picture is a function of (seed, epoch, view, image id): two epochs differ, and neither the order of
the pictures nor the number of threads matters.
"""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from toolkit.augmentation.basic import BASIC_FAMILIES, draw_basic
from toolkit.augmentation.catalogue import AUGMIX, SIXTEEN, TRIVIAL, find_operations
from toolkit.augmentation.compile import fuse, run
from toolkit.augmentation.drawing import Layer, draw_augmix, draw_layers, draw_some, draw_trivial, flips
from toolkit.augmentation.operations import Operation, Step
from toolkit.augmentation.rand_augment import RAND_AUGMENT, RandOperation, draw_rand_augment
from toolkit.augmentation.randomness import Numbers, numbers
from toolkit.errors import ConfigError, suggest

# Threads that vary small pictures at the same time hand Python's lock to each other at every OpenCV call, and two are
# slower than one (3,400 against 5,100 pictures of 96 px a second). From about 160 px on the calls are long enough.
_SMALL = 160 * 160
_alone = threading.Lock()
_Draw = Callable[[int, int, Numbers], list[Step]]


@dataclass(frozen=True)
class Policy:
    """Varies pictures.

    Attributes:
        name: As in the config.
        family_names: Families of corruptions that it resembles.
        draw: `(height, width, random numbers)` → steps for one picture.
        held_out: Held-out corruptions that it contains: tests with them no longer show what training did not prepare.
    """

    name: str
    family_names: frozenset[str]
    draw: _Draw
    held_out: frozenset[str] = frozenset()

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
        with _alone if height * width <= _SMALL else nullcontext():
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
    settings = locals().copy()
    families = {family for family, names in BASIC_FAMILIES.items() if any(settings[name] for name in names)}
    return Policy("basic", frozenset(families), partial(draw_basic, **settings))


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
    draw = partial(draw_rand_augment, magnitude=magnitude, operations=operations, rate=rate,
                   magnitude_stddev=magnitude_stddev)  # fmt: skip
    return _of("rand_augment", RAND_AUGMENT, draw)


def trivial_augment_policy(names: Sequence[str] = TRIVIAL, strength: float = 1.0) -> Policy:
    """TrivialAugment (Müller & Hutter 2021, arXiv 2103.10158): one operation a picture, any strength, nothing to tune.

    Args:
        names: Operations, of which one, or none at all, is drawn, all equally likely.
        strength: Largest strength, 0–1.

    Raises:
        ConfigError: An unknown operation or a strength out of range.
    """
    _check(1.0, strength=strength)
    rows = find_operations(names)
    return _of("trivial_augment", rows, partial(draw_trivial, rows=rows, strength=strength))


def augmix_policy(magnitude: float = 0.3, width: int = 3, names: Sequence[str] = AUGMIX) -> Policy:
    """AugMix (Hendrycks et al. 2019, arXiv 1912.02781): the picture blended with several of its varied copies.

    Args:
        magnitude: Largest strength of an operation, 0–1.
        width: Number of chains, each of one to three operations.
        names: Operations to draw from.

    Raises:
        ConfigError: An unknown operation or a setting out of range.
    """
    _check(1.0, magnitude=magnitude)
    if width < 1:
        raise ConfigError(f"Policy setting 'width' is {width}; expected at least 1 chain.")
    rows = find_operations(names)
    return _of("augmix", rows, partial(draw_augmix, rows=rows, magnitude=magnitude, width=width))


def some_of_policy(
    names: Sequence[str] = SIXTEEN,
    count: Sequence[int] = (1, 5),
    strength: float = 1.0,
    horizontal_flip: bool = True,
    vertical_flip: bool = False,
) -> Policy:
    """Some of many operations: how many, which, and how strong is drawn for each picture.

    Args:
        names: Operations to draw from, each at most once a picture.
        count: Fewest and most operations a picture.
        strength: Largest strength; each is drawn between 0 and it.
        horizontal_flip: Also mirror half of the pictures left and right.
        vertical_flip: Also mirror half of the pictures top and bottom.

    Raises:
        ConfigError: An unknown operation or a setting out of range.
    """
    _check(1.0, strength=strength)
    rows, (fewest, most) = find_operations(names), count
    if not 0 <= fewest <= most <= len(rows):
        raise ConfigError(
            f"Policy setting 'count' is {list(count)}; expected the fewest and the most operations a picture, between "
            f"0 and the {len(rows)} that `names` lists."
        )
    draw = partial(draw_some, rows=rows, fewest=fewest, most=most, strength=strength,
                   flip=(horizontal_flip, vertical_flip))  # fmt: skip
    return _of("some_of", (*flips(horizontal_flip, vertical_flip), *rows), draw)


def random_apply_policy(layers: Sequence[Layer | dict[str, Any]] = (), shuffle: bool = False) -> Policy:
    """A list of operations, each applied with its own probability: the AN2DL contest's winner used fifteen.

    Args:
        layers: Operation, probability and strength of each, as `Layer` or as a mapping with these keys.
        shuffle: Whether the order is drawn for each picture.

    Raises:
        ConfigError: An unknown operation or a setting out of range.
    """
    rows = tuple(layer if isinstance(layer, Layer) else Layer(**layer) for layer in layers)
    for layer in rows:
        _check(1.0, probability=layer.probability, strength=layer.strength)
    operations = find_operations([layer.operation for layer in rows])
    pairs = tuple(zip(rows, operations, strict=True))
    return _of("random_apply", operations, partial(draw_layers, layers=pairs, shuffle=shuffle))


POLICIES: dict[str, Callable[..., Policy]] = {
    "none": no_policy,
    "basic": basic_policy,
    "rand_augment": rand_augment_policy,
    "trivial_augment": trivial_augment_policy,
    "augmix": augmix_policy,
    "some_of": some_of_policy,
    "random_apply": random_apply_policy,
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
        raise ConfigError(f"There is no policy called {name!r}{suggest(name, POLICIES)}")
    known = policy_settings(name)
    for setting in settings:
        if setting not in known:
            raise ConfigError(f"There is no setting of policy {name!r} called {setting!r}{suggest(setting, known)}")
    return POLICIES[name](**settings)


def policy_settings(name: str) -> list[str]:
    """Names of the settings that a policy has."""
    return list(inspect.signature(POLICIES[name]).parameters)


def _of(name: str, rows: Iterable[Operation | RandOperation], draw: _Draw) -> Policy:
    used = list(rows)
    held_out = frozenset(row.held_out for row in used if row.held_out)
    return Policy(name, frozenset(row.family for row in used), draw, held_out)


def _check(most: float, **values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= most:
            limit = f"to {most:g}" if most >= 1 else "to below 1"
            raise ConfigError(f"Policy setting {name!r} is {value!r}; expected a number from 0 {limit}.")
