"""Pixel primitives that augmentation and corruptions share: one picture in, one picture out, nothing random.

Pictures are RGB `(h, w, 3)` uint8. Tables and matrices are made apart from being applied, so that several of them can
be fused before a picture is touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

# OpenCV's own threads would fight with the threads that share a batch.
cv2.setNumThreads(0)

Border = Literal["reflect", "replicate", "black"]
_BORDERS = {
    "reflect": cv2.BORDER_REFLECT,
    "replicate": cv2.BORDER_REPLICATE,
    "black": cv2.BORDER_CONSTANT,
}
# Rec. 601 weights of red, green and blue in luma.
LUMA = (0.299, 0.587, 0.114)


def geometry(
    size: tuple[int, int],
    *,
    angle: float = 0.0,
    zoom: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    shear: tuple[float, float] = (0.0, 0.0),
    flip: tuple[bool, bool] = (False, False),
) -> np.ndarray:
    """A `(3, 3)` float64 matrix that moves pixels of the source to the result, about the picture's centre.

    Args:
        size: Height and width in pixels.
        angle: Rotation in degrees, counter-clockwise.
        zoom: Enlargement; 2 shows the middle half.
        shift: To the right and down, as shares of width and height.
        shear: Along x by a share of y, and along y by a share of x.
        flip: Left–right, top–bottom.
    """
    height, width = size
    cx, cy = (width - 1) / 2, (height - 1) / 2
    cos, sin = zoom * math.cos(math.radians(angle)), zoom * math.sin(math.radians(angle))
    across, down = -1.0 if flip[0] else 1.0, -1.0 if flip[1] else 1.0
    # zoom · turn · shear · mirror, written out: matrices of four numbers are slow in NumPy.
    a, b = (cos + sin * shear[1]) * across, (cos * shear[0] + sin) * down
    c, d = (-sin + cos * shear[1]) * across, (-sin * shear[0] + cos) * down
    x = cx - (a * cx + b * cy) + shift[0] * width
    y = cy - (c * cx + d * cy) + shift[1] * height
    return np.array([[a, b, x], [c, d, y], [0.0, 0.0, 1.0]])


def perspective(size: tuple[int, int], corners: Sequence[float]) -> np.ndarray:
    """A `(3, 3)` float64 matrix that moves the picture's corners.

    Args:
        size: Height and width in pixels.
        corners: How far the upper left, upper right, lower right and lower left corner move right and down, as shares
            of width and height: eight numbers x, y, x, y, …, each below 0.5 in size so that no two corners meet.
    """
    height, width = size
    start = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    moves = np.asarray(corners, np.float32).reshape(4, 2) * np.array([width, height], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(start, start + moves), np.float64)


def warp(image: np.ndarray, matrix: np.ndarray, border: Border = "reflect") -> np.ndarray:
    """Move pixels by a `(3, 3)` matrix of `geometry`, bilinear; what comes from outside follows `border`."""
    (a, b, x), (c, d, y), (e, f, _) = matrix.tolist()
    height, width = image.shape[:2]
    size, mode = (width, height), _BORDERS[border]
    if not (b or c or e or f) and abs(a) == 1 == abs(d):
        mirrored = flip(image, a < 0, d < 0)
        return _translate(mirrored, x - (width - 1) * (a < 0), y - (height - 1) * (d < 0), mode)
    if e or f:
        return np.asarray(cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=mode))
    if border == "reflect" and image.dtype == np.uint8 and image.shape[2] == 3 and a * d != b * c:
        return _warp_padded(image, a, b, x, c, d, y)
    return np.asarray(cv2.warpAffine(image, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=mode))


def _warp_padded(image: np.ndarray, a: float, b: float, x: float, c: float, d: float, y: float) -> np.ndarray:
    """A warp in 60 % of the time: OpenCV is slow where blocks touch the border, and on three channels.

    So the picture is mirrored as far as the matrix `[[a, b, x], [c, d, y]]` reaches, and a fourth channel rides along.
    """
    height, width = image.shape[:2]
    determinant = a * d - b * c
    ia, ib, ic, id_ = d / determinant, -b / determinant, -c / determinant, a / determinant
    ix, iy = -(ia * x + ib * y), -(ic * x + id_ * y)
    right, down = width - 1, height - 1
    columns = (ix, ix + ia * right, ix + ib * down, ix + ia * right + ib * down)
    rows = (iy, iy + ic * right, iy + id_ * down, iy + ic * right + id_ * down)
    pads = (-min(rows), max(rows) - height + 2, -min(columns), max(columns) - width + 2)
    top, bottom, left, far = (max(0, math.ceil(pad)) for pad in pads)
    if max(top, bottom) >= height or max(left, far) >= width:
        matrix = np.array([[a, b, x], [c, d, y]])
        return np.asarray(
            cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        )
    padded = cv2.copyMakeBorder(image, top, bottom, left, far, cv2.BORDER_REFLECT)
    inverse = np.array([[ia, ib, ix + left], [ic, id_, iy + top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(cv2.cvtColor(padded, cv2.COLOR_RGB2RGBA), inverse, (width, height), flags=flags)
    return np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB))


def _translate(image: np.ndarray, right: float, down: float, mode: int) -> np.ndarray:
    """Move by pixels: a third of the time of a warp, and nothing is interpolated along an axis of whole pixels."""
    height, width = image.shape[:2]
    column, row = math.floor(-right), math.floor(-down)
    if not -width <= column < width or not -height <= row < height:
        # Mirrored more than once.
        matrix = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
        return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=mode))
    left, top = max(0, -column), max(0, -row)
    padded = cv2.copyMakeBorder(image, top, max(0, row + 1), left, max(0, column + 1), mode)
    moved = padded[row + top : row + top + height + 1, column + left : column + left + width + 1]
    moved = _between(moved[:, :-1], moved[:, 1:], -right - column)
    return np.ascontiguousarray(_between(moved[:-1], moved[1:], -down - row))


def _between(near: np.ndarray, far: np.ndarray, share: float) -> np.ndarray:
    return np.asarray(cv2.addWeighted(near, 1 - share, far, share, 0)) if share else near


def flip(image: np.ndarray, horizontal: bool, vertical: bool) -> np.ndarray:
    """Mirror exactly, left–right and/or top–bottom."""
    if horizontal and vertical:
        return np.asarray(cv2.flip(image, -1))
    if horizontal or vertical:
        return np.asarray(cv2.flip(image, 1 if horizontal else 0))
    return image


def look_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Replace each value by its entry in `table`, `(256,)` or, a column a channel, `(256, 3)` uint8."""
    return np.asarray(cv2.LUT(image, table if table.ndim == 1 else table[:, None, :]))


