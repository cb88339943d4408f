"""Pictures decoded once, at the size that training wants, in files that every step shares.

Pictures are found by content: other ids, fewer pictures or the same picture twice need no decoding, and new pictures
are added to those that are there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.errors import DataError, UnreadableImageError
from toolkit.images import ResizeMode, read_image, release_arrays, resize, unreadable_reason
from toolkit.manifest import Location, Manifest
from toolkit.pixelfiles import NOT_STORED, Index, PixelFiles, PixelWriter

PIXELS_VERSION = 1  # raise it when the same file gives other pixels
CHUNK_PICTURES = 512  # what an interrupted build can lose
_TASK_PICTURES = 16
# What stands for the content hash of a file that could not be read, and the reason to tell.
_NO_CONTENT = {"missing": "missing", "unreadable": "cannot be opened"}
# Reasons that lie in the place and not in the content: they are not remembered.
_PASSING_REASONS = ("missing", "cannot be opened")

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Decoder:
    """How pictures become pixels."""

    size: int
    mode: ResizeMode
    workers: int

    def decode(self, location: Location) -> tuple[np.ndarray, str]:
        """The picture and an empty reason, or black and the reason why it cannot be read."""
        try:
            return resize(read_image(location), self.size, self.mode), ""
        except UnreadableImageError as error:
            return self.black(1)[0], unreadable_reason(error)

    def black(self, n: int) -> np.ndarray:
        """`(n, size, size, 3)` zeros."""
        return np.zeros((n, self.size, self.size, 3), np.uint8)


class PixelStore:
    """Pictures at one size, by image id; made by `PixelStore.build`.

    Attributes:
        image_ids: `(n,)` object array of str.
        size: Side of the square pictures in pixels.
        unreadable: Reason for each image id whose picture cannot be decoded; its pixels are zeros.
    """

    def __init__(
        self,
        files: PixelFiles,
        decoder: _Decoder,
        slots: Mapping[str, int],
        locations: Mapping[str, Location],
        unreadable: dict[str, str],
    ) -> None:
        self.image_ids = np.array([*slots, None], object)[:-1]
        self.size = files.size
        self.unreadable = unreadable
        self._files = files
        self._decoder = decoder
        self._slots = slots
        self._locations = locations  # of the readable pictures that are not stored
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
                fit, new ones are only checked here and decoded again by each `read`, to the same pixels.

        Raises:
            DataError: Not one hash a row.
            DiskFullError: The disk is full; what was done is kept.
        """
        if len(content_hashes) != len(manifest):
            raise DataError(f"{len(content_hashes)} content hashes were given for {len(manifest)} pictures.")
        decoder = _Decoder(size, mode, workers or _processors())
        files = PixelFiles(folder / f"{size}px-{mode}-v{PIXELS_VERSION}", size)
        keys: dict[str, str] = {}  # by image id
        places: dict[str, Location] = {}  # by image id
        wanted: dict[str, Location] = {}  # by content key
        unreadable: dict[str, str] = {}  # by image id
        for name, place, content in zip(manifest.image_ids, manifest.locations(), content_hashes, strict=True):
            keys[name], places[name] = _content_key(place, content), place
            if content in _NO_CONTENT:
                unreadable[name] = _NO_CONTENT[content]
            else:
                wanted.setdefault(keys[name], place)

        index = files.load()
        passing: dict[str, str] = {}
        if _plan(files, index, wanted, cache_bytes)[0]:
            with files.writer() as writer:
                index = writer.index  # another process may have been at work
                passing = _add(writer, decoder, wanted, *_plan(files, index, wanted, cache_bytes), on_progress)
        elif on_progress:
            on_progress(len(wanted), len(wanted))

        reasons = {**index.unreadable, **passing}
        unreadable |= {name: reasons[key] for name, key in keys.items() if name not in unreadable and key in reasons}
        slots = {name: NOT_STORED if name in unreadable else index.slots[key] for name, key in keys.items()}
        unstored = {name: places[name] for name, slot in slots.items() if slot == NOT_STORED and name not in unreadable}
        if not unstored:
            release_arrays()
        return cls(files, decoder, slots, unstored, unreadable)

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def stored(self) -> bool:
        """Whether every readable picture is on disk; those that are not are decoded by each `read`."""
        return not self._locations

    def read(self, image_ids: Iterable[str]) -> np.ndarray:
        """Copies of pictures, in the order asked.

        Args:
            image_ids: m ids, in any order, repeated or not.

        Returns:
            uint8 `(m, size, size, 3)`, RGB, 0–255.

        Raises:
            DataError: An id is not in the store, or a file that is read each time has gone.
        """
        names = list(image_ids)
        try:
            slots = np.array([self._slots[name] for name in names], np.int64)
        except KeyError as error:
            raise DataError(
                f"Picture {error.args[0]!r} is not among the {len(self)} decoded ones. Results of one data set cannot "
                "be joined with another: run the earlier steps again on this one."
            ) from error
        stored = np.flatnonzero(slots != NOT_STORED)
        if len(stored) == len(names) > 0:
            return self._stored_pixels()[slots]
        pictures = self._decoder.black(len(names))
        if len(stored):
            pictures[stored] = self._stored_pixels()[slots[stored]]
        rows = [row for row, name in enumerate(names) if name in self._locations]
        if rows:
            with ThreadPoolExecutor(min(self._decoder.workers, len(rows))) as pool:
                decoded = pool.map(self._decoder.decode, [self._locations[names[row]] for row in rows])
                for row, (picture, reason) in zip(rows, decoded, strict=True):
                    if reason:
                        raise DataError(
                            f"{self._locations[names[row]].file}: {reason}, though it was readable when the data set "
                            "was checked. Put the file back, or run the step again without it."
                        )
                    pictures[row] = picture
        return pictures

    def _stored_pixels(self) -> np.ndarray:
        if self._pixels is None:
            self._pixels = self._files.map()
        return self._pixels

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None}  # another process maps the file itself


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _content_key(place: Location, content: str) -> str:
    return content if place.array is None else f"{content}:{place.array}:{place.row}"


