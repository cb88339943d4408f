"""Propose pairs of pictures that may be duplicates, and look-alikes to measure them against.

Four descriptions, because each transformation breaks some: the network's embedding (colour, crops), the picture's
Fourier amplitudes (shifts, noise), its high-passed pixels (watermarks, recoding) and perceptual hashes. The first
three are whitened over the data set, so that a shared background or subject does not crowd out the true partner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft

from toolkit.cleaning.hamming import hamming_pairs
from toolkit.cleaning.hashing import Hashes
from toolkit.cleaning.neighbours import find_neighbours, whiten
from toolkit.cleaning.thumbnails import COARSE, high_pass

# Farther than any group of copies is large, near enough to be of the same kind.
CONTROL_RANKS = (32, 128)
_FREQUENCIES = 10
_CHUNK = 4096


@dataclass(frozen=True)
class Candidates:
    """Pairs of rows, first < second, each once.

    Attributes:
        first: `(p,)` int64.
        second: `(p,)` int64.
        control_first: `(c,)` int64: pairs of look-alikes that are unlikely to be duplicates.
        control_second: `(c,)` int64.
    """

    first: np.ndarray
    second: np.ndarray
    control_first: np.ndarray
    control_second: np.ndarray


def propose_pairs(
    embeddings: np.ndarray | None,
    coarse: np.ndarray,
    hashes: Hashes,
    neighbours: int = 6,
    hash_radius: int = 6,
    workers: int = 2,
) -> Candidates:
    """Propose pairs for verification.

    Args:
        embeddings: `(n, d)` float32 features of a network, None where there are none.
        coarse: `(n, 32, 32)` uint8 grey thumbnails.
        hashes: Perceptual hashes of the n pictures.
        neighbours: Nearest neighbours taken from each description.
        hash_radius: Largest Hamming distance of hash candidates.
        workers: Threads.
    """
    rows = len(coarse)
    pairs, controls = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    descriptions: list[Callable[[], np.ndarray]] = [lambda: _amplitudes(coarse), lambda: _detail(coarse)]
    if embeddings is not None:
        descriptions.append(lambda: embeddings)
    for describe in descriptions:  # one at a time in memory
        found = find_neighbours(whiten(describe()), neighbours, CONTROL_RANKS, workers)
        pairs.append(_encode(found.nearest))
        controls.append(_encode(found.ranked))
    for values in (hashes.phash, hashes.dhash):
        near = hamming_pairs(values, hash_radius)
        pairs.append(near.first * rows + near.second)
    codes = np.unique(np.concatenate(pairs))
    control_codes = np.setdiff1d(np.concatenate(controls), codes)
    return Candidates(codes // rows, codes % rows, control_codes // rows, control_codes % rows)


class QuickLook:
    """Tells at a fraction of the cost of an alignment whether two pictures may be the same.

    Compared are what a small shift leaves as it is (Fourier amplitudes beyond those that all pictures share), and
    detail in its place.
    """

    def __init__(self, coarse: np.ndarray) -> None:
        amplitudes = _amplitudes(coarse)
        amplitudes -= amplitudes.mean(axis=0)
        self._amplitudes = amplitudes / (np.linalg.norm(amplitudes, axis=1, keepdims=True) + 1e-9)
        small = np.empty((len(coarse), (COARSE // 2) ** 2), np.float32)
        for start in range(0, len(coarse), _CHUNK):
            pixels = high_pass(coarse[start : start + _CHUNK])
            pooled = pixels.reshape(-1, COARSE // 2, 2, COARSE // 2, 2).mean(axis=(2, 4)).reshape(len(pixels), -1)
            small[start : start + _CHUNK] = pooled / (np.linalg.norm(pooled, axis=1, keepdims=True) + 1e-3)
        self._detail = small

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Likeness of pairs `(p,)` float32 in -1–1; copies are above 0.4 but for one in two hundred.

        Args:
            first: `(p,)` rows.
            second: `(p,)` rows.
        """
        found = np.empty(len(first), np.float32)
        for start in range(0, len(first), _CHUNK):
            a, b = first[start : start + _CHUNK], second[start : start + _CHUNK]
            amplitudes = np.einsum("pi,pi->p", self._amplitudes[a], self._amplitudes[b])
            detail = np.einsum("pi,pi->p", self._detail[a], self._detail[b])
            found[start : start + _CHUNK] = np.maximum(amplitudes, detail)
        return found


def propose_turned(
    coarse: np.ndarray, turn: Callable[[np.ndarray], np.ndarray], neighbours: int = 4, workers: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Propose pairs of which the second, turned or mirrored, may show the first.

    Args:
        coarse: `(n, 32, 32)` uint8 thumbnails.
        turn: Turns or mirrors pictures `(m, 32, 32)`.
        neighbours: Nearest neighbours taken from each description.
        workers: Threads.

    Returns:
        `(p,)` and `(p,)` int64 rows; the same pair may come in either order.
    """
    rows, pairs = len(coarse), [np.empty(0, np.int64)]
    for describe in (_amplitudes, _detail):
        both = whiten(np.concatenate([describe(coarse), describe(turn(coarse))]))
        nearest = find_neighbours(both[:rows], neighbours, workers=workers, among=both[rows:]).nearest
        first, second = np.repeat(np.arange(rows), nearest.shape[1]), nearest.reshape(-1)
        pairs.append((first * rows + second)[first != second])
    codes = np.unique(np.concatenate(pairs))
    return codes // rows, codes % rows


def _encode(found: np.ndarray) -> np.ndarray:
    rows = np.repeat(np.arange(len(found)), found.shape[1])
    others = found.reshape(-1)
    return np.asarray(np.minimum(rows, others) * len(found) + np.maximum(rows, others), np.int64)


def _amplitudes(coarse: np.ndarray) -> np.ndarray:
    """Square roots of the low Fourier amplitudes `(n, 190)`: a shift changes phases only."""
    window = np.outer(np.hanning(COARSE + 2)[1:-1], np.hanning(COARSE + 2)[1:-1]).astype(np.float32)
    parts = []
    for start in range(0, len(coarse), _CHUNK):
        pictures = coarse[start : start + _CHUNK].astype(np.float32)
        pictures -= pictures.mean(axis=(1, 2), keepdims=True)
        spectrum = np.abs(scipy.fft.rfft2(pictures * window))
        low = np.concatenate(
            [
                spectrum[:, :_FREQUENCIES, :_FREQUENCIES].reshape(len(pictures), -1),
                spectrum[:, 1 - _FREQUENCIES :, 1:_FREQUENCIES].reshape(len(pictures), -1),
            ],
            axis=1,
        )
        parts.append(np.sqrt(low / (np.linalg.norm(low, axis=1, keepdims=True) + 1e-6)))
    return np.concatenate(parts)


def _detail(coarse: np.ndarray) -> np.ndarray:
    """High-passed pixels `(n, 1024)` of unit energy."""
    parts = []
    for start in range(0, len(coarse), _CHUNK):
        pixels = high_pass(coarse[start : start + _CHUNK]).reshape(-1, COARSE * COARSE)
        parts.append(pixels / (np.linalg.norm(pixels, axis=1, keepdims=True) + 1e-3))
    return np.concatenate(parts)
