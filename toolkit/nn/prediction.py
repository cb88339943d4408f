"""Running a model over many pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from toolkit.images import view_of
from toolkit.nn.feeding import Reader, ordered_map
from toolkit.nn.runtime import Inputs, compile_forward


def predict(
    model: Any,
    read: Reader,
    image_ids: Sequence[str],
    *,
    batch_size: int = 64,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Run a model over pictures that are read in the background.

    Every batch has one shape (the last is padded), so the model is compiled once.

    Args:
        model: A `keras.Model`.
        read: Image ids → its inputs, uint8 RGB `(m, h, w, 3)` or cached activations.
        image_ids: n names.
        batch_size: Pictures a call.
        workers: Threads that read.
        on_progress: Called as `(done, n)`.

    Returns:
        The outputs in the order of `image_ids`: `(n, k)` float32 probabilities, or whatever the model ends in.
    """
    return _predict(model, read, image_ids, None, batch_size, workers, on_progress)


def predict_views(
    model: Any,
    read: Callable[[Sequence[str]], np.ndarray],
    image_ids: Sequence[str],
    views: Sequence[str],
    *,
    batch_size: int = 64,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Test-time augmentation: the mean of a model's probabilities over several views of each picture.

    Args:
        model: A `keras.Model` from pictures to probabilities.
        read: Image ids → uint8 RGB `(m, s, s, 3)`; asked once a picture.
        image_ids: n names.
        views: Names of `images.VIEWS`; `("identity",)` alone is the same as `predict`.
        batch_size: Pictures a call.
        workers: Threads that read.
        on_progress: Called as `(done, n)`.

    Returns:
        `(n, k)` float32, in the order of `image_ids`.
    """
    chosen = None if tuple(views) == ("identity",) else tuple(views)
    return _predict(model, read, image_ids, chosen, batch_size, workers, on_progress)


def _predict(
    model: Any,
    read: Reader,
    image_ids: Sequence[str],
    views: tuple[str, ...] | None,
    batch_size: int,
    workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> np.ndarray:
    total = len(image_ids)
    if total == 0:
        return np.empty((0, *model.output_shape[1:]), np.float32)
    size = min(batch_size, 1 << (total - 1).bit_length())
    forward = compile_forward(model)
    parts = [list(image_ids[start : start + size]) for start in range(0, total, size)]
    outputs: np.ndarray | None = None
    done = 0
    for inputs in ordered_map(read, parts, workers):
        rows = len(inputs[0]) if isinstance(inputs, list) else len(inputs)
        padded = pad_batch(inputs, size)
        if views is None:
            result = forward(padded)[:rows]
        else:
            seen = [forward(view_of(np.asarray(padded), view)) for view in views]
            result = np.asarray(np.mean(seen, axis=0, dtype=np.float32))[:rows]
        if outputs is None:
            outputs = np.empty((total, *result.shape[1:]), np.float32)
        outputs[done : done + rows] = result
        done += rows
        if on_progress:
            on_progress(done, total)
    return outputs if outputs is not None else np.empty((0,), np.float32)


def pad_batch(inputs: Inputs, size: int) -> Inputs:
    """The batch with its last row repeated until it has `size` rows."""
    if isinstance(inputs, list):
        return [_pad(array, size) for array in inputs]
    return _pad(inputs, size)


def _pad(array: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
