"""Look at every picture once: what later steps compare and judge is measured here, and nothing is judged.

A large JPEG is decoded at a fraction of its size, which its format allows at a fraction of the time; the small
pictures made of it are larger by far than what they are compared at.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from toolkit.cleaning.chunks import Progress, fill
from toolkit.cleaning.hashing import hash_greys, shrink_grey
from toolkit.cleaning.quality import measure_quality
from toolkit.cleaning.thumbnails import COARSE, COLOUR, FINE, make_thumbnail
from toolkit.decoding import decode_reduced, sniff
from toolkit.errors import UnreadableImageError
from toolkit.images import read_file, read_image
from toolkit.manifest import Location

FORMATS = ("", "JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "other")
CHUNK, _TASK = 1024, 32
_LEAST_SIDE = FINE * 5 // 4  # of a reduced JPEG, pixels: a quarter more than is compared
_ANIMATED = {"GIF", "PNG", "WEBP", "AVIF", "TIFF"}
PRINT = np.dtype(
    [
        ("readable", "?"),
        ("format", "u1"),  # index into FORMATS; 0 for a row of an array
        ("frames", "u2"),
        ("width", "u4"),
        ("height", "u4"),
        ("content", "V16"),  # hash of what was seen
        ("phash", "u8"),
        ("dhash", "u8"),
        ("quality", "f4", (4,)),
        ("coarse", "u1", (COARSE, COARSE)),
        ("fine", "u1", (FINE, FINE)),
        ("colour", "u1", (COLOUR, COLOUR, 3)),
    ]
)


@dataclass(frozen=True)
class _Seen:
    picture: np.ndarray
    width: int
    height: int
    format: int
    frames: int


def inspect_pictures(
    locations: Sequence[Location], file: Path, workers: int = 2, on_progress: Progress | None = None
) -> np.ndarray:
    """Measure n pictures.

    Args:
        locations: Where they are.
        file: `.npy` file of the result, continued where an earlier call was interrupted; its name must tell the
            pictures by content.
        workers: Threads.
        on_progress: Called with (pictures done, n).

    Returns:
        `(n,)` records of `PRINT`, mapped from the file: about 4.2 kB a picture on disk. Hashes and measures are of
        the picture as it was decoded: whole, or at 1/2, 1/4 or 1/8 of a large JPEG's sides.
    """
    with ThreadPoolExecutor(workers) as pool:

        def compute(start: int, stop: int) -> np.ndarray:
            records = np.zeros(stop - start, PRINT)
            small = np.zeros((stop - start, 32, 32), np.uint8)
            gradients = np.zeros((stop - start, 8, 9), np.uint8)
            parts = [locations[begin : begin + _TASK] for begin in range(start, stop, _TASK)]
            rows = (seen for part in pool.map(_measure_all, parts) for seen in part)
            for row, seen in enumerate(rows):
                if seen is not None:
                    records[row], small[row], gradients[row] = seen
            hashes = hash_greys(small, gradients)
            records["phash"], records["dhash"] = hashes.phash, hashes.dhash
            return records

        return fill(file, (len(locations),), PRINT, compute, CHUNK, on_progress)


def _measure_all(locations: Sequence[Location]) -> list[tuple[tuple[object, ...], np.ndarray, np.ndarray] | None]:
    return [_measure(location) for location in locations]


def _measure(location: Location) -> tuple[tuple[object, ...], np.ndarray, np.ndarray] | None:
    """A record of `PRINT`, and what the hashes are made of; None where the picture cannot be read."""
    try:
        seen = _look(location)
    except UnreadableImageError:
        return None
    grey = np.asarray(Image.fromarray(seen.picture).convert("L"))
    coarse, fine, colour = make_thumbnail(seen.picture, grey)
    digest = hashlib.blake2b(b"%dx%d" % (seen.width, seen.height) + coarse.tobytes() + fine.tobytes(), digest_size=16)
    digest.update(colour.tobytes())
    record = (True, seen.format, min(seen.frames, 65535), seen.width, seen.height, digest.digest(), 0, 0,
              measure_quality(grey), coarse, fine, colour)  # fmt: skip
    return record, *shrink_grey(grey)


def _look(location: Location) -> _Seen:
    if location.array is not None:
        picture = read_image(location)
        return _Seen(picture, picture.shape[1], picture.shape[0], 0, 1)
    content = read_file(location.file)
    kind = sniff(content)
    code = FORMATS.index(kind) if kind in FORMATS else len(FORMATS) - 1
    if kind == "JPEG":
        reduced = decode_reduced(content, _LEAST_SIDE)
        if reduced is not None:
            picture, width, height = reduced
            return _Seen(picture, width, height, code, 1)
    picture = read_image(location)
    frames = _frames(content) if kind in _ANIMATED else 1
    return _Seen(picture, picture.shape[1], picture.shape[0], code, frames)


def _frames(content: bytes) -> int:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # the picture itself was readable
        return 1


def pixel_keys(prints: np.ndarray, locations: Sequence[Location], workers: int = 2) -> list[str]:
    """One string a picture, equal exactly where pictures decode to the same pixels in the same shape.

    Only pictures that looked the same are decoded whole and compared.

    Args:
        prints: `(n,)` records of `PRINT`.
        locations: n places.
        workers: Threads.
    """
    seen = [bytes(value).hex() for value in prints["content"].tolist()]
    _, inverse, counts = np.unique(np.asarray(seen), return_inverse=True, return_counts=True)
    shared = np.flatnonzero((counts > 1)[inverse.reshape(-1)] & prints["readable"]).tolist()
    keys = [f"seen-{row}" for row in range(len(prints))]
    with ThreadPoolExecutor(workers) as pool:
        for row, key in zip(shared, pool.map(lambda row: whole_key(locations[row]), shared), strict=True):
            keys[row] = key
    return [key if readable else "" for key, readable in zip(keys, prints["readable"].tolist(), strict=True)]


def whole_key(location: Location) -> str:
    """Hash of a picture's decoded pixels and their shape."""
    image = read_image(location)
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
