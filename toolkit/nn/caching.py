"""Activations of a frozen network, computed once and read by many trainings."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from toolkit.artifacts import disk_full, make_key, read_json, write_json
from toolkit.nn.feeding import Augment, ordered_map
from toolkit.nn.prediction import pad_batch
from toolkit.nn.runtime import Inputs, compile_forward

_FLOAT16_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class ActivationCache:
    """Stored outputs of a network for some pictures, several augmented views of each.

    Attributes:
        image_ids: n names.
        arrays: One `(n, views, …)` array a tensor that the network returns.
        seed: Decides which view of a picture comes in which epoch.
    """

    image_ids: tuple[str, ...]
    arrays: tuple[np.ndarray, ...]
    seed: int = 0

    @property
    def views(self) -> int:
        """Augmented views of each picture."""
        return int(self.arrays[0].shape[1])

    @property
    def size_bytes(self) -> int:
        """Bytes in memory or on disk."""
        return sum(array.nbytes for array in self.arrays)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.image_ids)}

    def load(self, image_ids: Sequence[str], epoch: int) -> Inputs:
        """What a `Feeder` feeds in an epoch: each picture starts at a view of its own and takes the next each epoch.

        Args:
            image_ids: m names.
            epoch: Counted from 0.

        Returns:
            `(m, …)` array, or a list of them where several tensors cross the cut.
        """
        rows = [self._rows[name] for name in image_ids]
        views = [(zlib.crc32(f"{self.seed}:{name}".encode()) + epoch) % self.views for name in image_ids]
        picked = [array[rows, views] for array in self.arrays]
        return picked[0] if len(picked) == 1 else picked

    def read(self, image_ids: Sequence[str]) -> Inputs:
        """The first view of each picture: for caches without augmentation, such as validation pictures."""
        rows = [self._rows[name] for name in image_ids]
        picked = [array[rows, 0] for array in self.arrays]
        return picked[0] if len(picked) == 1 else picked


def cache_activations(
    prefix: Any,
    read: Callable[[Sequence[str]], np.ndarray],
    image_ids: Sequence[str],
    *,
    augment: Augment | None = None,
    views: int = 1,
    seed: int = 0,
    dtype: Literal["float16", "float32"] = "float16",
    folder: Path | None = None,
    batch_size: int = 128,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> ActivationCache:
    """Run the frozen part of a network over several augmented views of every picture.

    Args:
        prefix: `keras.Model` from pictures to one or several tensors, such as `Cut.prefix`.
        read: Image ids → uint8 RGB `(m, h, w, 3)`.
        image_ids: n names.
        augment: `(uint8 batch, image_ids, view)` → uint8 batch, the view standing where training has the epoch.
        views: Augmented views of each picture; 1 without augmentation.
        seed: Decides which view of a picture comes in which epoch.
        dtype: float16 takes half the room and rounds to three digits.
        folder: Keep the arrays here, memory-mapped, and take them up again when they are complete; everything in it is
            ours. It must stand for one network, its pictures and their augmentation. None: in memory.
        batch_size: Pictures a call.
        workers: Threads that read and augment.
        on_progress: Called as `(done, n · views)`.

    Returns:
        The cache.

    Raises:
        DiskFullError: The disk has no room for it.
    """
    names = tuple(image_ids)
    shapes = [(len(names), views, *tensor.shape[1:]) for tensor in prefix.outputs]
    key = make_key(list(names), shapes, dtype)
    found = None if folder is None else _open(folder, key, len(shapes))
    if found is not None:
        return ActivationCache(names, found, seed)
    arrays = _allocate(folder, shapes, dtype)
    _fill(prefix, read, names, augment, arrays, batch_size, workers, on_progress)
    if folder is not None:
        for array in arrays:
            array.flush()  # type: ignore[attr-defined]
        partial = _partial(folder)
        write_json(partial / "activations.json", {"key": key})
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        arrays = list(_open(folder, key, len(shapes)) or ())
    return ActivationCache(names, tuple(arrays), seed)


def _fill(
    prefix: Any,
    read: Callable[[Sequence[str]], np.ndarray],
    names: tuple[str, ...],
    augment: Augment | None,
    arrays: list[np.ndarray],
    batch_size: int,
    workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    views = arrays[0].shape[1]
    forward = compile_forward(prefix)

    def load(part: tuple[int, int]) -> tuple[int, int, np.ndarray]:
        view, start = part
        ids = names[start : start + batch_size]
        images = read(ids)
        return view, start, images if augment is None else augment(images, ids, view)

    parts = [(view, start) for view in range(views) for start in range(0, len(names), batch_size)]
    done = 0
    for view, start, images in ordered_map(load, parts, workers):
        results = forward(pad_batch(images, batch_size))
        for array, result in zip(arrays, results if isinstance(results, list) else [results], strict=True):
            limited = np.clip(result[: len(images)], -_FLOAT16_MAX, _FLOAT16_MAX)
            array[start : start + len(images), view] = limited
        done += len(images)
        if on_progress:
            on_progress(done, len(names) * views)


def _allocate(folder: Path | None, shapes: Sequence[tuple[int, ...]], dtype: str) -> list[np.ndarray]:
    if folder is None:
        return [np.empty(shape, dtype) for shape in shapes]
    partial = _partial(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    needed = sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape in shapes)
    if shutil.disk_usage(partial).free < needed:  # a memory-mapped write to a full disk kills the process
        partial.rmdir()
        raise disk_full(folder)
    return [
        np.lib.format.open_memmap(partial / f"{number}.npy", "w+", np.dtype(dtype), shape)
        for number, shape in enumerate(shapes)
    ]


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


def _open(folder: Path, key: str, count: int) -> tuple[np.ndarray, ...] | None:
    try:
        if read_json(folder / "activations.json")["key"] != key:
            return None
        return tuple(np.load(folder / f"{number}.npy", mmap_mode="r") for number in range(count))
    except (OSError, ValueError, KeyError, TypeError):
        return None