def table(values: np.ndarray) -> np.ndarray:
    """Round and clip 256 numbers to a lookup table."""
    # Half the time of `np.clip`, whose wrapper costs more than 256 numbers.
    return np.asarray(np.minimum(np.maximum(np.rint(values), 0), 255), np.uint8)


_RAMP = np.arange(256, dtype=np.float64)
_RAMP.setflags(write=False)


def brightness_table(amount: float) -> np.ndarray:
    """Add `amount` × 255 to each value; −1 gives black, 1 white."""
    return table(_RAMP + 255 * amount)


def contrast_table(factor: float, middle: float = 127.5) -> np.ndarray:
    """Multiply each value's distance from `middle` by `factor`."""
    return table((_RAMP - middle) * factor + middle)


def scale_table(alpha: float, beta: float = 0.0) -> np.ndarray:
    """|alpha·x + beta|, clipped: OpenCV's `convertScaleAbs`, report A's stretch with alpha 1.5."""
    return table(np.abs(alpha * _RAMP + beta))


def gamma_table(gamma: float) -> np.ndarray:
    """255·(x/255)^gamma; above 1 darkens."""
    return table(255 * (_RAMP / 255) ** gamma)


def posterize_table(bits: int) -> np.ndarray:
    """Keep the highest `bits` bits of each value."""
    step = 1 << (8 - bits)
    return table(np.floor(_RAMP / step) * step)


def solarize_table(threshold: float, addition: float = 0.0) -> np.ndarray:
    """Add `addition`, then invert values of at least `threshold`."""
    raised = np.clip(_RAMP + addition, 0, 255)
    return table(np.where(raised < threshold, raised, 255 - raised))


