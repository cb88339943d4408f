"""MixUp and CutMix: pictures and labels of two training pictures in one.

Mixed labels are soft targets; `nn.losses.weighted_targets` counts them as −Σ w_k y_k log p_k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from toolkit.augmentation.randomness import numbers
from toolkit.errors import ConfigError

# So that the numbers differ from those of the picture's own augmentation.
_STREAM = 0x6D6978


@dataclass(frozen=True)
class Mixing:
    """Mixes the pictures of a batch.

    Attributes:
        mixup: α of Beta(α, α), from which the share of a picture is drawn (Zhang et al. 2017, arXiv 1710.09412);
            0: no MixUp.
        cutmix: The same for CutMix (Yun et al. 2019, arXiv 1905.04899), where the share is an area; 0: no CutMix.
        probability: Share of pictures that are mixed; with both kinds, half of them by each.
        seed: Of the training.

    Raises:
        ConfigError: A value out of its range.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, most in (("mixup", self.mixup, 100.0), ("cutmix", self.cutmix, 100.0),
                                  ("mix_probability", self.probability, 1.0)):  # fmt: skip
            if not 0 <= value <= most:
                raise ConfigError(f"`augment.{name}` is {value!r}; expected a number from 0 to {most:g}.")

    def __bool__(self) -> bool:
        return bool((self.mixup or self.cutmix) and self.probability)

    def __call__(
        self, images: np.ndarray, targets: np.ndarray, image_ids: Sequence[str], epoch: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mix each picture with the next of its batch; the order of an epoch is random, so this is any other picture.

        Args:
            images: `(b, h, w, 3)` uint8; not changed.
            targets: `(b, k)` float32, rows sum to 1.
            image_ids: b names.
            epoch: Counted from 0.

        Returns:
            `(b, h, w, 3)` uint8 and `(b, k)` float32, rows sum to 1.
        """
        if not self:
            return images, targets
        mixed, shares = images.copy(), np.ones(len(images), np.float32)
        for row, own in enumerate(numbers(self.seed, epoch, _STREAM, image_ids)):
            if not own.chance(self.probability):
                continue
            cut = bool(self.cutmix) and (not self.mixup or own.chance(0.5))
            alpha = self.cutmix if cut else self.mixup
            share = float(own.generator().beta(alpha, alpha))
            other = images[(row + 1) % len(images)]
            if cut:
                shares[row] = _paste(mixed[row], other, share, own.uniform(), own.uniform())
            else:
                mixed[row] = cv2.addWeighted(images[row], share, other, 1 - share, 0)
                shares[row] = share
        partners = np.roll(targets, -1, axis=0)
        soft = shares[:, None] * targets + (1 - shares[:, None]) * partners
        return mixed, soft.astype(np.float32)


def _paste(image: np.ndarray, other: np.ndarray, share: float, x: float, y: float) -> float:
    """Put a rectangle of `other`, 1 − share of the area about a centre, into `image`; the share that is left."""
    height, width = image.shape[:2]
    side = math.sqrt(1 - share)
    down, across = round(side * height), round(side * width)
    middle_y, middle_x = int(y * height), int(x * width)
    top, left = max(0, middle_y - down // 2), max(0, middle_x - across // 2)
    bottom, right = min(height, middle_y - down // 2 + down), min(width, middle_x - across // 2 + across)
    image[top:bottom, left:right] = other[top:bottom, left:right]
    # What the border cuts off counts for the picture itself, as in the paper's own code.
    pasted: float = max(0, bottom - top) * max(0, right - left) / (height * width)
    return 1 - pasted
