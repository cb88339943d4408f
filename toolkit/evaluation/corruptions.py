"""Corruptions of local tests: what hidden pictures may look like, by family and severity.

Deterministic by seed, name, severity and image id. Severities follow ImageNet-C in spirit (Hendrycks & Dietterich 2019,
arXiv 1903.12261), with parameters for pictures of about 100 pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit import pixelops as ops
from toolkit.errors import ConfigError, LeakError

# No training policy may contain these, so that they measure what training did not prepare for.
HELD_OUT_FAMILIES = frozenset({"weather", "overlay"})
HELD_OUT_NAMES = frozenset({"jpeg", "pixelate", "impulse_noise"})
_Change = Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """One way to corrupt a picture.

    Attributes:
        name: As in the config.
        family: noise, blur, digital, weather, geometric, colour, occlusion or overlay.
        severities: Parameter of severities 1 to 5.
        change: `(image, parameter, random numbers)` → image.
    """

    name: str
    family: str
    severities: tuple[Any, ...]
    change: _Change


def _white_noise(image: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    return ops.add(image, rng.standard_normal(image.shape, dtype=np.float32) * sd)


def _impulse_noise(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    drawn = rng.random(image.shape[:2], dtype=np.float32)
    changed = image.copy()
    changed[drawn < share / 2] = 0
    changed[drawn > 1 - share / 2] = 255
    return changed


def _shot_noise(image: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    counts = rng.poisson(image / 255.0 * photons)
    return np.asarray(np.clip(np.rint(counts * (255.0 / photons)), 0, 255), np.uint8)


def _gaussian_blur(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    return ops.gaussian_blur(image, sigma * image.shape[0] / 96)


def _motion_blur(image: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    return ops.motion_blur(image, length * image.shape[0] / 96, rng.uniform(0, 180))


def _jpeg(image: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    return ops.jpeg(image, quality)


def _pixelate(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return ops.pixelate(image, share)


def _posterize(image: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    return ops.look_up(image, ops.posterize_table(bits))


def _fog(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return ops.blend(image, _clouds(image.shape[0], image.shape[1], rng), share)


def _clouds(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A light grey pattern `(h, w, 3)` uint8 with structure of all sizes."""
    total = np.zeros((height, width), np.float32)
    for cells in (2, 4, 8, 16):
        coarse = rng.random((cells + 1, cells + 1), dtype=np.float32)
        rows, columns = np.linspace(0, cells, height), np.linspace(0, cells, width)
        top, left = np.minimum(rows.astype(int), cells - 1), np.minimum(columns.astype(int), cells - 1)
        down, right = (rows - top)[:, None], (columns - left)[None, :]
        upper = coarse[top][:, left] * (1 - right) + coarse[top][:, left + 1] * right
        lower = coarse[top + 1][:, left] * (1 - right) + coarse[top + 1][:, left + 1] * right
        total += (upper * (1 - down) + lower * down) / cells
    spread = (total - total.min()) / max(float(np.ptp(total)), 1e-6)
    return np.repeat((180 + 75 * spread).astype(np.uint8)[..., None], 3, axis=-1)


