"""One step of the contest worker: a command in its own process group, with an empty environment and no network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # a container's
_LOOK_S = 0.2  # between two looks at the memory
_LOG_BYTES = 200_000  # of the end of a step's output
_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
# A new root: everything of the old one, and the given folder at its top. Nothing changes outside of the namespace.
_AT_TOP = """set -e
root=$1 folder=$2 at=$3 start=$4 protected=$5; shift 5
mount -t tmpfs none "$root"
for entry in /* /.[!.]*; do
  name=${entry#/}
  if [ "$name" = "$at" ]; then continue
  elif [ -L "$entry" ]; then cp -P "$entry" "$root/$name"
  elif [ -d "$entry" ]; then mkdir "$root/$name"; mount --rbind "$entry" "$root/$name"
  elif [ -e "$entry" ]; then : > "$root/$name"; mount --bind "$entry" "$root/$name"; fi
done
mkdir "$root/$at"
mount --bind "$folder" "$root/$at"
if [ -n "$protected" ]; then
  mount --bind "$root/$at/$protected" "$root/$at/$protected"
  mount -o remount,bind,ro "$root/$at/$protected"
fi
exec chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "/$at/$start" "$@"
"""


@dataclass(frozen=True)
class Isolation:
    """What this machine permits.

    Attributes:
        prefix: Command that isolates the one after it; empty where nothing is permitted.
        network: Whether the network is cut off.
        read_only: Whether a folder can be mounted read-only (else its permissions are all there is).
        app: Whether a folder can be shown at the top of the file system, such as `/app`.
    """

    prefix: tuple[str, ...]
    network: bool
    read_only: bool
    app: bool = False


@dataclass(frozen=True)
class Shown:
    """A folder that a command sees at the top of the file system; only where `isolation().app`.

    Attributes:
        folder: The folder.
        at: Its name there: `app` for `/app`.
        start: Folder in it in which the command starts.
    """

    folder: Path
    at: str
    start: str


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Attributes:
        exit_code: Its status, negative for a signal; None when the time limit ended it.
        seconds: Wall time.
        peak_memory_mb: Largest resident memory of its processes together, in MB (10^6 bytes).
        log: The end of what it wrote to stdout and stderr.
    """

    exit_code: int | None
    seconds: float
    peak_memory_mb: float
    log: str


@cache
def isolation() -> Isolation:
    """Find by trial the strictest isolation that is permitted: namespaces as root, or of an unprivileged user."""
    unshare = shutil.which("unshare", path=PATH)
    if unshare is None:
        return Isolation((), False, False)
    for user in ((), ("-r",)):
        for mounts, app in ((True, True), (True, False), (False, False)):
            prefix = (unshare, *user, "-n", *(("-m",) if mounts else ()), "--")
            with tempfile.TemporaryDirectory() as folder, suppress(OSError, subprocess.SubprocessError):
                places = [Path(folder) / name for name in ("root", "app", "app/program")]
                for place in places:
                    place.mkdir()
                mounted = (
                    _mounted(Shown(places[1], "app", "program"), "program", places[0])
                    if app
                    else ("sh", "-c", _READ_ONLY, folder)
                )
                command = [*prefix, *(mounted if mounts else ()), "true"]
                if subprocess.run(command, env={"PATH": PATH}, capture_output=True, timeout=10).returncode == 0:
                    return Isolation(prefix, True, mounts, app)
    return Isolation((), False, False)


def can_show(at: str, *needed: str | Path) -> bool:
    """Whether a folder can be shown as `/<at>` without hiding what a command needs, such as its interpreter.

    Args:
        at: Name at the top of the file system.
        needed: Paths that must stay visible; links are followed.
    """
    top = Path("/", at)
    places = [place for path in needed for place in (Path(path).absolute(), Path(path).resolve())]
    return isolation().app and not any(place.is_relative_to(top) for place in places)


def _mounted(shown: Shown, protected: str, root: Path) -> tuple[str, ...]:
    return ("sh", "-c", _AT_TOP, "sh", str(root), str(shown.folder), shown.at, shown.start, protected)


def run(
    command: Sequence[str],
    *,
    working_dir: Path,
    time_limit_s: float,
    home: Path,
    read_only: Path | None = None,
    shown: Shown | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a command to its end or to the time limit, then end every process it started.

    Args:
        command: Program and arguments; no shell.
        working_dir: Where it starts.
        time_limit_s: Wall time in seconds after which it and all its processes are killed.
        home: Its HOME; temporary files go into its folder `tmp`.
        read_only: Folder that it must not write to.
        shown: Folder that it sees at the top of the file system, and starts in; only where `isolation().app`.
        environment: More variables than PATH, HOME, TMPDIR and PYTHONUNBUFFERED, which is all a worker sets.
    """
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    variables = {"PATH": PATH, "HOME": str(home), "TMPDIR": str(home / "tmp"), "PYTHONUNBUFFERED": "1"}
    permitted = isolation()
    if shown is not None:
        (home / "root").mkdir(exist_ok=True)
        protected = "" if read_only is None else str(read_only.relative_to(shown.folder))
        mounted = _mounted(shown, protected, home / "root")
    else:
        mounted = ("sh", "-c", _READ_ONLY, str(read_only)) if read_only and permitted.read_only else ()
    if read_only:
        _set_write_permission(read_only, granted=False)
    with tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen(
            [*permitted.prefix, *mounted, *command],
            cwd=working_dir,
            env={**variables, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        peak = 0.0
        seen: set[Any] = set()  # its processes, also those that leave its group
        exit_code: int | None = None
        try:
            while exit_code is None and (left := start + time_limit_s - time.monotonic()) > 0:
                peak = max(peak, _memory_mb(process.pid, seen))
                with suppress(subprocess.TimeoutExpired):
                    exit_code = process.wait(timeout=min(_LOOK_S, left))
        finally:
            _end(process, seen)
            if read_only:
                _set_write_permission(read_only, granted=True)
        seconds = time.monotonic() - start
        output.seek(max(0, output.seek(0, os.SEEK_END) - _LOG_BYTES))
        return Ran(exit_code, seconds, peak, output.read().decode("utf-8", "replace"))


def _memory_mb(pid: int, seen: set[Any]) -> float:
    """Resident memory of a process tree in MB; its processes are added to `seen`."""
    import psutil

    total = 0.0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            seen.add(process)
            with suppress(psutil.Error):
                total += process.memory_info().rss / 1e6
    # The kernel's own record of the highest value catches what lies between two looks.
    with suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total = max(total, next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6)
    return total


def _end(process: subprocess.Popen[bytes], seen: set[Any]) -> None:
    import psutil

    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for other in seen:
        with suppress(psutil.Error):  # psutil refuses where the id has gone to another process since
            other.kill()


def _set_write_permission(folder: Path, *, granted: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod((0o555 if path.is_dir() else 0o444) | (0o200 if granted else 0))
