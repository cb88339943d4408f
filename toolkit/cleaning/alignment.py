"""Measure how well one picture explains another after the best small shift, zoom and turn.

Works on grey thumbnails. Slow light changes are removed by a high-pass filter, brightness and contrast by
normalisation. The shift is found by cross-correlation in the Fourier domain, weighted so that detail common to the
whole data set counts little; shift, zoom and turn are then refined by Gauss–Newton steps (Lucas and Kanade, 1981), and
the tenth of the pixels that agree least is left out, so that a watermark does not hide a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

COARSE, FINE = 32, 48  # thumbnail sides in pixels
MAX_SHIFT = 0.125  # of the side
_MAX_SCALE = 0.12  # change of size, and turn in radians
_GATE = 0.45  # coarse correlation below which refinement is not worth its time
_MIN_CONTRAST = 1.0  # grey levels; flatter pictures have nothing to recognise them by
_TRIMMED = 0.1
_SEARCH_CHUNK, _REFINE_CHUNK = 4096, 128
_FINE_GATE = 0.75  # coarse correlation after refinement below which the fine thumbnails are not looked at
_COARSE_STEPS, _FINE_STEPS = 3, 2


@dataclass(frozen=True)
class Thumbnails:
    """Grey thumbnails of n pictures.

    Attributes:
        coarse: `(n, 32, 32)` uint8.
        fine: `(n, 48, 48)` uint8.
    """

    coarse: np.ndarray
    fine: np.ndarray


def make_thumbnails(images: np.ndarray) -> Thumbnails:
    """Shrink uint8 RGB pictures `(m, h, w, 3)`."""
    found = Thumbnails(np.empty((len(images), COARSE, COARSE), np.uint8), np.empty((len(images), FINE, FINE), np.uint8))
    for row, image in enumerate(images):
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found.coarse[row] = cv2.resize(grey, (COARSE, COARSE), interpolation=cv2.INTER_AREA)
        found.fine[row] = cv2.resize(grey, (FINE, FINE), interpolation=cv2.INTER_AREA)
    return found


def measure_pairs(
    thumbnails: Thumbnails,
    first: np.ndarray,
    second: np.ndarray,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Correlation of each pair of pictures at its best alignment.

    Args:
        thumbnails: Of n pictures.
        first: `(p,)` rows.
        second: `(p,)` rows.
        workers: Threads.
        on_progress: Called with (pairs done, all pairs).

    Returns:
        `(p,)` float32 in -1–1; 1 = the same picture. Pairs that are clearly different get a coarse value only.
    """
    scores = np.zeros(len(first), np.float32)
    if not len(first):
        return scores
    weights = _spectral_weights(thumbnails.coarse)
    for start in range(0, len(first), _SEARCH_CHUNK):
        a, b = first[start : start + _SEARCH_CHUNK], second[start : start + _SEARCH_CHUNK]
        shifts, coarse = _search_shifts(thumbnails.coarse, a, b, weights)
        near = np.flatnonzero(coarse >= _GATE)
        parts = [part for part in np.array_split(near, max(1, -(-len(near) // _REFINE_CHUNK))) if len(part)]
        with ThreadPoolExecutor(workers) as pool:
            refined = pool.map(lambda part: _refine(thumbnails, a[part], b[part], shifts[part]), parts)  # noqa: B023
            for part, values in zip(parts, refined, strict=True):
                coarse[part] = values
        scores[start : start + len(a)] = coarse
        if on_progress:
            on_progress(start + len(a), len(first))
    return scores


def high_pass(pictures: np.ndarray) -> np.ndarray:
    """Subtract from each picture its Gaussian mean, a fourteenth of the side wide.

    Args:
        pictures: `(m, s, s)`.

    Returns:
        `(m, s, s)` float32.
    """
    pictures = pictures.astype(np.float32, copy=False)
    return np.asarray(pictures - _blur(pictures) / _blur(np.ones((1, *pictures.shape[1:]), np.float32)))


def _blur(pictures: np.ndarray) -> np.ndarray:
    """Unnormalised Gaussian sums; two large matrix products are faster here than many small filters."""
    side = pictures.shape[1]
    kernel = _gaussian(side)
    across = (pictures.reshape(-1, side) @ kernel).reshape(-1, side, side)
    down = np.ascontiguousarray(across.transpose(0, 2, 1)).reshape(-1, side) @ kernel
    return np.asarray(down.reshape(-1, side, side).transpose(0, 2, 1))


def _gaussian(side: int) -> np.ndarray:
    places = np.arange(side)
    width = side / 14
    return np.exp(-0.5 * ((places[:, None] - places[None]) / width) ** 2).astype(np.float32)


def _spectra(coarse: np.ndarray) -> np.ndarray:
    """Windowed Fourier transforms `(m, 32, 17)` complex64 of the high-passed pictures, of unit energy."""
    window = np.sqrt(np.outer(np.hanning(COARSE + 2)[1:-1], np.hanning(COARSE + 2)[1:-1])).astype(np.float32)
    pictures = high_pass(coarse) * window
    pictures /= np.linalg.norm(pictures, axis=(1, 2), keepdims=True) + 1e-3
    return np.asarray(scipy.fft.rfft2(pictures))


def _spectral_weights(coarse: np.ndarray) -> np.ndarray:
    sample = coarse[:: max(1, len(coarse) // 2000)]
    amplitude = np.sqrt((np.abs(_spectra(sample)) ** 2).mean(axis=0))
    return np.asarray(1 / (amplitude + 0.1 * amplitude.max() + 1e-12) ** 2, np.float32)


def _search_shifts(
    coarse: np.ndarray, first: np.ndarray, second: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Best whole-pixel shift `(p, 2)` (y, x: second(place - shift) = first(place)) and the correlation there `(p,)`."""
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


def _refine(thumbnails: Thumbnails, first: np.ndarray, second: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Trimmed correlation `(p,)` after refining shift, zoom and turn."""
    pose = np.zeros((len(first), 4), np.float32)  # shift y, shift x (of the side), zoom, turn
    pose[:, :2] = -shifts / COARSE
    scores, pose = _climb(thumbnails.coarse, first, second, pose, _COARSE_STEPS)
    near = np.flatnonzero(scores >= _FINE_GATE)
    if len(near):
        scores[near], _ = _climb(thumbnails.fine, first[near], second[near], pose[near], _FINE_STEPS)
    return scores


def _climb(
    pictures: np.ndarray, first: np.ndarray, second: np.ndarray, pose: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    ours, theirs = pictures[first].astype(np.float32), pictures[second].astype(np.float32)
    for _ in range(steps):
        pose = _gauss_newton(ours, theirs, pose)
    return _trimmed_correlation(ours, theirs, pose), pose


def _warp(pictures: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures seen from the pose, and which pixels `(m, s, s)` were inside the frame (float32 0 or 1)."""
    side = pictures.shape[1]
    middle = (side - 1) / 2
    dy, dx, zoom, turn = pose[:, 0] * side, pose[:, 1] * side, 1 + pose[:, 2], pose[:, 3]
    maps = np.stack([zoom, -turn, middle + dx - zoom * middle + turn * middle,
                     turn, zoom, middle + dy - turn * middle - zoom * middle], axis=1)  # fmt: skip
    maps = maps.reshape(-1, 2, 3).astype(np.float32)
    moved = np.empty_like(pictures)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for row in range(len(pictures)):
        cv2.warpAffine(
            pictures[row], maps[row], (side, side), dst=moved[row], flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    places = np.arange(side, dtype=np.float32)
    x = maps[:, 0, 0, None, None] * places + maps[:, 0, 1, None, None] * places[:, None] + maps[:, 0, 2, None, None]
    y = maps[:, 1, 0, None, None] * places + maps[:, 1, 1, None, None] * places[:, None] + maps[:, 1, 2, None, None]
    inside = (x >= 0) & (x <= side - 1) & (y >= 0) & (y <= side - 1)
    return moved, inside.astype(np.float32)


def _compare(ours: np.ndarray, theirs: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both pictures of each pair over their common pixels, high-passed there, and those pixels; all `(m, s, s)`."""
    moved, valid = _warp(theirs, pose)
    masked = np.concatenate([ours * valid, moved * valid, valid])
    sums = _blur(masked).reshape(3, *valid.shape)
    weight = sums[2] + 1e-3
    return (ours - sums[0] / weight) * valid, (moved - sums[1] / weight) * valid, valid


def _normalise(pictures: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zero mean and unit energy over valid pixels; and the standard deviation before, `(m,)`. Changes `pictures`."""
    count = valid.sum(axis=(1, 2)) + 1e-6
    pictures -= (pictures.sum(axis=(1, 2)) / count)[:, None, None]
    pictures *= valid
    norm = np.sqrt(np.einsum("mij,mij->m", pictures, pictures))
    pictures /= (norm + 1e-6)[:, None, None]
    return pictures, norm / np.sqrt(count)


def _gauss_newton(ours: np.ndarray, theirs: np.ndarray, pose: np.ndarray) -> np.ndarray:
    side = ours.shape[1]
    a, b, valid = _compare(ours, theirs, pose)
    a, b = _normalise(a, valid)[0], _normalise(b, valid)[0]
    slope_y, slope_x = np.zeros_like(b), np.zeros_like(b)
    slope_y[:, 1:-1] = (b[:, 2:] - b[:, :-2]) * (side / 2)
    slope_x[:, :, 1:-1] = (b[:, :, 2:] - b[:, :, :-2]) * (side / 2)
    inner = valid.copy()
    inner[:, 1:-1] *= valid[:, 2:] * valid[:, :-2]
    inner[:, :, 1:-1] *= valid[:, :, 2:] * valid[:, :, :-2]
    inner[:, [0, -1]] = 0
    inner[:, :, [0, -1]] = 0
    slope_y, slope_x = slope_y * inner, slope_x * inner
    place = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / side
    x, y = place[None], place[:, None]
    slopes = np.stack([slope_y, slope_x, slope_x * x + slope_y * y, slope_y * x - slope_x * y], axis=1)
    slopes = slopes.reshape(len(ours), 4, -1)
    normal = slopes @ slopes.transpose(0, 2, 1)
    damping = 1e-3 * np.einsum("mii->mi", normal)[:, :, None] * np.eye(4, dtype=np.float32)
    right = slopes @ (a - b).reshape(len(ours), -1, 1)
    step = np.linalg.solve(normal + damping + 1e-6 * np.eye(4, dtype=np.float32), right)[:, :, 0]
    pose = pose + np.clip(step, -0.04, 0.04)
    pose[:, :2] = np.clip(pose[:, :2], -1.3 * MAX_SHIFT, 1.3 * MAX_SHIFT)
    pose[:, 2:] = np.clip(pose[:, 2:], -_MAX_SCALE, _MAX_SCALE)
    return pose.astype(np.float32)


def _trimmed_correlation(ours: np.ndarray, theirs: np.ndarray, pose: np.ndarray) -> np.ndarray:
    a, b, valid = _compare(ours, theirs, pose)
    a, contrast_a = _normalise(a, valid)
    b, contrast_b = _normalise(b, valid)
    difference = np.where(valid > 0, np.abs(a - b), -1).reshape(len(a), -1)
    # Outside pixels sort first, so the cut is taken from the far end.
    kept = difference.shape[1] - 1 - (valid.sum(axis=(1, 2)) * _TRIMMED).astype(int)
    ordered = np.sort(difference, axis=1)
    cut = ordered[np.arange(len(a)), kept]
    valid = valid * (np.abs(a - b) <= cut[:, None, None])
    a, b = _normalise(a * valid, valid)[0], _normalise(b * valid, valid)[0]
    scores = np.einsum("mij,mij->m", a, b)
    return np.where(np.minimum(contrast_a, contrast_b) >= _MIN_CONTRAST, scores, 0).astype(np.float32)
