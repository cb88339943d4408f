"""Policies: which operations a training picture goes through.

What happens to a picture is a function of (seed, epoch, view, image id): two epochs differ, and neither the order of
the pictures nor the number of threads matters.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.compile import fuse, run
from toolkit.augmentation.operations import RAND_AUGMENT, Colour, Geometric, Pointwise, Step
from toolkit.errors import ConfigError

_Draw = Callable[[int, int, np.random.Generator], list[Step]]


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
        for index, image_id in enumerate(image_ids):
            rng = generator(seed, epoch, view, image_id)
            varied[index] = run(images[index], fuse(self.draw(height, width, rng)))
        return varied

    def families(self) -> frozenset[str]:
        """Families of corruptions that it resembles."""
        return self.family_names


def generator(seed: int, epoch: int, view: int, image_id: str) -> np.random.Generator:
    """Random numbers of one picture in one epoch and view."""
    digest = hashlib.blake2b(f"{seed}\x1f{epoch}\x1f{view}\x1f{image_id}".encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def no_policy() -> Policy:
    """Leave pictures as they are."""
    return Policy("none", frozenset(), lambda height, width, rng: [])


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
    """

    def draw(height: int, width: int, rng: np.random.Generator) -> list[Step]:
        # One call for all numbers: drawing them one by one costs more than the pixels.
        u = rng.random(9)
        signed = 2 * u - 1
        steps: list[Step] = [
            Geometric(
                ops.geometry(
                    (height, width),
                    angle=rotation * signed[0],
                    zoom=1 + zoom * signed[1],
                    shift=(shift * signed[2], shift * signed[3]),
                    flip=(horizontal_flip and u[4] < 0.5, vertical_flip and u[5] < 0.5),
                )
            ),
        ]
        if saturation:
            steps.append(Colour(ops.saturation_matrix(1 + saturation * signed[6])))
        if brightness or contrast:
            table = ops.contrast_table(1 + contrast * signed[7])
            steps += [Pointwise(table), Pointwise(ops.brightness_table(brightness * signed[8]))]
        if stretch and rng.random() < stretch:
            steps.append(Pointwise(ops.scale_table(1.5)))
        return steps

    families = {"geometric"} if horizontal_flip or vertical_flip or rotation or zoom or shift else set()
    if brightness or contrast or saturation or stretch:
        families.add("colour")
    return Policy("basic", frozenset(families), draw)


def rand_augment_policy(
    magnitude: float = 0.32, operations: int = 5, rate: float = 10 / 11, magnitude_stddev: float = 0.15
) -> Policy:
    """RandAugment (Cubuk et al. 2020, arXiv 1909.13719), drawn for each picture, with report A's settings as defaults.

    Args:
        magnitude: Mean strength of an operation, 0–1.
        operations: Operations drawn for a picture.
        rate: Probability that a drawn operation is applied.
        magnitude_stddev: Standard deviation of the strength.
    """

    def draw(height: int, width: int, rng: np.random.Generator) -> list[Step]:
        which = rng.integers(0, len(RAND_AUGMENT), operations)
        applied = rng.random(operations) < rate
        strengths = np.clip(rng.normal(magnitude, magnitude_stddev, operations), 0.0, 1.0)
        return [
            RAND_AUGMENT[kind].draw(height, width, float(strength), rng)
            for kind, use, strength in zip(which, applied, strengths, strict=True)
            if use
        ]

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
        ConfigError: An unknown name or setting; the nearest known one is named.
    """
    if name not in POLICIES:
        raise ConfigError(_unknown("policy", name, list(POLICIES)))
    known = list(inspect.signature(POLICIES[name]).parameters)
    for setting in settings:
        if setting not in known:
            raise ConfigError(_unknown(f"setting of policy {name!r}", setting, known))
    return POLICIES[name](**settings)


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"There is no {what} called {name!r}{hint} Known: {', '.join(known) or 'none'}."
