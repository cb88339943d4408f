"""Small pictures as text that a page can hold."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from toolkit.errors import DataError

if TYPE_CHECKING:
    import numpy as np

JPEG_QUALITY = 85
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_PREFIXES = tuple(f"data:{kind};base64," for kind in _SIGNATURES.values())


def thumbnail(image: np.ndarray, size: int = 96) -> str:
    """Shrink a picture and encode it.

    Pictures at most half as large as asked are enlarged by a whole factor with sharp pixels and kept lossless, so
    that an 8 by 8 digit looks like its pixels and not like fog.

    Args:
        image: uint8 RGB `(h, w, 3)`.
        size: Longest side of the result, pixels.

    Returns:
        `data:image/jpeg;base64,…`, or `data:image/png;base64,…` for enlarged pictures.

    Raises:
        DataError: The array is no RGB picture.
    """
    from PIL import Image

    if image.ndim != 3 or image.shape[2] != 3 or str(image.dtype) != "uint8" or not image.size:
        raise DataError(
            f"A thumbnail needs a picture as uint8 RGB (h, w, 3), but got {image.dtype} {tuple(image.shape)}. "
            "Read pictures with `toolkit.images.read_image`."
        )
    picture = Image.fromarray(image)
    longest = max(picture.size)
    stream = io.BytesIO()
    if 2 * longest <= size:
        factor = size // longest
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
        picture.save(stream, "PNG", optimize=False)
    else:
        if longest > size:
            width, height = (max(1, round(side * size / longest)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
        picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return as_data_uri(stream.getvalue())


def as_data_uri(image: str | bytes) -> str:
    """Accept the two forms of a picture that pages hold.

    Args:
        image: A PNG or JPEG data URI, or the bytes of a PNG or JPEG file.

    Returns:
        The data URI.

    Raises:
        DataError: It is neither; a page must not point at files or addresses outside itself.
    """
    if isinstance(image, str):
        if image.startswith(_PREFIXES):
            return image
        raise DataError(
            f"A page holds its pictures itself, but one was given as {image[:60]!r}. Expected a PNG or JPEG data URI "
            "as `thumbnail` makes it, or the bytes of a PNG or JPEG file."
        )
    for signature, kind in _SIGNATURES.items():
        if image.startswith(signature):
            return f"data:{kind};base64,{base64.b64encode(image).decode('ascii')}"
    raise DataError(f"A picture of {len(image)} bytes is neither PNG nor JPEG. Encode it with `thumbnail`.")
