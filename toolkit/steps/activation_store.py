"""A folder of caches that several processes share: bounded, the least recently used go first."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolkit.errors import SearchError


class ActivationStore:
    """Caches by key, each a folder; one that is in use anywhere is never removed.

    Args:
        folder: Shared by the workers of a search.
        limit_bytes: Largest size of all caches together; None: half of what was free on the disk at the start.
    """

    def __init__(self, folder: Path, limit_bytes: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._limit = limit_bytes or shutil.disk_usage(folder).free // 2 + self.size_bytes

    @property
    def size_bytes(self) -> int:
        """Bytes on the disk."""
        return sum(_size(entry) for entry in self._entries())

    def path(self, key: str) -> Path:
        """Folder of a cache."""
        return self._folder / key

    @contextmanager
    def in_use(self, key: str) -> Iterator[None]:
        """Keep a cache from being removed while the block runs."""
        with self._lock_file(key, "use").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH)
            os.utime(stream.fileno())
            yield

    @contextmanager
    def building(self, key: str, bytes_needed: int) -> Iterator[None]:
        """Build a part of a cache that is in use: other processes wait, and there is room for it.

        Raises:
            SearchError: There is no room for it even without all caches that nobody uses.
        """
        with self._lock_file(key, "build").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            self._make_room(bytes_needed)
            yield

    def clear(self) -> None:
        """Remove all caches that nobody uses."""
        for entry in self._entries():
            self._remove(entry)
        with suppress(OSError):  # not empty while another process uses a cache
            if not self._entries():
                shutil.rmtree(self._folder)

    def _make_room(self, bytes_needed: int) -> None:
        with (self._folder / ".room").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            total = self.size_bytes
            for entry in sorted(self._entries(), key=lambda entry: self._last_use(entry.name)):
                if total + bytes_needed <= self._limit:
                    return
                size = _size(entry)
                if self._remove(entry):
                    total -= size
            if total + bytes_needed > self._limit:
                raise SearchError(
                    f"The activations of one trial need {bytes_needed / 1e9:.2f} GB beside {total / 1e9:.2f} GB that "
                    f"are in use, more than the {self._limit / 1e9:.2f} GB of tune.cache_gb. Raise it, or lower "
                    "tune.views, data.image_size or model.unfreeze."
                )

    def _remove(self, entry: Path) -> bool:
        """Remove a cache unless somebody uses it."""
        with self._lock_file(entry.name, "use").open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            shutil.rmtree(entry, ignore_errors=True)
            return True

    def _last_use(self, key: str) -> float:
        lock = self._lock_file(key, "use")
        return lock.stat().st_mtime if lock.exists() else 0.0

    def _lock_file(self, key: str, kind: str) -> Path:
        return self._folder / f".{key}.{kind}"

    def _entries(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.is_dir()] if self._folder.exists() else []


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # removed meanwhile
            total += file.stat().st_size if file.is_file() else 0
    return total