def saturation_matrix(factor: float) -> np.ndarray:
    """`(3, 4)` float32 colour matrix that moves each pixel from its grey (0) through itself (1) and beyond."""
    r, g, b = (weight * (1 - factor) for weight in LUMA)
    return np.array([[r + factor, g, b, 0], [r, g + factor, b, 0], [r, g, b + factor, 0]], np.float32)


def hue_matrix(degrees: float) -> np.ndarray:
    """`(3, 4)` float32 colour matrix that turns hues about the grey axis."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    third, root = (1 - cos) / 3, sin / math.sqrt(3)
    a, b, c = cos + third, third - root, third + root
    return np.array([[a, b, c, 0], [c, a, b, 0], [b, c, a, 0]], np.float32)


def transform_colours(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a `(3, 4)` colour matrix to each pixel."""
    return np.asarray(cv2.transform(image, matrix))


def equalize(image: np.ndarray) -> np.ndarray:
    """Equalise the histogram of each channel."""
    return np.asarray(cv2.merge([cv2.equalizeHist(channel) for channel in cv2.split(image)]))


def autocontrast(image: np.ndarray) -> np.ndarray:
    """Stretch each channel to the whole range; a flat channel stays."""
    width = image.shape[1]
    # Over the rows first: long runs are fast, runs of three are fifty times slower.
    rows = np.ascontiguousarray(image).reshape(len(image), -1)
    low = rows.min(axis=0).reshape(width, 3).min(axis=0).tolist()
    high = rows.max(axis=0).reshape(width, 3).max(axis=0).tolist()
    scales = [255 / (top - bottom) if top > bottom else 1.0 for bottom, top in zip(low, high, strict=True)]
    offsets = [-bottom * scale if top > bottom else 0.0 for bottom, top, scale in zip(low, high, scales, strict=True)]
    return transform_colours(image, channels_matrix(scales, offsets))


def contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply each value's distance from its channel's mean by `factor`."""
    return transform_colours(
        image, channels_matrix([factor] * 3, [mean * (1 - factor) for mean in cv2.mean(image)[:3]])
    )


def channels_matrix(scales: Sequence[float], offsets: Sequence[float]) -> np.ndarray:
    """`(3, 4)` float32 colour matrix of one scale and one offset a channel: a quarter of the time of three tables."""
    (r, g, b), (dr, dg, db) = scales, offsets
    return np.array([[r, 0, 0, dr], [0, g, 0, dg], [0, 0, b, db]], np.float32)


def sharpen(image: np.ndarray, amount: float, sigma: float = 1.0) -> np.ndarray:
    """Unsharp mask: add `amount` of the difference from the blurred picture."""
    return np.asarray(cv2.addWeighted(image, 1 + amount, gaussian_blur(image, sigma), -amount, 0))


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by a Gaussian of standard deviation `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))


def motion_blur(image: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Blur along a line of `length` pixels at `angle` degrees."""
    reach = max(1, math.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    dx, dy = math.cos(math.radians(angle)) * length / 2, math.sin(math.radians(angle)) * length / 2
    scale = 16  # sub-pixel ends, so that the blur grows smoothly with its length
    ends = [(round((reach + sign * dx) * scale), round((reach + sign * dy) * scale)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101))


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Through JPEG at `quality` 1–100 and back."""
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])


def pixelate(image: np.ndarray, share: float) -> np.ndarray:
    """Down to `share` of the size and up again in blocks."""
    height, width = image.shape[:2]
    small = (max(1, round(width * share)), max(1, round(height * share)))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_NEAREST))


def blend(image: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """`share` of `other` over 1 − `share` of `image`."""
    return np.asarray(cv2.addWeighted(image, 1 - share, other, share, 0))


def add(image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Add real numbers to each value, rounded and clipped."""
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U))


def fill(image: np.ndarray, top: int, left: int, height: int, width: int, value: int) -> np.ndarray:
    """Fill a rectangle, as far as it lies in the picture, with one value."""
    filled = image.copy()
    filled[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = value
    return filled
