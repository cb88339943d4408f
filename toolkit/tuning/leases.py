"""Signs of life of the workers of a journal file, whose storage has none of its own.

Each worker holds a file, locked and touched from time to time. On the same machine the lock tells at once whether the
worker lives, since the system frees it when a process dies; on another machine the time of the last touch tells.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType

# So many heartbeats may be missed before a worker on another machine counts as dead.
MISSED = 4


class Lease:
    """A worker's sign of life, from entering to leaving.

    Args:
        folder: Shared by the workers of a study.
        interval: Seconds between two touches.

    Attributes:
        worker: Name of the worker: machine, process and a random part.
    """

    def __init__(self, folder: Path, interval: float) -> None:
        self.worker = f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._folder = folder
        self._interval = interval
        self._ended = threading.Event()

    def __enter__(self) -> Lease:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path = self._folder / self.worker
        self._stream = self._path.open("w")
        fcntl.flock(self._stream, fcntl.LOCK_EX)
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lease")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(FileNotFoundError):
            self._path.unlink()
        self._stream.close()

    def _beat(self) -> None:
        while not self._ended.wait(self._interval):
            with suppress(OSError):  # a moment without the network folder is no reason to stop beating
                self._path.touch()

    def is_alive(self, worker: str) -> bool:
        """Whether a worker of the same folder lives."""
        if worker == self.worker:
            return True
        path = self._folder / worker
        try:
            if worker.startswith(f"{_host()}-"):
                return _is_locked(path)
            # Both times come from the folder's file system: the clocks of the machines need not agree.
            self._path.touch()
            return self._path.stat().st_mtime - path.stat().st_mtime <= MISSED * self._interval
        except FileNotFoundError:
            return False


def _is_locked(path: Path) -> bool:
    with path.open("r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        path.unlink(missing_ok=True)
        return False


def _host() -> str:
    return socket.gethostname().replace("/", "_")
