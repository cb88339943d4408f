"""Find all pairs of 64-bit hashes within a Hamming radius, without comparing everything with everything.

Multi-index search (Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014):
two hashes within radius r agree, in at least one of their four 16-bit parts, up to about r/4 bits. So each part's
buckets are compared only with buckets whose key differs in that many bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from toolkit.errors import ConfigError

MAX_RADIUS = 16
_PARTS, _BITS = 4, 16
_KEYS = 1 << _BITS
_POPCOUNT = np.array([key.bit_count() for key in range(_KEYS)], np.uint8)


@dataclass(frozen=True)
class HashPairs:
    """Pairs of rows with near hashes, each pair once.

    Attributes:
        first: `(p,)` int64 rows.
        second: `(p,)` int64 rows, greater than `first`.
        distance: `(p,)` int64 differing bits, 0–64.
    """

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


def hamming_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Number of differing bits of uint64 arrays that broadcast, uint8."""
    return _count_bits(a ^ b)


def _count_bits(values: np.ndarray) -> np.ndarray:
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.asarray(np.bitwise_count(values))
    parts = np.ascontiguousarray(values).view(np.uint16).reshape(*values.shape, _PARTS)
    return np.asarray(_POPCOUNT[parts].sum(axis=-1, dtype=np.uint8))


def hamming_pairs(hashes: np.ndarray, radius: int, limit: int = 32) -> HashPairs:
    """Find pairs of hashes that differ in at most `radius` bits.

    Equal hashes are linked to the first row that holds them, so m equal ones give m - 1 pairs. Of different ones, a
    pair is given unless both its rows already have `limit` pairs from the same 16-bit part (nearer keys first): dense
    clusters stay linked without m² pairs.

    Args:
        hashes: `(n,)` uint64.
        radius: Largest distance, 0–16.
        limit: Number of pairs of a row, from one part, after which it needs no more.

    Raises:
        ConfigError: The radius is out of range.
    """
    if not 0 <= radius <= MAX_RADIUS:
        raise ConfigError(f"Hash radius {radius} is out of range: expected 0 to {MAX_RADIUS} of 64 bits.")
    values, leaders, member = np.unique(np.asarray(hashes, np.uint64), return_index=True, return_inverse=True)
    rows = np.arange(len(member))
    leader = leaders[member.reshape(-1)]  # (n,) first row with the same hash
    followers = rows[leader != rows]
    found = list(_search(values, radius, limit)) if radius else []
    first = leaders[np.concatenate([pairs[0] for pairs in found])] if found else np.empty(0, np.int64)
    second = leaders[np.concatenate([pairs[1] for pairs in found])] if found else np.empty(0, np.int64)
    a = np.concatenate([leader[followers], np.minimum(first, second)]).astype(np.int64)
    b = np.concatenate([followers, np.maximum(first, second)]).astype(np.int64)
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    values = np.asarray(hashes, np.uint64)
    return HashPairs(a, b, hamming_distance(values[a], values[b]).astype(np.int64))


def _search(values: np.ndarray, radius: int, limit: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows of distinct `values` within `radius`, each once."""
    slack = radius - _PARTS + 1
    # Pigeonhole: distances that exceed every part's threshold sum to more than the radius.
    thresholds = [(slack + _PARTS - 1 - part) // _PARTS for part in range(_PARTS)]
    for part, threshold in enumerate(thresholds):
        # Counted a part: rows that fill up inside one bucket of this part still meet others in the next.
        pairs_of = np.zeros(len(values), np.int64)
        keys = _part(values, part)
        order = np.argsort(keys, kind="stable")
        keys, sorted_values = keys[order], values[order]
        starts = np.searchsorted(keys, np.arange(_KEYS + 1))
        for mask in _masks(threshold):
            partner = keys ^ mask
            # Each pair of buckets once; inside one bucket, only the rows after one's own.
            begin = starts[partner] if mask else np.arange(1, len(keys) + 1)
            ours = np.flatnonzero((begin < starts[partner + 1]) & (keys <= partner))
            begin, end = begin[ours], starts[partner[ours] + 1]
            while len(ours):
                near = np.flatnonzero(_count_bits(sorted_values[ours] ^ sorted_values[begin]) <= radius)
                if len(near):
                    a, b = order[ours[near]], order[begin[near]]
                    fresh = (pairs_of[a] < limit) | (pairs_of[b] < limit)
                    for earlier in range(part):
                        difference = _part(values[a], earlier) ^ _part(values[b], earlier)
                        fresh &= _POPCOUNT[difference] > thresholds[earlier]
                    a, b = a[fresh], b[fresh]
                    np.add.at(pairs_of, a, 1)
                    np.add.at(pairs_of, b, 1)
                    yield a, b
                begin = begin + 1
                left = begin < end
                if not left.all():
                    ours, begin, end = ours[left], begin[left], end[left]


def _part(values: np.ndarray, part: int) -> np.ndarray:
    return ((values >> np.uint64(part * _BITS)) & np.uint64(_KEYS - 1)).astype(np.int64)


def _masks(weight: int) -> list[int]:
    """All 16-bit masks of at most `weight` bits, lightest first."""
    return [sum(1 << bit for bit in bits) for size in range(weight + 1) for bits in combinations(range(_BITS), size)]
