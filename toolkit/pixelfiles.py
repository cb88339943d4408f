"""The files behind a store of decoded pictures, which survive being killed at any moment.

A folder holds two files that only grow. `pixels.u8` has the pictures one after the other; each line of `index.jsonl`
says which contents the next pictures in it have. A line is written after its pixels are safely on disk, so whatever
comes after the last whole line is the rest of an interrupted build and is cut off by the next one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from toolkit.artifacts import disk_full

NOT_STORED = -1
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass
class Index:
    """What a store holds, by content key.

    Attributes:
        slots: Place of each picture among the stored ones, `NOT_STORED` if it was only checked.
        unreadable: Reason of each picture that cannot be decoded.
        length: Number of stored pictures.
        text_bytes: Length of the index file up to the end of its last valid line.
    """

    slots: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    length: int = 0
    text_bytes: int = 0

    def add(self, keys: Sequence[str], unreadable: Mapping[str, str], stored: bool) -> None:
        """Append pictures; an empty key is a place that no content has."""
        for key in keys:
            if key:
                self.slots[key] = self.length if stored else NOT_STORED
            self.length += stored
        self.unreadable.update(unreadable)


@dataclass(frozen=True)
class PixelFiles:
    """The folder of one store.

    Attributes:
        folder: Where the files are or will be.
        size: Side of the square pictures in pixels.
    """

    folder: Path
    size: int

    @property
    def pixels(self) -> Path:
        """The file of pixels."""
        return self.folder / "pixels.u8"

    @property
    def index(self) -> Path:
        """The file of content keys."""
        return self.folder / "index.jsonl"

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture."""
        return self.size * self.size * 3

    def free_bytes(self) -> int:
        """Free space on the disk of the folder, which need not exist yet."""
        there = next(place for place in (self.folder, *self.folder.absolute().parents) if place.exists())
        return shutil.disk_usage(there).free

    def load(self) -> Index:
        """Read the index as far as it is whole and its pixels are there."""
        index = Index()
        try:
            text = self.index.read_bytes()
            pictures = self.pixels.stat().st_size // self.picture_bytes
        except FileNotFoundError:
            return index
        for line in text.split(b"\n")[:-1]:  # what follows the last line break is an unfinished line
            try:
                entry = json.loads(line)
                keys, unreadable, stored = list(entry["keys"]), dict(entry["unreadable"]), bool(entry["stored"])
            except (ValueError, KeyError, TypeError):
                break
            if index.length + stored * len(keys) > pictures:
                break
            index.add(keys, unreadable, stored)
            index.text_bytes += len(line) + 1
        return index

    def map(self) -> np.ndarray:
        """The stored pictures, uint8 `(n, size, size, 3)`, read from disk where they are touched."""
        flat = np.asarray(np.memmap(self.pixels, np.uint8, "r"))
        n = len(flat) // self.picture_bytes
        return flat[: n * self.picture_bytes].reshape(n, self.size, self.size, 3)

    @contextmanager
    def writer(self) -> Iterator[PixelWriter]:
        """Hold the store against other processes, after waiting for them; the system frees it when this one dies.

        Raises:
            DiskFullError: The disk is full; what was committed stays.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (
                (self.folder / ".lock").open("w") as lock,
                self.pixels.open("ab", buffering=0),  # makes the file
                self.pixels.open("rb+", buffering=0) as pixels,
                self.index.open("ab", buffering=0) as text,
            ):
                fcntl.flock(lock, fcntl.LOCK_EX)
                writer = PixelWriter(self, pixels.fileno(), text.fileno())
                writer.cut()
                try:
                    yield writer
                finally:
                    with suppress(OSError):
                        writer.cut()
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise disk_full(self.folder) from error
            raise


class PixelWriter:
    """Adds pictures to a store: `write` them from any thread, then `commit` them in order.

    Attributes:
        index: What the store holds by now.
    """

    def __init__(self, files: PixelFiles, pixels: int, text: int) -> None:
        self.index = files.load()
        self._files = files
        self._pixels = pixels
        self._text = text

    def cut(self) -> None:
        """Drop what was not committed."""
        os.ftruncate(self._text, self.index.text_bytes)
        os.ftruncate(self._pixels, self.index.length * self._files.picture_bytes)

    def write(self, slot: int, pictures: np.ndarray) -> None:
        """Write uint8 `(m, size, size, 3)` to m slots from `slot` on."""
        _write_all(self._pixels, pictures.reshape(-1).data, slot * self._files.picture_bytes)

    def commit(self, keys: Sequence[str], unreadable: Mapping[str, str], stored: bool) -> None:
        """Make pictures part of the store, once their pixels are on disk.

        Args:
            keys: Content keys of the next pictures; an empty one leaves a gap.
            unreadable: Reason of each key that cannot be decoded.
            stored: Whether their pixels were written; else they were only checked.
        """
        if stored:
            os.fsync(self._pixels)
        entry = {"keys": keys, "unreadable": unreadable, "stored": stored}
        line = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        _write_all(self._text, memoryview(line), self.index.text_bytes)
        os.fsync(self._text)
        self.index.add(keys, unreadable, stored)
        self.index.text_bytes += len(line)


def _write_all(file: int, content: memoryview, offset: int) -> None:
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written
