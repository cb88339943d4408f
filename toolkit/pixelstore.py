"""Pictures decoded once, at the size that training wants, in a file that every step shares.

A store is a folder of two files that only grow. `pixels.u8` holds the pictures one after the other; each line of
`index.jsonl` says which contents the next run of them has. A line is written after its pixels are safely on disk, so
whatever kills a build costs at most the chunk in work. Pictures are found by content: other ids, fewer pictures or
the same picture twice need no decoding, and new ones are added behind the old.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import disk_full
from toolkit.errors import DataError, UnreadableImageError
from toolkit.images import ResizeMode, read_image, release_arrays, resize, unreadable_reason
from toolkit.manifest import Location, Manifest

PIXELS_VERSION = 1  # raise it when the same file gives other pixels
CHUNK_PICTURES = 512  # what an interrupted build can lose
_TASK_PICTURES = 16
_NOT_STORED = -1
# What stands for the content hash of a file without content; such pictures are never remembered.
_NO_CONTENT = {"missing": "missing", "unreadable": "cannot be opened"}

OnProgress = Callable[[int, int], None]


class PixelStore:
    """Pictures at one size, by image id; made by `PixelStore.build`.

    Attributes:
        image_ids: `(n,)` object array of str.
        size: Side of the square pictures in pixels.
        mode: How they were brought to it: `squash`, `pad` or `crop`.
        unreadable: Reason for each image id whose picture cannot be decoded; its pixels are zeros.
    """

    def __init__(
        self, image_ids: np.ndarray, places: list[_Place], unreadable: dict[str, str], file: Path, how: _How
    ) -> None:
        self.image_ids = image_ids
        self.size = how.size
        self.mode = how.mode
        self.unreadable = unreadable
        self._places = dict(zip(image_ids.tolist(), places, strict=True))
        self._file = file
        self._how = how
        self._pixels: np.ndarray | None = None

    @classmethod
    def build(
        cls,
        folder: Path,
        manifest: Manifest,
        content_hashes: Sequence[str],
        size: int,
        mode: ResizeMode,
        workers: int | None = None,
        on_progress: OnProgress | None = None,
        cache_bytes: int | None = None,
    ) -> PixelStore:
        """Decode what is not decoded yet; what an earlier or interrupted build has done is used.

        Args:
            folder: Cache of all stores; each size, mode and version has a folder of its own in it.
            manifest: The pictures, n rows.
            content_hashes: `(n,)` SHA-256 of each row's file, or `missing` or `unreadable`.
            size: Side of the square in pixels.
            mode: `squash`, `pad` or `crop`, see `toolkit.images.resize`.
            workers: Threads, by default one a processor; the files are the same for any number.
            on_progress: Called as `on_progress(done, total)` with numbers of different pictures.
            cache_bytes: How large the store may grow, by default by half the free disk. Where the pictures do not
                fit, new ones are checked here and decoded again at each `read`, to the same pixels.

        Raises:
            DataError: Not one hash a row.
            DiskFullError: The disk is full; what was done is kept.
        """
        if len(content_hashes) != len(manifest):
            raise DataError(f"{len(content_hashes)} content hashes were given for {len(manifest)} pictures.")
        how = _How(size, mode, workers or _processors())
        locations = manifest.locations()
        keys = [_content_key(place, content) for place, content in zip(locations, content_hashes, strict=True)]
        wanted = {
            key: place for key, place, content in zip(keys, locations, content_hashes, strict=True)
            if content not in _NO_CONTENT
        }  # fmt: skip
        files = _Files(folder / f"{size}px-{mode}-v{PIXELS_VERSION}", size)
        index = files.load()
        if any(key not in index.slots for key in wanted):
            with files.locked():
                index = files.load()
                _add(files, index, wanted, how, cache_bytes, on_progress)
        elif on_progress:
            on_progress(len(wanted), len(wanted))

        places, unreadable = [], {}
        for name, key, place, content in zip(manifest.image_ids, keys, locations, content_hashes, strict=True):
            reason = _NO_CONTENT.get(content) or index.unreadable.get(key)
            if reason:
                unreadable[name] = reason
            places.append(_Place(index.slots.get(key, _NOT_STORED), None if reason else place))
        return cls(manifest.image_ids, places, unreadable, files.pixels, how)

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def stored(self) -> bool:
        """Whether all pictures are on disk; if not, the others are decoded at each `read`."""
        return all(place.slot != _NOT_STORED or place.location is None for place in self._places.values())

    def read(self, image_ids: Iterable[str]) -> np.ndarray:
        """Copies of pictures, in the order asked.

        Args:
            image_ids: m ids, in any order, repeated or not.

        Returns:
            uint8 `(m, size, size, 3)`, RGB, 0–255.

        Raises:
            DataError: An id is not in the store.
        """
        try:
            places = [self._places[name] for name in image_ids]
        except KeyError as error:
            raise DataError(
                f"Picture {error.args[0]!r} is not among the {len(self)} decoded ones. Results of one data set cannot "
                "be joined with another."
            ) from error
        slots = np.array([place.slot for place in places], np.int64)
        if len(slots) and (slots != _NOT_STORED).all():
            return self._mapped()[slots]
        pictures = np.zeros((len(places), self.size, self.size, 3), np.uint8)
        kept = np.flatnonzero(slots != _NOT_STORED)
        if len(kept):
            pictures[kept] = self._mapped()[slots[kept]]
        decoded = [(row, place.location) for row, place in enumerate(places) if place.decoded_on_the_fly]
        if decoded:
            with ThreadPoolExecutor(min(self._how.workers, len(decoded))) as pool:
                for (row, _), (picture, _) in zip(
                    decoded, pool.map(self._how.decode, [place for _, place in decoded]), strict=True
                ):
                    pictures[row] = picture
        return pictures

    def _mapped(self) -> np.ndarray:
        if self._pixels is None:
            flat = np.memmap(self._file, np.uint8, "r")
            n = len(flat) // (self.size * self.size * 3)
            self._pixels = flat[: n * self.size * self.size * 3].reshape(n, self.size, self.size, 3)
        return self._pixels

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None}  # other processes map the file themselves


@dataclass(frozen=True)
class _Place:
    """Where a picture's pixels are: a slot of the store, else a file; neither for an unreadable one."""

    slot: int
    location: Location | None

    @property
    def decoded_on_the_fly(self) -> bool:
        return self.slot == _NOT_STORED and self.location is not None


@dataclass(frozen=True)
class _How:
    """How pictures are decoded."""

    size: int
    mode: ResizeMode
    workers: int

    def decode(self, location: Location | None) -> tuple[np.ndarray, str]:
        """The picture and an empty reason, or black and the reason why it cannot be read."""
        if location is not None:
            try:
                return resize(read_image(location), self.size, self.mode), ""
            except UnreadableImageError as error:
                return np.zeros((self.size, self.size, 3), np.uint8), unreadable_reason(error)
        return np.zeros((self.size, self.size, 3), np.uint8), "missing"


@dataclass
class _Index:
    """What the store holds, by content key.

    Attributes:
        slots: Number of each picture in the file of pixels, −1 = checked but not stored.
        unreadable: Reason of each picture that cannot be decoded.
        length: Stored pictures.
    """

    slots: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    length: int = 0

    def add(self, keys: Sequence[str], reasons: dict[str, str], stored: bool) -> None:
        for key in keys:
            self.slots[key] = self.length if stored else _NOT_STORED
            self.length += stored
        self.unreadable.update(reasons)
