"""In which order an epoch shows the pictures: each once, or each class equally often."""

from __future__ import annotations

from typing import Literal

import numpy as np

Sampling = Literal["shuffle", "balanced"]


def shuffled(count: int, slots: int, seed: int, epoch: int) -> np.ndarray:
    """`(slots,)` row numbers: a permutation of `count` rows, begun again where `slots` is larger."""
    return np.resize(np.random.default_rng([seed, epoch]).permutation(count), slots)


def balanced(classes: np.ndarray, slots: int, seed: int, epoch: int) -> np.ndarray:
    """Row numbers of an epoch in which the classes that occur are equally frequent, also within each batch.

    Classes take turns. Each class is an endless row of permutations of its pictures of which an epoch takes the next
    piece: no picture comes again before all others of its class have come, also across epochs. Small classes repeat
    within an epoch, large ones need several epochs.

    Args:
        classes: `(n,)` int class of each row.
        slots: Rows of an epoch.
        seed: Of the permutations.
        epoch: Counted from 0.

    Returns:
        `(slots,)` int row numbers; the class counts differ by 1 at most.
    """
    present = np.unique(classes)
    # Places in the endless sequence of all epochs; which class has a place, and the how-manieth of its class it is.
    places = np.arange(epoch * slots, (epoch + 1) * slots)
    turns, ranks = places % len(present), places // len(present)
    rows = np.empty(slots, np.int64)
    for turn, label in enumerate(present):
        members = np.flatnonzero(classes == label)
        mine = np.flatnonzero(turns == turn)
        passes, within = np.divmod(ranks[mine], len(members))
        for number in np.unique(passes):
            permuted = np.random.default_rng([seed, int(label), int(number)]).permutation(members)
            chosen = passes == number
            rows[mine[chosen]] = permuted[within[chosen]]
    return rows
