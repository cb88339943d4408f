"""Pictures as RGB arrays: reading one from wherever the manifest says it is, and the one way of resizing."""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from toolkit.decoding import MAX_PIXELS, decode_image, float_scale, sniff, three_channels, to_uint8
from toolkit.errors import UnreadableImageError
from toolkit.manifest import Location

ResizeMode = Literal["squash", "pad", "crop"]
VIEWS = ("identity", "horizontal_flip", "vertical_flip", "rotate_90", "rotate_180", "rotate_270")

_FIRST_BYTES = 65536
_ARRAYS_KEPT = 4


def read_image(location: Location) -> np.ndarray:
    """Read one picture as RGB, upright and without transparency; see `decode_image` for how each kind is converted.

    Args:
        location: An image file, or a row of an array `(n, h, w)`, `(n, h, w, 1)` or `(n, h, w, 3)` in an `.npz`.
            Floats of an array whose largest value is at most 1 run from 0 to 1, of any other array from 0 to 255;
            16-bit numbers lose their low byte; what lies outside the range is clipped.

    Returns:
        uint8 `(h, w, 3)`, RGB, 0–255.

    Raises:
        UnreadableImageError: `<file>: <reason>`; the reason is `missing`, `cannot be opened`, `empty file`,
            `not an image`, `truncated`, `damaged`, `decompression bomb: <w>×<h> pixels`, or names the colour mode or
            the fault of the array.
    """
    try:
        if location.array is not None:
            return _read_row(location.file, location.array, location.row)
        return decode_image(read_file(location.file))
    except UnreadableImageError as error:
        raise UnreadableImageError(f"{location.file}: {error}") from error


def unreadable_reason(error: UnreadableImageError) -> str:
    """The plain reason inside an error of `read_image`, such as `truncated`."""
    return str(error.__cause__ or error)


def read_file(file: Path) -> bytes:
    """The bytes of an image file; of a large file that is none, only the beginning is read.

    Raises:
        UnreadableImageError: It is missing, cannot be opened, or is no image.
    """
    # Plain system calls: for small pictures, each spared one lets threads work side by side.
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.read(handle, _FIRST_BYTES)
            more = os.read(handle, _FIRST_BYTES)  # network disks may return less than there is
            if more:
                sniff(content)  # a huge file that is no image is not read
                with open(handle, "rb", closefd=False) as stream:
                    content += more + stream.read()
            return content
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableImageError("missing") from error
    except OSError as error:
        raise UnreadableImageError("cannot be opened") from error