def _rotate_shift_zoom(image: np.ndarray, limits: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    angle, shift, zoom = limits
    matrix = ops.geometry(
        (image.shape[0], image.shape[1]),
        angle=rng.uniform(-angle, angle),
        shift=(rng.uniform(-shift, shift), rng.uniform(-shift, shift)),
        zoom=rng.uniform(1 - zoom, 1 + zoom),
    )
    return ops.warp(image, matrix)


def _brightness(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return ops.look_up(image, ops.brightness_table(amount * rng.choice([-1, 1])))


def _contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    return ops.look_up(image, ops.contrast_table(factor, float(image.mean())))


def _saturation(image: np.ndarray, change: float, rng: np.random.Generator) -> np.ndarray:
    return ops.transform_colours(image, ops.saturation_matrix(1 + change * rng.choice([-1, 2])))


def _hue(image: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    return ops.transform_colours(image, ops.hue_matrix(degrees * rng.choice([-1, 1])))


def _cutout(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    down, across = round(height * share), round(width * share)
    top, left = (
        int(rng.integers(-(down // 2), height - down // 2)),
        int(rng.integers(-(across // 2), width - across // 2)),
    )
    return ops.fill(image, top, left, down, across, int(rng.integers(0, 256)))


def _overlay(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A pattern of coloured shapes over the picture, as watermarks, stickers and double exposures lie over it."""
    pattern = np.full_like(image, rng.integers(0, 256, 3))
    height, width = image.shape[:2]
    for _ in range(6):
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        down, across = int(rng.integers(height // 8, height // 2)), int(rng.integers(width // 8, width // 2))
        pattern[top : top + down, left : left + across] = rng.integers(0, 256, 3)
    return ops.blend(image, pattern, share)


CORRUPTIONS = {
    row.name: row
    for row in (
        # Report A's local test: white noise; severity 3 has a standard deviation of 25 grey levels.
        Corruption("white_noise", "noise", (8, 16, 25, 36, 50), _white_noise),
        Corruption("impulse_noise", "noise", (0.01, 0.03, 0.06, 0.1, 0.17), _impulse_noise),
        Corruption("shot_noise", "noise", (200, 80, 40, 20, 10), _shot_noise),
        Corruption("gaussian_blur", "blur", (0.7, 1.1, 1.6, 2.3, 3.2), _gaussian_blur),
        Corruption("motion_blur", "blur", (3, 5, 8, 11, 15), _motion_blur),
        Corruption("jpeg", "digital", (50, 30, 18, 12, 7), _jpeg),
        Corruption("pixelate", "digital", (0.7, 0.55, 0.42, 0.32, 0.25), _pixelate),
        Corruption("posterize", "digital", (5, 4, 3, 2, 1), _posterize),
        Corruption("fog", "weather", (0.2, 0.35, 0.5, 0.62, 0.75), _fog),
        Corruption(
            "rotate_shift_zoom",
            "geometric",
            ((8, 0.04, 0.06), (15, 0.07, 0.1), (25, 0.1, 0.16), (35, 0.14, 0.22), (45, 0.18, 0.3)),
            _rotate_shift_zoom,
        ),
        Corruption("brightness", "colour", (0.08, 0.15, 0.22, 0.3, 0.4), _brightness),
        Corruption("contrast", "colour", (0.75, 0.6, 0.45, 0.32, 0.2), _contrast),
        Corruption("saturation", "colour", (0.3, 0.5, 0.7, 0.85, 1.0), _saturation),
        Corruption("hue", "colour", (10, 20, 35, 55, 80), _hue),
        Corruption("cutout", "occlusion", (0.2, 0.3, 0.4, 0.5, 0.6), _cutout),
        Corruption("overlay", "overlay", (0.15, 0.25, 0.37, 0.5, 0.62), _overlay),
    )
}


def corrupt(images: np.ndarray, image_ids: Sequence[str], name: str, severity: int, seed: int) -> np.ndarray:
    """Corrupt pictures.

    Args:
        images: `(n, h, w, 3)` uint8 RGB.
        image_ids: n names; together with `seed` they decide what happens to each picture.
        name: A name in `CORRUPTIONS`.
        severity: 1 (slight) to 5 (strong).
        seed: Any number.

    Returns:
        `(n, h, w, 3)` uint8, a copy.

    Raises:
        ConfigError: Unknown name or severity.
    """
    row = select([name])[0]
    if severity not in range(1, 6):
        raise ConfigError(f"Severity is {severity}; expected 1 (slight) to 5 (strong).")
    changed = np.empty_like(images)
    for index, image_id in enumerate(image_ids):
        digest = hashlib.blake2b(f"{seed}\x1f{name}\x1f{severity}\x1f{image_id}".encode(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(digest, "big"))
        changed[index] = row.change(images[index], row.severities[severity - 1], rng)
    return changed


def select(names: Iterable[str]) -> list[Corruption]:
    """The corruptions of these names, each once; the name of a family stands for all of it.

    Raises:
        ConfigError: An unknown name; all known ones are listed.
    """
    chosen: list[Corruption] = []
    for name in names:
        family = [row for row in CORRUPTIONS.values() if row.family == name]
        if name not in CORRUPTIONS and not family:
            raise ConfigError(f"There is no corruption {name!r}; known: {', '.join(CORRUPTIONS)}.")
        chosen += [CORRUPTIONS[name]] if name in CORRUPTIONS else family
    return list({row.name: row for row in chosen}.values())


def check_disjoint(selection: Iterable[str], reporting: Iterable[str]) -> None:
    """Make sure that what is optimised on and what is reported share no corruption family.

    Args:
        selection: Names that `tune` uses.
        reporting: Names that `evaluate` uses.

    Raises:
        LeakError: A family is on both sides.
        ConfigError: An unknown name.
    """
    one = {row.family: row.name for row in select(selection)}
    other = {row.family: row.name for row in select(reporting)}
    shared = sorted(set(one) & set(other))
    if shared:
        family = shared[0]
        raise LeakError(
            f"tune.corruptions and evaluate.corruptions share the family {family!r} ({one[family]} and "
            f"{other[family]}): a score that was optimised must not be reported. Remove it from one of the two lists."
        )
