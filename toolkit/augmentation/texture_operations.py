"""Operations on neighbourhoods and regions: noise, blur, sharpening, and hiding parts of a picture."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np

from toolkit import pixelops as ops
from toolkit.augmentation.operations import Operation, Step, Whole
from toolkit.augmentation.randomness import Numbers

_POOL = 1 << 20
_REFERENCE_SIZE = 96  # lengths in pixels are for pictures of this size


@cache
def _normal_pool() -> np.ndarray:
    """A million standard normal numbers: drawing them anew for each picture takes twenty times as long as adding."""
    return np.random.default_rng(20).standard_normal(_POOL, dtype=np.float32)


def _add_noise(image: np.ndarray, sd: float, start: float, stride: int) -> np.ndarray:
    pool = _normal_pool()
    if image.size >= len(pool):
        pool = np.resize(pool, 2 * image.size)
    stride = min(stride, len(pool) // image.size)
    reach = image.size * stride
    first = int(start * (len(pool) - reach + 1))
    return ops.add(image, pool[first : first + reach : stride].reshape(image.shape) * np.float32(sd))


def _gaussian_noise(height: int, width: int, strength: float, own: Numbers) -> Step:
    sd = 50 * own.uniform(0, strength)
    return Whole(partial(_add_noise, sd=sd, start=own.uniform(), stride=1 + own.integer(7)))


def _salt_and_pepper(height: int, width: int, strength: float, own: Numbers) -> Step:
    count = round(0.2 * own.uniform(0, strength) * height * width)
    places = own.generator().integers(0, height * width, count)

    def change(image: np.ndarray) -> np.ndarray:
        changed = image.copy().reshape(-1, 3)
        changed[places[::2]], changed[places[1::2]] = 0, 255
        return changed.reshape(image.shape)

    return Whole(change)


def _blur(height: int, width: int, strength: float, own: Numbers) -> Step:
    sigma = 3 * own.uniform(0, strength) * height / _REFERENCE_SIZE
    return Whole(lambda image: ops.gaussian_blur(image, sigma) if sigma > 0.1 else image)


def _sharpen(height: int, width: int, strength: float, own: Numbers) -> Step:
    return Whole(partial(ops.sharpen, amount=3 * own.uniform(0, strength), sigma=height / _REFERENCE_SIZE))


def _cutout(height: int, width: int, strength: float, own: Numbers) -> Step:
    down, across = (max(1, round(side * 0.6 * strength)) for side in (height, width))
    top, left = own.integer(height) - down // 2, own.integer(width) - across // 2
    # Any grey: a hole of one fixed value would not be seen in pictures that hold much of it.
    return Whole(partial(ops.fill, top=top, left=left, height=down, width=across, value=own.integer(256)))


def _random_erasing(height: int, width: int, strength: float, own: Numbers) -> Step:
    area, aspect = own.uniform(0.02, 0.02 + 0.38 * strength), math.exp(own.uniform(-1.2, 1.2))
    down, across = (min(1.0, math.sqrt(area * ratio)) for ratio in (aspect, 1 / aspect))
    rows, columns = max(1, int(down * height)), max(1, int(across * width))
    top, left = own.integer(height - rows + 1), own.integer(width - columns + 1)
    filling = own.generator().integers(0, 256, (rows, columns, 3), np.uint8)

    def change(image: np.ndarray) -> np.ndarray:
        erased = image.copy()
        erased[top : top + rows, left : left + columns] = filling
        return erased

    return Whole(change)


def _grid_mask(height: int, width: int, strength: float, own: Numbers) -> Step:
    period = max(4, round(own.uniform(0.2, 0.5) * height))
    hole = round(period * 0.6 * strength)
    down, across = own.integer(period), own.integer(period)

    def change(image: np.ndarray) -> np.ndarray:
        rows = (np.arange(height) + down) % period < hole
        columns = (np.arange(width) + across) % period < hole
        masked = image.copy()
        masked[np.ix_(rows, columns)] = 0
        return masked

    return Whole(change)


# Ranges at strength 1; below, in proportion.
TEXTURE_OPERATIONS = (
    Operation("gaussian_noise", "noise", _gaussian_noise),  # standard deviation to 50 grey levels
    Operation("salt_and_pepper", "noise", _salt_and_pepper, held_out="impulse_noise"),  # to 20 % of the pixels
    Operation("blur", "blur", _blur),  # Gaussian, standard deviation to 3 px at 96 px
    Operation("sharpen", "blur", _sharpen),  # unsharp mask, to three times the difference
    Operation("cutout", "occlusion", _cutout),  # DeVries & Taylor 2017 (arXiv 1708.04552): side 0.6 of the picture
    Operation("random_erasing", "occlusion", _random_erasing),  # Zhong et al. 2017 (arXiv 1708.04896): area to 0.4
    Operation("grid_mask", "occlusion", _grid_mask),  # Chen et al. 2020 (arXiv 2001.04086): 0.6 of each period
)
