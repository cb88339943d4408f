"""Find the whole-pixel shift between two pictures by cross-correlation in the Fourier domain.

Frequencies count by how little all pictures of the data set share them, so that common structure (a background, a
texture) does not decide where two pictures match.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from toolkit.cleaning.thumbnails import COARSE, high_pass

MAX_SHIFT = 0.125  # of the side
_WINDOW = np.sqrt(np.outer(np.hanning(COARSE + 2)[1:-1], np.hanning(COARSE + 2)[1:-1])).astype(np.float32)


def _spectra(coarse: np.ndarray) -> np.ndarray:
    """Windowed Fourier transforms `(m, 32, 17)` complex64 of the high-passed pictures, of unit energy."""
    pictures = high_pass(coarse) * _WINDOW
    pictures /= np.linalg.norm(pictures, axis=(1, 2), keepdims=True) + 1e-3
    return np.asarray(scipy.fft.rfft2(pictures))


def spectral_weights(coarse: np.ndarray) -> np.ndarray:
    """Weight of each frequency `(32, 17)` float32 for coarse thumbnails `(n, 32, 32)` of one data set."""
    sample = coarse[:: max(1, len(coarse) // 2000)]
    amplitude = np.sqrt((np.abs(_spectra(sample)) ** 2).mean(axis=0))
    return np.asarray(1 / (amplitude + 0.1 * amplitude.max() + 1e-12) ** 2, np.float32)


def search_shifts(
    coarse: np.ndarray, first: np.ndarray, second: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Best shift of each pair of pictures.

    Args:
        coarse: `(n, 32, 32)` uint8 thumbnails.
        first: `(p,)` rows.
        second: `(p,)` rows.
        weights: From `spectral_weights`.

    Returns:
        `(p, 2)` shifts (y, x) in coarse pixels, such that second(place - shift) shows first(place); and `(p,)` float32
        correlation of the high-passed pictures there.
    """
    limit = int(COARSE * MAX_SHIFT)
    span = 2 * limit + 1
    rows, where = np.unique(np.concatenate([first, second]), return_inverse=True)
    spectra, pictures = _spectra(coarse[rows]), high_pass(coarse[rows])
    a, b = where[: len(first)], where[len(first) :]
    cross = np.asarray(scipy.fft.irfft2(spectra[a] * spectra[b].conj() * weights, s=(COARSE, COARSE)))
    near = np.roll(cross, (limit, limit), axis=(1, 2))[:, :span, :span].reshape(len(a), -1)
    peak = near.argmax(axis=1)
    shifts = np.stack([peak // span - limit, peak % span - limit], axis=1)
    scores = np.empty(len(a), np.float32)
    for code in np.unique(peak):
        at = np.flatnonzero(peak == code)
        scores[at] = _shifted_correlation(pictures, a[at], b[at], *shifts[at[0]])
    unmoved = _shifted_correlation(pictures, a, b, 0, 0)
    shifts[unmoved > scores] = 0
    return shifts, np.maximum(scores, unmoved)


def _shifted_correlation(pictures: np.ndarray, a: np.ndarray, b: np.ndarray, dy: int, dx: int) -> np.ndarray:
    side = pictures.shape[1]
    ours = pictures[a][:, max(dy, 0) : side + min(dy, 0), max(dx, 0) : side + min(dx, 0)].reshape(len(a), -1)
    theirs = pictures[b][:, max(-dy, 0) : side + min(-dy, 0), max(-dx, 0) : side + min(-dx, 0)].reshape(len(b), -1)
    ours = ours - ours.mean(axis=1, keepdims=True)
    theirs = theirs - theirs.mean(axis=1, keepdims=True)
    energy = np.sqrt((ours * ours).sum(axis=1) * (theirs * theirs).sum(axis=1))
    return np.asarray((ours * theirs).sum(axis=1) / (energy + 1e-3), np.float32)
