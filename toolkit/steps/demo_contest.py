"""A small messy contest made of scikit-learn's digits and sample photographs, with the truth kept aside.

Everything a real one suffers from is in it: copies, copies under other labels, near copies, wrong labels, foreign
pictures blended over genuine ones, unreadable files, and a hidden test whose pictures look different from training.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import write_json, write_text

SIZE = 64  # pixels; the digits are 8 by 8 and enlarged
HIDDEN_CORRUPTIONS = (("shot_noise", 3), ("motion_blur", 2), ("contrast", 3), ("pixelate", 2), ("fog", 2))


@dataclass(frozen=True)
class Amounts:
    """How many pictures of each kind; the defaults are the demo's.

    Attributes:
        genuine: Digits that training starts from.
        hidden: Other digits, for the hidden test.
        exact: Copies, half of them byte by byte, half saved anew.
        conflicts: Copies under a wrong label.
        near: Copies re-encoded, shifted or brightened.
        flipped: Share of wrong labels among the genuine pictures.
        outliers: Photographs blended over digits.
    """

    genuine: int = 1297
    hidden: int = 500
    exact: int = 40
    conflicts: int = 20
    near: int = 60
    flipped: float = 0.02
    outliers: int = 30


@dataclass(frozen=True)
class Contest:
    """Where the contest lies.

    Attributes:
        train: CSV of the labelled pictures, beside their folder.
        hidden: `.npz` of the hidden test: `images (n, 64, 64, 3)` uint8, `labels (n,)`.
        truth: CSV of what is really wrong: `image_id, kind, source`.
    """

    train: Path
    hidden: Path
    truth: Path


@dataclass(frozen=True)
class _Picture:
    data: bytes
    suffix: str
    label: int
    kind: str
    source: int


def build_contest(folder: Path, amounts: Amounts | None = None, seed: int = 7) -> Contest:
    """Write the contest, unless it is there already.

    Args:
        folder: Gets `contest/train.csv`, `contest/images/`, `contest/hidden.npz` and, aside, `truth.csv`.
        amounts: How many pictures of each kind.
        seed: Of every choice.
    """
    amounts = amounts or Amounts()
    contest = Contest(folder / "contest" / "train.csv", folder / "contest" / "hidden.npz", folder / "truth.csv")
    done = folder / "contest" / "DONE"
    if done.exists():
        return contest
    # A half-written contest is the work of an interrupted demo: it is ours to remove.
    shutil.rmtree(folder / "contest", ignore_errors=True)
    images = folder / "contest" / "images"
    images.mkdir(parents=True)

    rng = np.random.default_rng(seed)
    digits, labels = _digits()
    order = rng.permutation(len(digits))
    genuine, hidden = order[: amounts.genuine], order[amounts.genuine : amounts.genuine + amounts.hidden]

    pictures = list(_pictures(digits, labels, genuine, amounts, rng))
    rng.shuffle(pictures)  # type: ignore[arg-type]
    rows, truth = [], []
    for index, picture in enumerate(pictures):
        image_id = f"{index:05d}"
        name = image_id + picture.suffix
        (images / name).write_bytes(picture.data)
        rows.append((image_id, f"images/{name}", picture.label))
        truth.append((image_id, picture.kind, picture.source))
    write_text(contest.train, _csv(("image_id", "path", "label"), rows))
    write_text(contest.truth, _csv(("image_id", "kind", "source"), truth))

    names = np.resize(np.arange(len(HIDDEN_CORRUPTIONS)), len(hidden))
    shifted = _shift(digits[hidden], [str(index) for index in hidden], names, seed)
    np.savez_compressed(contest.hidden, images=shifted, labels=labels[hidden])
    write_json(done, {"pictures": len(rows), "hidden": len(hidden)})
    return contest


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """All digits, `(1797, 64, 64, 3)` uint8 dark on light, and their labels."""
    import cv2
    from sklearn.datasets import load_digits

    data = load_digits()
    grey = (255 - np.asarray(data.images) * (255 / 16)).astype(np.uint8)  # (n, 8, 8)
    large = np.stack([cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for image in grey])
    return np.repeat(large[..., None], 3, axis=-1), np.asarray(data.target, np.int64)


def _pictures(
    digits: np.ndarray, labels: np.ndarray, genuine: np.ndarray, amounts: Amounts, rng: np.random.Generator
) -> Iterator[_Picture]:
    flips = set(rng.choice(genuine, round(amounts.flipped * len(genuine)), replace=False).tolist())
    for index in genuine.tolist():
        wrong = index in flips
        label = _other(int(labels[index]), rng) if wrong else int(labels[index])
        yield _Picture(_png(digits[index]), ".png", label, "label_error" if wrong else "genuine", index)

    # Every blemish gets an original of its own, so that each is of one kind only.
    free = rng.permutation([index for index in genuine.tolist() if index not in flips]).tolist()
    for number in range(amounts.exact):
        index = free.pop()
        data = _png(digits[index], compression=0 if number % 2 else 3)
        yield _Picture(data, ".png", int(labels[index]), "exact_duplicate", index)
    for _ in range(amounts.conflicts):
        index = free.pop()
        yield _Picture(_png(digits[index]), ".png", _other(int(labels[index]), rng), "label_conflict", index)
    for number in range(amounts.near):
        index = free.pop()
        data, suffix = _near(digits[index], number, rng)
        yield _Picture(data, suffix, int(labels[index]), "near_duplicate", index)
    for _ in range(amounts.outliers):
        index = free.pop()
        share = rng.uniform(0.5, 0.85)
        mixed = share * _photo_crop(rng) + (1 - share) * digits[index]
        yield _Picture(_png(mixed.astype(np.uint8)), ".png", int(labels[index]), "outlier", index)
    whole = _png(digits[free[0]])
    for data in (whole[: len(whole) // 2], b"", b"<html>404 Not Found</html>"):
        yield _Picture(data, ".png", int(rng.integers(10)), "unreadable", -1)


def _other(label: int, rng: np.random.Generator) -> int:
    return int((label + rng.integers(1, 10)) % 10)


def _png(image: np.ndarray, compression: int = 3) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, compression])[1])


def _near(image: np.ndarray, number: int, rng: np.random.Generator) -> tuple[bytes, str]:
    """A copy re-encoded, shifted by up to 3 pixels, or brightened, in turn."""
    import cv2

    if number % 3 == 0:
        return bytes(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]), ".jpg"
    if number % 3 == 1:
        right, down = (int(step) for step in rng.choice([-3, -2, 2, 3], 2))
        move = np.array([[1, 0, right], [0, 1, down]], np.float32)
        return _png(cv2.warpAffine(image, move, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)), ".png"
    return _png(cv2.convertScaleAbs(image, alpha=0.8, beta=40)), ".png"


def _photo_crop(rng: np.random.Generator) -> np.ndarray:
    import cv2
    from sklearn.datasets import load_sample_images

    photos: list[Any] = load_sample_images().images
    photo = np.asarray(photos[int(rng.integers(len(photos)))])
    side = int(rng.integers(120, 320))
    top, left = (int(rng.integers(limit - side)) for limit in photo.shape[:2])
    return np.asarray(
        cv2.resize(photo[top : top + side, left : left + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    )


def _shift(images: np.ndarray, image_ids: list[str], which: np.ndarray, seed: int) -> np.ndarray:
    """The hidden test's pictures: each under one of `HIDDEN_CORRUPTIONS`."""
    from toolkit.evaluation.corruptions import corrupt

    shifted = images.copy()
    for index, (name, severity) in enumerate(HIDDEN_CORRUPTIONS):
        rows = np.flatnonzero(which == index)
        shifted[rows] = corrupt(images[rows], [image_ids[row] for row in rows], name, severity, seed)
    return shifted


def _csv(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