class _Arrays:
    """The arrays of `.npz` files that are in use, each read once a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Path, str, int, int], tuple[np.ndarray, float]] = OrderedDict()

    def get(self, file: Path, name: str) -> tuple[np.ndarray, float]:
        """The array and the scale that brings its values to 0–255."""
        with self._lock:
            try:
                status = file.stat()
                key = (file, name, status.st_size, status.st_mtime_ns)
                if key not in self._kept:
                    with np.load(file, allow_pickle=False) as archive:
                        array = archive[name]
                    self._kept[key] = (array, float_scale(array))
            except FileNotFoundError as error:
                raise UnreadableImageError("missing") from error
            except KeyError as error:
                raise UnreadableImageError(f"holds no array {name!r}") from error
            except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
                raise UnreadableImageError(f"array {name!r} cannot be read") from error
            self._kept.move_to_end(key)
            while len(self._kept) > _ARRAYS_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


_arrays = _Arrays()


def release_arrays() -> None:
    """Free the memory of the `.npz` arrays that were read."""
    _arrays.clear()


def _read_row(file: Path, name: str, row: int) -> np.ndarray:
    array, scale = _arrays.get(file, name)
    if array.dtype.kind not in "buif" or not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3))):
        raise UnreadableImageError(
            f"array {name!r} is {array.dtype} {array.shape}, not numbers (n, h, w), (n, h, w, 1) or (n, h, w, 3)"
        )
    if not 0 <= row < len(array):
        raise UnreadableImageError(f"array {name!r} has {len(array)} rows, none numbered {row}")
    if not array[row].size:
        raise UnreadableImageError("empty picture")
    return three_channels(to_uint8(array[row], scale))


def fit_geometry(height: int, width: int, size: int, mode: ResizeMode) -> tuple[int, int, int, int]:
    """Where a picture goes in a square, in whole numbers only, so that every twin of it agrees.

    With `round(a / b) = (2a + b) // 2b` (halves go up):

    - `squash`: both sides become `size`; the offsets are 0.
    - `pad`: the longer side m becomes `size`, the other `max(1, round(side * size / m))`; the offsets,
      `(size - new) // 2`, are where the picture starts in the black square.
    - `crop`: the shorter side m becomes `size`, the other `round(side * size / m)`; the offsets, `(new - size) // 2`,
      are where the square starts in the picture.

    Args:
        height: Of the picture, ≥ 1.
        width: Of the picture, ≥ 1.
        size: Side of the square, ≥ 1.
        mode: `squash`, `pad` or `crop`.

    Returns:
        `(new_height, new_width, top, left)`.
    """
    if mode == "squash":
        return size, size, 0, 0
    side = max(height, width) if mode == "pad" else min(height, width)
    new_height = max(1, (2 * height * size + side) // (2 * side))
    new_width = max(1, (2 * width * size + side) // (2 * side))
    if mode == "pad":
        return new_height, new_width, (size - new_height) // 2, (size - new_width) // 2
    return new_height, new_width, (new_height - size) // 2, (new_width - size) // 2


def resize(image: np.ndarray, size: int, mode: ResizeMode) -> np.ndarray:
    """Bring a picture to a square by Pillow's antialiased bilinear filter, the product's only resampling.

    First every row is brought to the new width, then every column to the new height; a side that keeps its length is
    left alone. Along an axis of `n` pixels that becomes `m`, with `s = n / m` and `f = max(s, 1)` in double precision,
    the new pixel i, around `c = (i + 0.5) * s`, weighs the old pixels j of `max(0, int(c - f + 0.5))` to
    `min(n, int(c + f + 0.5))`, the last excluded, by `max(0, 1 - |(j - c + 0.5) / f|)`, divided by their sum. Each
    weight w becomes the whole number `k = int(w * 2**22 + 0.5)`; the result is `(2**21 + Σ k * pixel) >> 22`, in
    0–255, so it is the same on every machine.

    Args:
        image: uint8 `(h, w, 3)`.
        size: Side of the square in pixels.
        mode: `squash` ignores the aspect, `pad` keeps it and fills with black, `crop` keeps it and cuts the middle;
            see `fit_geometry`.

    Returns:
        uint8 `(size, size, 3)`; the picture itself, not a copy, if it has that size.

    Raises:
        UnreadableImageError: A thread of a picture, which `crop` would blow up beyond `MAX_PIXELS`.
    """
    height, width = image.shape[:2]
    if height == width == size:
        return image
    new_height, new_width, top, left = fit_geometry(height, width, size, mode)
    if new_height * new_width > MAX_PIXELS:
        raise UnreadableImageError(f"too elongated to crop: {width}×{height} pixels")
    # One axis a call: which one Pillow takes first, and so the rounding between, differs between its versions.
    picture = Image.fromarray(image).resize((new_width, height), Image.Resampling.BILINEAR)
    scaled = np.array(picture.resize((new_width, new_height), Image.Resampling.BILINEAR))
    if mode == "squash":
        return scaled
    if mode == "crop":
        return np.ascontiguousarray(scaled[top : top + size, left : left + size])
    square = np.zeros((size, size, 3), np.uint8)
    square[top : top + new_height, left : left + new_width] = scaled
    return square


def view_of(images: np.ndarray, view: str) -> np.ndarray:
    """Pictures as test-time augmentation shows them to a network.

    Args:
        images: `(n, s, s, 3)`.
        view: One of `VIEWS`; rotations are counter-clockwise.

    Returns:
        The same kind; `identity` is `images` itself.

    Raises:
        ValueError: Unknown view.
    """
    if view == "identity":
        return images
    if view == "horizontal_flip":
        return np.ascontiguousarray(images[:, :, ::-1])
    if view == "vertical_flip":
        return np.ascontiguousarray(images[:, ::-1])
    turns = {"rotate_90": 1, "rotate_180": 2, "rotate_270": 3}
    if view not in turns:
        raise ValueError(f"There is no view {view!r}; known: {', '.join(VIEWS)}.")
    return np.ascontiguousarray(np.rot90(images, turns[view], axes=(1, 2)))
