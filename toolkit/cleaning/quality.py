"""Pictures of poor quality: blurry, dark, bright, without information, or of an odd size.

Measuring (`measure_quality`) is apart from judging (`quality_issues`). Nothing is dropped for quality by default: a
dark picture of the right thing is still a picture of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from toolkit.cleaning.issues import Issue

MEASURES = ("blur", "dark_end", "bright_end", "entropy")
_DARK, _BRIGHT = 50.0, 215.0  # grey levels
_ENTROPY = 0.2
_BLUR = 0.75
_SPREADS = 6.0
_TINY, _ELONGATED = 8, 20.0  # pixels; longer by shorter side


def measure_quality(grey: np.ndarray) -> tuple[float, float, float, float]:
    """Measure one grey picture `(h, w)` uint8.

    Returns:
        blur: 0–1, the share of the variation between neighbours that one more blurring takes away subtracted from 1
            (Crete et al. 2007, "The blur effect"): a blurred picture has little left to lose.
        dark_end: 1st percentile, 0–255.
        bright_end: 99th percentile, 0–255.
        entropy: Of the grey levels, 0–1 (8 bits).
    """
    shares = cv2.calcHist([grey], [0], None, [256], [0, 256]).reshape(-1) / grey.size
    dark_end, bright_end = np.searchsorted(np.cumsum(shares), (0.01, 0.99))
    entropy = -(shares * np.log2(shares + 1e-12)).sum() / 8
    return _blur(grey), float(dark_end), float(bright_end), float(entropy)


def _blur(grey: np.ndarray) -> float:
    if min(grey.shape) < 2:
        return 0.0
    shares = []
    for ahead, behind, size in ((np.s_[:, 1:], np.s_[:, :-1], (9, 1)), (np.s_[1:], np.s_[:-1], (1, 9))):
        smooth = cv2.blur(grey, size)
        before = cv2.absdiff(grey[ahead], grey[behind])
        after = cv2.absdiff(smooth[ahead], smooth[behind])
        total = cv2.sumElems(before)[0]
        shares.append(1 - cv2.sumElems(cv2.subtract(before, after))[0] / total if total else 0.0)
    return float(max(shares))


def quality_issues(
    image_ids: Sequence[str],
    measures: np.ndarray,
    sizes: np.ndarray,
    actions: Mapping[str, str],
    groups: Mapping[str, str],
) -> list[Issue]:
    """Pictures whose quality is poor in itself, or for blur and size, far from that of the others.

    Args:
        image_ids: n names.
        measures: `(n, 4)` in the order of `MEASURES`.
        sizes: `(n, 2)` width and height in pixels.
        actions: Action by kind.
        groups: Group of duplicates by image id.
    """
    if not len(image_ids):
        return []
    blur, dark_end, bright_end, entropy = np.asarray(measures, np.float64).T
    width, height = np.maximum(np.asarray(sizes, np.float64), 1).T
    area, aspect = np.log(width * height) / 2, np.log(width / height)
    elongated = np.exp(np.abs(aspect))
    odd = np.maximum(_spreads(area, 0.2), _spreads(aspect, 0.2))
    absurd = (np.minimum(width, height) < _TINY) | (elongated > _ELONGATED)
    size_text = [f"{int(w)}×{int(h)} pixels" for w, h in zip(width, height, strict=True)]
    usual = f"{int(np.median(width))}×{int(np.median(height))}"
    informed = entropy > _ENTROPY
    found: list[Issue] = []

    def add(kind: str, rows: np.ndarray, scores: np.ndarray, reasons: Sequence[str]) -> None:
        for row in np.flatnonzero(rows).tolist():
            name = str(image_ids[row])
            score = float(np.clip(scores[row], 0, 1))
            found.append(Issue(name, kind, score, groups.get(name, ""), actions[kind], reasons[row]))

    add("blurry", (blur > _BLUR) & (_spreads(blur, 0.03) > _SPREADS) & informed, blur,
        [f"blur {value:.2f} of 1; half of the pictures are below {np.median(blur):.2f}" for value in blur])  # fmt: skip
    add("dark", bright_end < _DARK, 1 - bright_end / 255,
        [f"99 of 100 pixels are darker than {value:.0f} of 255" for value in bright_end])  # fmt: skip
    add("bright", dark_end > _BRIGHT, dark_end / 255,
        [f"99 of 100 pixels are brighter than {value:.0f} of 255" for value in dark_end])  # fmt: skip
    add("low_information", entropy < _ENTROPY, 1 - entropy,
        [f"{value * 8:.1f} of 8 bits a pixel: almost one colour" for value in entropy])  # fmt: skip
    add("odd_size", absurd | (odd > _SPREADS), np.where(absurd, 1.0, odd / (odd + _SPREADS)),
        [f"{text}; usual are {usual}" for text in size_text])  # fmt: skip
    return found


def _spreads(values: np.ndarray, least: float) -> np.ndarray:
    """Distance from the median in robust standard deviations, none smaller than `least`."""
    median = np.median(values)
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return np.asarray(np.abs(values - median) / max(spread, least))
