"""Measure how well one picture explains another after the best small shift, zoom and turn.

Slow light changes are removed by a high-pass filter, brightness and contrast by normalisation. The shift found in the
Fourier domain is refined, with zoom and turn, by Gauss-Newton steps (Lucas and Kanade, 1981). The tenth of the pixels
that agree least is left out at the end, so that a watermark does not hide a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from toolkit.cleaning.shifts import MAX_SHIFT, search_shifts, spectral_weights
from toolkit.cleaning.thumbnails import COARSE, FINE, Thumbnails, blur, high_pass

_MAX_ZOOM = 0.12  # change of size; also the largest turn, in radians
# Correlations below which a pair is not worth the next, costlier look: a copy hardly ever is below them.
_GATE, _ZOOM_GATE, _FINE_GATE = 0.45, 0.8, 0.85
_ZOOM_STEPS = 2
_SMOOTH, _FINE_DETAIL = 0.6 / FINE, 2.2 / FINE  # the band in which fine thumbnails are compared
# Pixels at the rims that are left out: a shifted copy is filled with something else there.
_COARSE_RIM, _FINE_RIM = 1.5, 2.5
_TRIMMED = 0.1
_MIN_CONTRAST = 1.0  # grey levels; flatter pictures have nothing to recognise them by
_SEARCH_CHUNK, _REFINE_CHUNK = 2048, 128


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
    weights = spectral_weights(thumbnails.coarse)

    def measure(start: int) -> int:
        a, b = first[start : start + _SEARCH_CHUNK], second[start : start + _SEARCH_CHUNK]
        shifts, found = search_shifts(thumbnails.coarse, a, b, weights)
        near = np.flatnonzero(found >= _GATE)
        for part in np.array_split(near, max(1, -(-len(near) // _REFINE_CHUNK))):
            if len(part):
                found[part] = _refine(thumbnails, a[part], b[part], shifts[part])
        scores[start : start + len(a)] = found
        return len(a)

    done = 0
    with ThreadPoolExecutor(workers) as pool:
        for count in pool.map(measure, range(0, len(first), _SEARCH_CHUNK)):
            done += count
            if on_progress:
                on_progress(done, len(first))
    return scores


def _refine(thumbnails: Thumbnails, first: np.ndarray, second: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Trimmed correlation `(p,)` after refining shift, zoom and turn, as far as each pair is worth it."""
    pose = np.zeros((len(first), 4), np.float32)  # shift y, shift x (of the side), zoom, turn
    pose[:, :2] = -shifts / COARSE
    ours, theirs = _gather(thumbnails.coarse, first, second)
    ours, theirs = high_pass(ours), high_pass(theirs)
    # The shift first: a filled rim would otherwise be zoomed away.
    pose = _gauss_newton(ours, theirs, pose, 2)
    scores = _trimmed_correlation(ours, theirs, pose, _COARSE_RIM)
    near = np.flatnonzero(scores >= _ZOOM_GATE)
    if len(near):
        ours, theirs, closer = ours[near], theirs[near], pose[near]
        for _ in range(_ZOOM_STEPS):
            closer = _gauss_newton(ours, theirs, closer, 4)
        scores[near] = _trimmed_correlation(ours, theirs, closer, _COARSE_RIM)
        pose[near] = closer
    near = np.flatnonzero(scores >= _FINE_GATE)
    if len(near):
        ours, theirs = _gather(thumbnails.fine, first[near], second[near])
        ours, theirs = blur(ours, _SMOOTH), blur(theirs, _SMOOTH)  # noise and recoding live in the last pixel
        closer, wide = pose[near], (high_pass(ours), high_pass(theirs))
        for free in (2, 4):
            closer = _gauss_newton(*wide, closer, free)
        ours, theirs = ours - blur(ours, _FINE_DETAIL), theirs - blur(theirs, _FINE_DETAIL)
        scores[near] = _trimmed_correlation(ours, theirs, closer, _FINE_RIM)
    return scores


