"""Random numbers of each picture: cheap to make for a whole batch, and the same wherever the picture stands in it.

NumPy needs about 20 µs to set up a generator, as long as an operation on the picture takes. So the numbers of a batch
come from one vectorised counter-based generator, SplitMix64 (Steele, Lea & Flood 2014), with one key a picture.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

# How many numbers are made at once; a picture that needs more gets another block.
_BLOCK = 32
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Numbers:
    """The random numbers of one picture, in a fixed order.

    Args:
        key: 64 bits that decide all of them.
        first: The first block, where it has been made already.
    """

    __slots__ = ("_at", "_block", "_key", "_made")

    def __init__(self, key: int, first: list[float] | None = None) -> None:
        self._key, self._block, self._at = key, first or [], 0
        self._made = len(self._block)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Between `low`, included, and `high`, excluded."""
        if self._at == len(self._block):
            self._block, self._at = _blocks([self._key], self._made)[0], 0
            self._made += len(self._block)
        number = self._block[self._at]
        self._at += 1
        return low + (high - low) * number

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return self.uniform() < probability

    def integer(self, end: int) -> int:
        """0…end−1, all equally likely."""
        return int(self.uniform() * end)

    def sign(self) -> int:
        """−1 or 1."""
        return -1 if self.uniform() < 0.5 else 1

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """Normally distributed (Box & Muller 1958)."""
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return mean + sd * radius * math.cos(2 * math.pi * self.uniform())

    def generator(self) -> np.random.Generator:
        """NumPy's own, for operations that need a number a pixel."""
        return np.random.default_rng([self._key, int(self.uniform() * 2**53)])


def numbers(seed: int, epoch: int, view: int, image_ids: Sequence[str]) -> list[Numbers]:
    """Random numbers of each picture, a function of (seed, epoch, view, image id) and nothing else.

    Args:
        seed: Of the training.
        epoch: Counted from 0.
        view: Number of the view, where several are made in one epoch.
        image_ids: Of the pictures.
    """
    begin = f"{seed}\x1f{epoch}\x1f{view}\x1f"
    keys = [
        int.from_bytes(hashlib.blake2b(f"{begin}{name}".encode(), digest_size=8).digest(), "big") for name in image_ids
    ]
    return [Numbers(key, block) for key, block in zip(keys, _blocks(keys, 0), strict=True)]


def _blocks(keys: Sequence[int], start: int) -> list[list[float]]:
    """Numbers `start` to `start + _BLOCK` of each key, 0–1."""
    counter = np.arange(start + 1, start + _BLOCK + 1, dtype=np.uint64) * _GOLDEN
    bits = np.asarray(keys, np.uint64)[:, None] + counter  # (n, block), wraps around
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    blocks: list[list[float]] = ((bits >> np.uint64(11)) * 2.0**-53).tolist()
    return blocks
