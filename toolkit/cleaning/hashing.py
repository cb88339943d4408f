"""Perceptual hashes of pictures in bulk, bit-identical to imagehash's `phash` and `dhash`.

A hash proposes pairs that may be duplicates. It never decides: pictures of one kind on one background often share
most of their 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.fft
from PIL import Image

PixelReader = Callable[[Sequence[str]], np.ndarray]
_DCT_SIZE, _KEPT = 32, 8  # imagehash: hash_size 8, highfreq_factor 4
_CHUNK = 512


@dataclass(frozen=True)
class Hashes:
    """Hashes of m pictures.

    Attributes:
        phash: `(m,)` uint64, equal to `int(str(imagehash.phash(image)), 16)`.
        dhash: `(m,)` uint64, equal to `int(str(imagehash.dhash(image)), 16)`.
    """

    phash: np.ndarray
    dhash: np.ndarray


def hash_images(images: np.ndarray | Sequence[np.ndarray], workers: int = 2) -> Hashes:
    """Compute both hashes of each picture.

    Args:
        images: uint8 RGB pictures `(h, w, 3)`, as `(m, h, w, 3)` or a sequence of different sizes.
        workers: Threads; Pillow resizes outside the interpreter lock.
    """
    thumbnails = np.empty((len(images), _DCT_SIZE, _DCT_SIZE), np.uint8)
    gradients = np.empty((len(images), _KEPT, _KEPT + 1), np.uint8)

    def shrink(row: int) -> None:
        thumbnails[row], gradients[row] = shrink_grey(np.asarray(Image.fromarray(images[row]).convert("L")))

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(shrink, range(len(images)), chunksize=64):
            pass
    return hash_greys(thumbnails, gradients)


def shrink_grey(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the hashes are made of: a grey picture `(h, w)` uint8 shrunk to `(32, 32)` and to `(8, 9)`."""
    picture = Image.fromarray(grey)
    return (
        np.asarray(picture.resize((_DCT_SIZE, _DCT_SIZE), Image.Resampling.LANCZOS)),
        np.asarray(picture.resize((_KEPT + 1, _KEPT), Image.Resampling.LANCZOS)),
    )


def hash_greys(thumbnails: np.ndarray, gradients: np.ndarray) -> Hashes:
    """Hashes of m pictures shrunk by `shrink_grey`: `(m, 32, 32)` and `(m, 8, 9)` uint8."""
    return Hashes(_phash(thumbnails), _pack(gradients[:, :, 1:] > gradients[:, :, :-1]))


def hash_all(
    read: PixelReader,
    image_ids: Sequence[str],
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> Hashes:
    """Compute both hashes of stored pictures, a chunk at a time.

    Args:
        read: Gives the pixels `(m, h, w, 3)` uint8 of image ids.
        image_ids: Pictures in the order of the result.
        workers: Threads.
        on_progress: Called with (pictures done, all pictures).
    """
    parts = [Hashes(np.empty(0, np.uint64), np.empty(0, np.uint64))]
    for start in range(0, len(image_ids), _CHUNK):
        chunk = image_ids[start : start + _CHUNK]
        parts.append(hash_images(read(chunk), workers))
        if on_progress:
            on_progress(start + len(chunk), len(image_ids))
    return Hashes(np.concatenate([part.phash for part in parts]), np.concatenate([part.dhash for part in parts]))


def _phash(thumbnails: np.ndarray) -> np.ndarray:
    # The median splits exact zeros of the transform (flat or symmetric pictures) from rounding noise, so only the very
    # transform that imagehash calls gives its bits; a multiplication by a cosine matrix does not.
    rows = scipy.fft.dct(thumbnails.astype(np.float64), axis=1)[:, :_KEPT]  # (m, 8, 32)
    low = scipy.fft.dct(np.ascontiguousarray(rows), axis=2)[:, :, :_KEPT].reshape(len(thumbnails), -1)  # (m, 64)
    return _pack(low > np.median(low, axis=1)[:, None])


def _pack(bits: np.ndarray) -> np.ndarray:
    """Bits `(m, …)` of 64 a picture to `(m,)` uint64, first bit highest."""
    packed = np.packbits(bits.reshape(len(bits), 64), axis=1)
    return packed.view(">u8")[:, 0].astype(np.uint64) if len(bits) else np.empty(0, np.uint64)