def _plan(
    files: PixelFiles, index: Index, wanted: Mapping[str, Location], cache_bytes: int | None
) -> tuple[list[str], bool]:
    """Which pictures are to be decoded now, and whether they are to be stored or only checked."""
    new = [key for key in wanted if index.slots.get(key, NOT_STORED) < 0 and key not in index.unreadable]
    room = files.free_bytes() // 2 if cache_bytes is None else cache_bytes - index.length * files.picture_bytes
    if len(new) * files.picture_bytes <= room:
        return new, True
    return [key for key in new if key not in index.slots], False


def _add(
    writer: PixelWriter,
    decoder: _Decoder,
    wanted: Mapping[str, Location],
    new: Sequence[str],
    stored: bool,
    on_progress: OnProgress | None,
) -> dict[str, str]:
    """Decode pictures in threads and commit them in order; returns the reasons that are not remembered, by key."""
    first = writer.index.length

    def decode(start: int) -> list[str]:
        part = new[start : start + _TASK_PICTURES]
        pictures, reasons = decoder.black(len(part)), []
        for row, key in enumerate(part):
            pictures[row], reason = decoder.decode(wanted[key])
            reasons.append(reason)
        if stored:
            writer.write(first + start, pictures)
        return reasons

    passing: dict[str, str] = {}
    reasons: list[str] = []
    pool = ThreadPoolExecutor(decoder.workers)
    try:
        for found in pool.map(decode, range(0, len(new), _TASK_PICTURES)):
            reasons += found
            if len(reasons) % CHUNK_PICTURES == 0 or len(reasons) == len(new):
                begin = (len(reasons) - 1) // CHUNK_PICTURES * CHUNK_PICTURES
                chunk = dict(zip(new[begin:], reasons[begin:], strict=False))
                gone = {key: reason for key, reason in chunk.items() if reason.startswith(_PASSING_REASONS)}
                passing |= gone
                writer.commit(
                    ["" if key in gone else key for key in chunk],
                    {key: reason for key, reason in chunk.items() if reason and key not in gone},
                    stored,
                )
            if on_progress:
                on_progress(len(wanted) - len(new) + len(reasons), len(wanted))
    finally:
        pool.shutdown(cancel_futures=True)
    return passing
