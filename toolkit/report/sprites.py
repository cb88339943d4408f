"""Sprite sheets: thousands of small pictures in a few files beside a page, which loads those it shows."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.artifacts import atomic_path

_QUALITY = 84


@dataclass(frozen=True)
class Sprites:
    """Where pictures lie in sheets.

    Attributes:
        files: Names of the sheets, JPEG.
        side: Side of a picture in pixels.
        columns: Pictures a row of a sheet.
        rows: Rows of a full sheet.
        place: Number of each picture by image id: sheet `n // (columns * rows)`, then row by row.
    """

    files: tuple[str, ...]
    side: int
    columns: int
    rows: int
    place: dict[str, int]


def write_sprites(
    folder: Path,
    read: Callable[[Sequence[str]], np.ndarray],
    image_ids: Sequence[str],
    side: int = 96,
    columns: int = 20,
    rows: int = 20,
    on_progress: Callable[[int, int], None] | None = None,
) -> Sprites:
    """Write the sheets of n pictures, one in memory at a time.

    Args:
        folder: Where the files go, made if needed.
        read: Image ids → uint8 RGB `(m, s, s, 3)`.
        image_ids: n readable pictures, each once.
        side: Side of a small picture in pixels.
        columns: Pictures a row.
        rows: Rows a sheet.
        on_progress: Called with (pictures done, n).
    """
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    files: list[str] = []
    per_sheet = columns * rows
    for start in range(0, len(image_ids), per_sheet):
        part = image_ids[start : start + per_sheet]
        sheet = Image.new("RGB", (columns * side, -(-len(part) // columns) * side))
        for number, picture in enumerate(read(part)):
            small = Image.fromarray(picture)
            # Enlarged pixels stay sharp: an 8×8 digit should look like its pixels and not like fog.
            method = Image.Resampling.NEAREST if 2 * small.width <= side else Image.Resampling.BILINEAR
            sheet.paste(small.resize((side, side), method), (number % columns * side, number // columns * side))
        stream = io.BytesIO()
        sheet.save(stream, "JPEG", quality=_QUALITY)
        name = f"sprites-{len(files):04d}.jpg"
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(stream.getvalue())
        files.append(name)
        if on_progress:
            on_progress(start + len(part), len(image_ids))
    return Sprites(tuple(files), side, columns, rows, {str(name): row for row, name in enumerate(image_ids)})
