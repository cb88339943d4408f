"""Results on disk: whole files or none, keyed by what they depend on, `DONE` last.

A run directory is `runs/<name>/<step>/<key>/`. The key is a hash of everything that affects the result, so the same
settings find the finished result again and other settings never overwrite it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from toolkit.errors import BusyError, DiskFullError

_LOCK_SECONDS = 0.2
KEY_LENGTH = 12
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def disk_full(path: Path) -> DiskFullError:
    """The error for a write that failed because no space was left at `path`."""
    return DiskFullError(
        f"No space left on the disk while writing {path}. Free some space or set `runs_dir` to another disk, then run "
        "the same command again: finished work is kept and only the rest is done."
    )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends without an error, and vanishes otherwise.

    Args:
        path: Final path; its parent folder is created.

    Raises:
        DiskFullError: The disk is full; nothing is left behind at `path`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise disk_full(path) from error
        raise
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes private files; results are for everybody the folder is for.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise disk_full(path) from error
        raise
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def make_key(*parts: Any) -> str:
    """Hash JSON-like values into a short hexadecimal key.

    Args:
        parts: Values of dicts, lists, strings, numbers, booleans and None; the order of dict keys does not matter.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class ContentHashes:
    """Content hashes of files, remembered by (path, size, modification time) so that unchanged files are not re-read.

    Args:
        cache: JSON file that keeps the hashes between commands.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, list[Any]] = {}
        with suppress(OSError, ValueError):
            self._known = read_json(cache)

    def of(self, paths: Iterable[Path]) -> list[str]:
        """SHA-256 of each file, `"missing"` where there is none, in order."""
        hashes: list[str] = []
        changed = False
        for path in paths:
            try:
                status = path.stat()
            except OSError:
                hashes.append("missing")
                continue
            name, stamp = str(path), [status.st_size, status.st_mtime_ns]
            known = self._known.get(name)
            if known is None or known[:2] != stamp:
                try:
                    known = [*stamp, file_hash(path)]
                except OSError:
                    hashes.append("unreadable")
                    continue
                self._known[name] = known
                changed = True
            hashes.append(str(known[2]))
        if changed:
            with suppress(OSError):  # a cache that cannot be written costs time, not correctness
                write_text(self._cache, json.dumps(self._known))
        return hashes


def environment() -> dict[str, Any]:
    """What produced a result: Python, platform, package versions, command line."""
    versions = {}
    for package in ("contest-toolkit", "tensorflow", "keras", "keras-cv", "numpy", "pandas", "scikit-learn", "optuna",
                    "opencv-python-headless", "opencv-python", "pillow", "cleanlab", "jax"):  # fmt: skip
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": versions,
        "argv": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


@dataclass(frozen=True)
class RunDir:
    """The directory of one step's result.

    Attributes:
        path: `runs/<name>/<step>/<key>`.
    """

    path: Path

    @property
    def done(self) -> bool:
        """Whether the result is finished."""
        return (self.path / "DONE").exists()

    def start(self, config: Mapping[str, Any]) -> None:
        """Create the directory with `config.json` and `env.json`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise disk_full(self.path) from error
            raise
        write_json(self.path / "config.json", dict(config))
        write_json(self.path / "env.json", environment())

    def log_metrics(self, **values: Any) -> None:
        """Append one line to `metrics.jsonl`."""
        line = json.dumps({"time": round(time.time(), 3), **values}, default=str)
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write `DONE` (holding `summary`) last, then point `latest` here."""
        write_json(self.path / "DONE", dict(summary))
        self.make_latest()

    def summary(self) -> dict[str, Any]:
        """What `finish` was given."""
        found: dict[str, Any] = read_json(self.path / "DONE")
        return found

    def make_latest(self) -> None:
        """Make `latest`, a symbolic link beside the directory, name it."""
        link = self.path.parent / "latest"
        temporary = self.path.parent / f".latest-{os.getpid()}"
        with suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(self.path.name)
        temporary.replace(link)

    def clear(self) -> None:
        """Remove the directory and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def locked(self, wait: float = 0.0) -> Iterator[None]:
        """Hold the directory against other processes; the system frees it when the process dies.

        Args:
            wait: Seconds to wait for another process that holds it.

        Raises:
            BusyError: Another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + wait
        with (self.path / ".lock").open("w") as stream:
            while True:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if time.monotonic() < end:
                        time.sleep(_LOCK_SECONDS)
                        continue
                    raise BusyError(
                        f"Another process is already computing {self.path}. Wait for it to finish or stop it, then "
                        "run the command again."
                    ) from error
            yield


def latest(runs_dir: Path, name: str, step: str) -> RunDir | None:
    """The newest finished result of a step, or None."""
    link = runs_dir / name / step / "latest"
    if not link.exists():
        return None
    found = RunDir(link.parent / link.resolve().name)
    return found if found.done else None
