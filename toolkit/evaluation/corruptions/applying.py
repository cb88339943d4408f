"""Corrupting pictures, each with random numbers of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from toolkit.errors import ConfigError, DataError
from toolkit.evaluation.corruptions.registry import select


def corrupt(images: np.ndarray, image_ids: Sequence[str], name: str, severity: int, seed: int) -> np.ndarray:
    """Corrupt pictures.

    Args:
        images: `(n, h, w, 3)` uint8 RGB; not changed.
        image_ids: n names; with `seed`, `name` and `severity` they decide what happens to each picture, wherever it
            stands in the batch.
        name: A name in `CORRUPTIONS`.
        severity: 1 (slight) to 5 (strong).
        seed: Any number.

    Returns:
        `(n, h, w, 3)` uint8, a copy.

    Raises:
        ConfigError: Unknown name or severity, or the name of a whole family.
        DataError: The pictures are no uint8 RGB, or there is not one image id a picture.
    """
    rows = select([name])
    if name != rows[0].name:
        raise ConfigError(f"{name!r} is a family; corrupt by one of it: {', '.join(row.name for row in rows)}.")
    if severity not in range(1, 6):
        raise ConfigError(f"Severity is {severity}; expected 1 (slight) to 5 (strong).")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or len(images) != len(image_ids):
        raise DataError(
            f"Corruptions need RGB pictures as uint8 (n, h, w, 3) with n image ids, but got {images.dtype} "
            f"{images.shape} with {len(image_ids)} image ids."
        )
    change, parameter = rows[0].change, rows[0].severities[severity - 1]
    changed = np.empty_like(images)
    for index, image_id in enumerate(image_ids):
        digest = hashlib.blake2b(f"{seed}\x1f{name}\x1f{severity}\x1f{image_id}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(digest, "big"))
        changed[index] = change(np.ascontiguousarray(images[index]), parameter, rng)
    return changed
