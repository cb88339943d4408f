"""Results of long computations, kept on disk chunk by chunk, so that an interruption loses one chunk at most."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from toolkit.artifacts import write_text

Compute = Callable[[int, int], np.ndarray]
Progress = Callable[[int, int], None]


def fill(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype | type,
    compute: Compute,
    chunk: int,
    on_progress: Progress | None = None,
) -> np.ndarray:
    """Compute an array by rows into a file, from where an earlier call stopped.

    The file is mapped, not read: memory does not grow with its rows. Its name must tell what it holds, for what is
    there is believed if shape and type agree.

    Args:
        path: The `.npy` file; `<path>.rows` beside it says how many rows are done.
        shape: Of the whole array.
        dtype: Of its items.
        compute: `(start, stop)` → those rows.
        chunk: Rows a call of `compute`.
        on_progress: Called with (rows done, all rows).

    Returns:
        The array, mapped read-only.
    """
    rows, dtype = shape[0], np.dtype(dtype)
    if not rows:
        return np.empty(shape, dtype)
    marker = path.with_name(path.name + ".rows")
    state: dict[str, object] = {"shape": list(shape), "dtype": str(dtype.descr)}
    done = _rows_done(path, marker, state)
    if done < rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        array = np.lib.format.open_memmap(path, "r+") if done else np.lib.format.open_memmap(path, "w+", dtype, shape)
        for start in range(done, rows, chunk):
            stop = min(start + chunk, rows)
            array[start:stop] = compute(start, stop)
            array.flush()
            write_text(marker, json.dumps({**state, "rows": stop}))
            if on_progress:
                on_progress(stop, rows)
        del array
    elif on_progress:
        on_progress(rows, rows)
    return np.lib.format.open_memmap(path, "r")


def finished(path: Path, rows: int) -> np.ndarray | None:
    """The array of an earlier `fill` with that many rows, mapped read-only; None if it is not complete."""
    try:
        found = json.loads(path.with_name(path.name + ".rows").read_text())
        if found["rows"] == found["shape"][0] == rows:
            return np.lib.format.open_memmap(path, "r")
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _rows_done(path: Path, marker: Path, state: dict[str, object]) -> int:
    try:
        found = json.loads(marker.read_text())
        rows = int(found.pop("rows"))
        return rows if found == state and path.exists() else 0
    except (OSError, ValueError, KeyError, AttributeError):
        return 0