def _gather(pictures: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(pictures[first], np.float32), np.asarray(pictures[second], np.float32)


def _warp(pictures: np.ndarray, pose: np.ndarray, rim: float) -> tuple[np.ndarray, np.ndarray]:
    """Pictures seen from the pose, and which pixels `(m, s, s)` lie inside both frames (float32 0 or 1).

    One call warps all of them, stacked: a call a picture would take longer than its pixels.
    """
    count, side = pictures.shape[:2]
    middle = (side - 1) / 2
    dy, dx, zoom, turn = (pose[:, 0] * side, pose[:, 1] * side, 1 + pose[:, 2], pose[:, 3])
    places = np.arange(side, dtype=np.float32) - middle
    across, down = places[None, None, :], places[None, :, None]
    x = zoom[:, None, None] * across - turn[:, None, None] * down + (middle + dx)[:, None, None]
    y = turn[:, None, None] * across + zoom[:, None, None] * down + (middle + dy)[:, None, None]
    low, high = rim, side - 1 - rim
    own = (places + middle >= low) & (places + middle <= high)
    inside = (x >= low) & (x <= high) & (y >= low) & (y <= high) & own[None, None, :] & own[None, :, None]
    np.clip(x, 0, side - 1, out=x)
    np.clip(y, 0, side - 1, out=y)
    y += (np.arange(count, dtype=np.float32) * side)[:, None, None]
    stacked = pictures.reshape(count * side, side)
    moved = cv2.remap(stacked, x.reshape(-1, side), y.reshape(-1, side), cv2.INTER_LINEAR)
    return np.asarray(moved).reshape(pictures.shape), inside.astype(np.float32)


def _normalise(pictures: np.ndarray, valid: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zero mean and unit energy over valid pixels; and the standard deviation before, `(m,)`."""
    pictures = pictures * valid
    pictures -= (pictures.sum(axis=(1, 2)) / count)[:, None, None]
    pictures *= valid
    norm = np.sqrt(np.einsum("mij,mij->m", pictures, pictures))
    pictures /= (norm + 1e-6)[:, None, None]
    return pictures, norm / np.sqrt(count)


def _gauss_newton(ours: np.ndarray, theirs: np.ndarray, pose: np.ndarray, free: int) -> np.ndarray:
    """One step of the first `free` of shift y, shift x, zoom and turn."""
    pairs, side = ours.shape[:2]
    moved, valid = _warp(theirs, pose, _COARSE_RIM)
    count = valid.sum(axis=(1, 2)) + 1e-6
    a, b = _normalise(ours, valid, count)[0], _normalise(moved, valid, count)[0]
    slopes = np.zeros((pairs, free, side, side), np.float32)
    slopes[:, 0, 1:-1] = (b[:, 2:] - b[:, :-2]) * (side / 2)
    slopes[:, 1, :, 1:-1] = (b[:, :, 2:] - b[:, :, :-2]) * (side / 2)
    inner = np.zeros_like(valid)
    inner[:, 1:-1, 1:-1] = valid[:, 2:, 1:-1] * valid[:, :-2, 1:-1] * valid[:, 1:-1, 2:] * valid[:, 1:-1, :-2]
    slopes[:, :2] *= inner[:, None]
    if free > 2:
        place = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / side
        x, y = place[None, None, :], place[None, :, None]
        slopes[:, 2] = slopes[:, 1] * x + slopes[:, 0] * y
        slopes[:, 3] = slopes[:, 0] * x - slopes[:, 1] * y
    flat = slopes.reshape(pairs, free, -1)
    residual = (a - b).reshape(pairs, 1, -1)
    # Cauchy weights: what lies over one picture only must not pull the pose.
    spread = 2 * np.abs(residual).sum(axis=2, keepdims=True) / count[:, None, None]
    weighted = flat / (1 + np.square(residual / (spread + 1e-9)))
    normal = weighted @ flat.transpose(0, 2, 1)
    damping = 1e-3 * np.einsum("mii->mi", normal)[:, :, None] + 1e-6
    right = weighted @ residual.transpose(0, 2, 1)
    step = np.linalg.solve(normal + damping * np.eye(free, dtype=np.float32), right)[:, :, 0]
    pose = pose.copy()
    pose[:, :free] += np.clip(step, -0.04, 0.04)
    pose[:, :2] = np.clip(pose[:, :2], -1.3 * MAX_SHIFT, 1.3 * MAX_SHIFT)
    pose[:, 2:] = np.clip(pose[:, 2:], -_MAX_ZOOM, _MAX_ZOOM)
    return pose


def _trimmed_correlation(ours: np.ndarray, theirs: np.ndarray, pose: np.ndarray, rim: float) -> np.ndarray:
    moved, valid = _warp(theirs, pose, rim)
    count = valid.sum(axis=(1, 2)) + 1e-6
    a, contrast_a = _normalise(ours, valid, count)
    b, contrast_b = _normalise(moved, valid, count)
    # Outside pixels agree perfectly, so the cut is taken among those that agree least.
    difference = np.abs(a - b)
    left_out = (count * _TRIMMED).astype(int)
    most = int(left_out.max()) + 1
    flat = difference.reshape(len(a), -1)
    worst = np.sort(np.partition(flat, flat.shape[1] - most, axis=1)[:, -most:], axis=1)
    cut = worst[np.arange(len(a)), most - 1 - left_out]
    valid = valid * (difference <= cut[:, None, None])
    count = valid.sum(axis=(1, 2)) + 1e-6
    a, b = _normalise(a, valid, count)[0], _normalise(b, valid, count)[0]
    scores = np.einsum("mij,mij->m", a, b)
    return np.where(np.minimum(contrast_a, contrast_b) >= _MIN_CONTRAST, scores, 0).astype(np.float32)
