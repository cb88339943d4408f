"""One GPU a process: each takes a free one before anything is computed on it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

_held: list[IO[str]] = []


def take_gpu(count: int) -> None:
    """Let this process see one GPU only, one that no other process of this user has taken so.

    It is taken until the process ends, and must be before Keras is started. Where all are taken, processes share them.

    Args:
        count: GPUs that this process could see.
    """
    if _held:
        return
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    names = visible[:count] if len(visible) >= count else [str(number) for number in range(count)]
    folder = Path(tempfile.gettempdir()) / f"toolkit-gpus-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    chosen = names[os.getpid() % count]
    for name in names:
        stream = (folder / name.replace("/", "_")).open("w")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.close()
            continue
        _held.append(stream)
        chosen = name
        break
    os.environ["CUDA_VISIBLE_DEVICES"] = chosen
