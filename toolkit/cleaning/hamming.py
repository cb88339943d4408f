"""Find all pairs of 64-bit hashes within a Hamming radius, without comparing everything with everything.

Multi-index search (Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014):
two hashes within radius r agree, in at least one of their four 16-bit parts, up to about r/4 bits. So each part's
buckets are compared only with buckets whose key differs in that many bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from toolkit.cleaning.linking import Links
from toolkit.errors import ConfigError

MAX_RADIUS = 16
_PARTS, _BITS = 4, 16
_KEYS = 1 << _BITS
_POPCOUNT = np.array([key.bit_count() for key in range(_KEYS)], np.uint8)
# Buckets are cut into chunks of at most this many rows; a million random hashes have about 15 rows a bucket.
_CHUNK = 48
# Chunks are read past their end, up to the next of these lengths, so that many can be compared in one call.
_LENGTHS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32, 40, _CHUNK])
_LENGTH_CODE = np.searchsorted(_LENGTHS, np.arange(_CHUNK + 1))
_BLOCK = 1 << 18  # comparisons in one call: the block stays in the processor's cache
_TASK = 1 << 23  # comparisons in one task
_LONG_TASK = 512  # pairs of chunks of long buckets in one task: later ones leave out what is settled by then
_AHEAD = 4  # tasks under way; a fixed number, so that results do not depend on the threads' speed


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
    # Sums of 2, 4 and 8 bits in place; the multiplication adds the bytes (Warren, "Hacker's Delight", 5-1).
    sums = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    sums = (sums & pairs) + ((sums >> np.uint64(2)) & pairs)
    sums = (sums + (sums >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.asarray((sums * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)


def hamming_pairs(hashes: np.ndarray, radius: int, limit: int = 32, workers: int = 2) -> HashPairs:
    """Find pairs of hashes that differ in at most `radius` bits.

    Equal hashes are linked to the first row that holds them, so m equal ones give m - 1 pairs. Of different ones, a
    pair is left out only if both its rows already have `limit` pairs from the same 16-bit part and a chain of given
    pairs connects them: dense clusters give few pairs a row, and the groups are those of all pairs.

    Args:
        hashes: `(n,)` uint64.
        radius: Largest distance, 0–16.
        limit: Number of pairs of a row, from one part, after which it needs no more.
        workers: Threads; they do not change the result.

    Raises:
        ConfigError: The radius is out of range.
    """
    if not 0 <= radius <= MAX_RADIUS:
        raise ConfigError(f"Hash radius {radius} is out of range: expected 0 to {MAX_RADIUS} of 64 bits.")
    hashes = np.asarray(hashes, np.uint64)
    values, leaders, member = np.unique(hashes, return_index=True, return_inverse=True)
    leader = leaders[member.reshape(-1)]  # (n,) first row with the same hash
    followers = np.flatnonzero(leader != np.arange(len(leader)))
    found = list(_search(values, radius, limit, workers)) if radius else []
    first = leaders[np.concatenate([np.empty(0, np.int64), *(pairs[0] for pairs in found)])]
    second = leaders[np.concatenate([np.empty(0, np.int64), *(pairs[1] for pairs in found)])]
    a = np.concatenate([leader[followers], np.minimum(first, second)]).astype(np.int64)
    b = np.concatenate([followers, np.maximum(first, second)]).astype(np.int64)
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    return HashPairs(a, b, hamming_distance(hashes[a], hashes[b]).astype(np.int64))


def _search(values: np.ndarray, radius: int, limit: int, workers: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows of distinct `values` within `radius`, each once."""
    # Pigeonhole: distances that exceed every part's threshold sum to more than the radius.
    thresholds = [(radius - part) // _PARTS for part in range(_PARTS)]
    links = Links(len(values), limit)
    with ThreadPoolExecutor(workers) as threads:
        for part, threshold in enumerate(thresholds):
            if threshold < 0:
                continue
            links.restart()  # rows that fill up in this part's buckets still meet others in the next one's
            buckets = _Buckets(values, part, links)
            waiting: deque[Future[tuple[np.ndarray, np.ndarray]]] = deque()
            for ours, theirs in buckets.tasks(threshold):
                waiting.append(threads.submit(buckets.compare, ours, theirs, radius, thresholds[:part]))
                if len(waiting) >= _AHEAD:
                    yield links.add(*waiting.popleft().result())
            while waiting:
                yield links.add(*waiting.popleft().result())


class _Buckets:
    """Rows of one part, sorted by key, each key's rows cut into chunks."""

    def __init__(self, values: np.ndarray, part: int, links: Links) -> None:
        keys = _part(values, part)
        self._order = np.argsort(keys, kind="stable")
        self._values = values[self._order]
        self._links = links
        self._keys, starts, sizes = np.unique(keys[self._order], return_index=True, return_counts=True)
        chunks = -(-sizes // _CHUNK)
        self._first, self._end = np.zeros(_KEYS, np.int64), np.zeros(_KEYS, np.int64)  # each key's range of chunks
        self._end[self._keys] = np.cumsum(chunks)
        self._first[self._keys] = self._end[self._keys] - chunks
        within, owner = _ranges(np.zeros(len(chunks), np.int64), chunks)
        self._begin = starts[owner] + within * _CHUNK  # (chunks,) first row
        self._size = np.minimum(starts[owner] + sizes[owner] - self._begin, _CHUNK)

    def tasks(self, threshold: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of chunks whose keys differ in at most `threshold` bits, nearest keys first, in tasks of some size."""
        chunks = np.arange(len(self._begin))
        waiting, work = [(chunks, chunks)], len(chunks) * _CHUNK
        for mask in _masks(threshold):
            partner = self._keys ^ mask
            met = (self._end[partner] > 0) & (self._keys <= partner)
            ours, other = _ranges(self._first[self._keys[met]], self._end[self._keys[met]])
            key = partner[met][other]
            begin, end = (self._first[key] if mask else ours + 1), self._end[key]
            # Buckets of several chunks come last and in small tasks: the earlier ones may have settled them.
            single = end - begin == 1
            waiting.append((ours[single], begin[single]))
            work += int(self._work(ours[single], begin[single]).sum())
            if work >= _TASK or not single.all():
                yield from self._cut(waiting)
                waiting, work = [], 0
            yield from self._long_tasks(ours[~single], begin[~single], end[~single])
        if waiting:
            yield from self._cut(waiting)

    def _long_tasks(
        self, ours: np.ndarray, begin: np.ndarray, end: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        cuts = np.flatnonzero(np.diff(np.cumsum(end - begin) // _LONG_TASK)) + 1
        for start, stop in pairwise([0, *cuts.tolist(), len(ours)]):
            theirs, owner = _ranges(begin[start:stop], end[start:stop])
            mine = ours[start:stop][owner]
            used, places = np.unique(np.stack([mine, theirs]), return_inverse=True)
            settled = self._settled(used)[places.reshape(2, -1)]
            needed = (settled[0] < 0) | (settled[0] != settled[1])
            if needed.any():
                yield mine[needed], theirs[needed]

    def _settled(self, chunks: np.ndarray) -> np.ndarray:
        """Root of each chunk whose rows are all full and connected, else -1."""
        if not len(chunks):
            return chunks
        sizes = self._size[chunks]
        starts = np.cumsum(sizes) - sizes
        rows = self._order[_ranges(self._begin[chunks], self._begin[chunks] + sizes)[0]]
        roots = self._links.roots(rows)
        same = np.minimum.reduceat(roots, starts) == np.maximum.reduceat(roots, starts)
        full = np.logical_and.reduceat(self._links.full(rows), starts)
        return np.where(same & full, roots[starts], -1)

    def _cut(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        ours, theirs = (np.concatenate([np.empty(0, np.int64), *side]) for side in zip(*pairs, strict=True))
        work = np.cumsum(self._work(ours, theirs))
        cuts = np.flatnonzero(np.diff(work // _TASK)) + 1
        for start, stop in pairwise([0, *cuts.tolist(), len(ours)]):
            if start < stop:
                yield ours[start:stop], theirs[start:stop]

    def _work(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        """Rough cost of comparing chunks, in comparisons: a pair of short ones costs more than what it compares."""
        return np.asarray(self._size[ours] * self._size[theirs] + 16)

    def compare(
        self, ours: np.ndarray, theirs: np.ndarray, radius: int, earlier: list[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of rows within `radius` in pairs of chunks, without those that an earlier part's threshold gives."""
        shapes = _LENGTH_CODE[self._size[ours]] * len(_LENGTHS) + _LENGTH_CODE[self._size[theirs]]
        order = np.argsort(shapes.astype(np.uint16), kind="stable")
        ours, theirs, shapes = ours[order], theirs[order], shapes[order]
        found = [np.empty((2, 0), np.int64)]
        kinds, starts = np.unique(shapes, return_index=True)
        for kind, start, stop in zip(kinds.tolist(), starts.tolist(), [*starts[1:].tolist(), len(ours)], strict=True):
            height, width = _LENGTHS[kind // len(_LENGTHS)], _LENGTHS[kind % len(_LENGTHS)]
            step = max(1, _BLOCK // int(height * width))
            for at in range(start, stop, step):
                end = min(at + step, stop)
                found.append(self._block(ours[at:end], theirs[at:end], int(height), int(width), radius))
        a, b = np.concatenate(found, axis=1)
        for part, threshold in enumerate(earlier):
            new = _POPCOUNT[_part(self._values[a], part) ^ _part(self._values[b], part)] > threshold
            a, b = a[new], b[new]
        return self._order[a], self._order[b]

    def _block(self, ours: np.ndarray, theirs: np.ndarray, height: int, width: int, radius: int) -> np.ndarray:
        """Near pairs `(2, p)` of sorted rows, in pairs of chunks of at most `height` and `width` rows."""
        mine = self._rows(ours, height)
        other = self._rows(theirs, width)
        # The longest axis last: NumPy works along it.
        near = hamming_distance(mine[:, None], other[None]) <= radius  # (height, width, chunks)
        found = near.ravel().nonzero()[0]
        if not len(found):
            return np.empty((2, 0), np.int64)
        row, column, pair = np.unravel_index(found, near.shape)
        a, b = self._begin[ours[pair]] + row, self._begin[theirs[pair]] + column
        inside = (row < self._size[ours[pair]]) & (column < self._size[theirs[pair]])
        inside &= (ours[pair] != theirs[pair]) | (row < column)
        return np.stack([a[inside], b[inside]])

    def _rows(self, chunks: np.ndarray, length: int) -> np.ndarray:
        """Values `(length, chunks)`; past a chunk's end, those of the next."""
        return np.asarray(self._values.take(np.arange(length)[:, None] + self._begin[chunks], mode="clip"))


def _ranges(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers of the ranges one after the other, and the range that each is of."""
    sizes = end - begin
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes - begin, sizes), owner


def _part(values: np.ndarray, part: int) -> np.ndarray:
    return np.asarray((values >> np.uint64(part * _BITS)) & np.uint64(_KEYS - 1)).astype(np.int64)


def _masks(weight: int) -> list[int]:
    """All 16-bit masks of at most `weight` bits, lightest first."""
    return [sum(1 << bit for bit in bits) for size in range(weight + 1) for bits in combinations(range(_BITS), size)]
