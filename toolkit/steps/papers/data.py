"""Data sets of the papers: parts of a source, digits, and copies made as report B made them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import atomic_path, write_text
from toolkit.config import Config, apply
from toolkit.errors import DataError, MissingFileError, UnreadableImageError
from toolkit.manifest import Manifest
from toolkit.steps.project import Project

_PIXELS = 80  # report B's patterns


def resolved(config: Config, path: Path) -> Path:
    """A path of the section `paper`, relative to the config file."""
    base = config.file.parent if config.file else Path.cwd()
    return (base / path.expanduser()).resolve()


def check_source(path: Path, name: str) -> None:
    """Make sure that a data set is there.

    Raises:
        MissingFileError: It is not.
    """
    if not path.exists():
        raise MissingFileError(
            f"{name}: there is nothing at {path}. The data set is no part of the project: put it there (the head of "
            f"the config says which it is), or name another place with --set {name}=PATH."
        )


def drawn(manifest: Manifest, classes: Sequence[str] | None, pictures: int | None, seed: int) -> Manifest:
    """Some pictures of some classes; each class keeps its share.

    Args:
        manifest: The whole source.
        classes: Names; None: all.
        pictures: How many in all; None: all.
        seed: Of the draw.

    Raises:
        DataError: The source lacks a class.
    """
    names = list(classes) if classes else list(manifest.classes)
    unknown = [name for name in names if name not in manifest.classes]
    if unknown:
        raise DataError(f"The source has no class {unknown[0]!r}; it has {', '.join(manifest.classes)}.")
    wanted = [manifest.classes.index(name) for name in names]
    rows = np.flatnonzero(np.isin(manifest.labels, wanted))
    if pictures is not None and pictures < len(rows):
        rng = np.random.default_rng([seed, 307])
        parts = [rng.permutation(rows[manifest.labels[rows] == label]) for label in wanted]
        share = pictures / len(rows)
        rows = np.sort(np.concatenate([part[: max(2, round(share * len(part)))] for part in parts]))
    return manifest.select(manifest.image_ids[rows].tolist())


def part_of(project: Project, classes: Sequence[str] | None, pictures: int | None, name: str = "part") -> Project:
    """The same contest on a part of its source.

    Args:
        project: The contest; its source is read.
        classes: Names of classes to keep; None: all.
        pictures: How many pictures to keep; None: all.
        name: Of the CSV that lists them, in the folder of results.
    """
    config = project.config
    check_source(config.data.source, "data.source")
    chosen = drawn(project.manifest, classes, pictures, config.seed)
    file = project.folder / "data" / f"{name}.csv"
    rows = [(one, path, chosen.classes[label]) for one, path, label in
            zip(chosen.image_ids, chosen.table["path"], chosen.labels, strict=True)]  # fmt: skip
    kept = tuple(one for one in chosen.classes if classes is None or one in classes)
    return listed(project, file, rows, chosen.root, kept)


def listed(
    project: Project,
    file: Path,
    rows: Sequence[Sequence[str]],
    root: Path,
    classes: Sequence[str],
    grouped: bool = False,
) -> Project:
    """The same contest on pictures that a CSV lists: `image_id, path, label` and, where grouped, `pattern`."""
    heading = ("image_id", "path", "label", "pattern")[: len(rows[0])]
    text = _csv(heading, rows)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write_text(file, text)
    settings: dict[str, Any] = {
        "data.source": str(file), "data.format": "csv", "data.images": str(root), "data.id_column": "image_id",
        "data.path_column": "path", "data.label_column": "label", "data.classes": list(classes),
        "data.group": "pattern" if grouped else None,
    }  # fmt: skip
    return changed(project, settings)


def changed(project: Project, settings: Mapping[str, Any]) -> Project:
    """The same contest with other settings, results in the same folder."""
    return Project(apply(project.config, settings), project.console)


def digits(project: Project, pictures: int) -> Project:
    """The same contest on scikit-learn's digits, enlarged to 64 pixels."""
    import cv2
    from sklearn.datasets import load_digits

    file = project.folder / "data" / f"digits-{pictures}.npz"
    if not file.exists():
        found = load_digits()
        order = np.random.default_rng([project.config.seed, 311]).permutation(len(found.images))[:pictures]
        grey = (np.asarray(found.images)[order] * (255 / 16)).astype(np.uint8)
        large = np.stack([cv2.resize(image, (64, 64), interpolation=cv2.INTER_CUBIC) for image in grey])
        with atomic_path(file) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(
                stream, images=np.repeat(large[..., None], 3, axis=-1), labels=np.asarray(found.target)[order]
            )
    settings = {"data.source": str(file), "data.format": "npz", "data.images": None, "data.id_column": None,
                "data.path_column": None, "data.label_column": None, "data.classes": None,
                "data.group": None}  # fmt: skip
    return changed(project, settings)


def with_copies(project: Project, classes: tuple[str, str], patterns: int, copies: int) -> Project:
    """Report B's data: patterns of 80×80 pixels and, of each, copies with salt-and-pepper noise and skew in turn.

    All pictures are in one source and no row says in the file's name what it is a copy of; the column `pattern` does.

    Args:
        project: The contest.
        classes: Two classes.
        patterns: Originals, half of each class.
        copies: Changed copies of each.
    """
    import cv2

    check_source(project.config.data.source, "data.source")
    chosen = drawn(project.manifest, classes, None, project.config.seed)
    rng = np.random.default_rng([project.config.seed, 313])
    folder = project.folder / "data" / "patterns"
    rows: list[tuple[str, str, str, str]] = []
    for name in classes:
        ids = chosen.image_ids[chosen.labels == chosen.classes.index(name)]
        for one in rng.permutation(ids)[: patterns // 2].tolist():
            place = chosen.select([one]).locations()[0]
            whole = cv2.imread(str(place.file))
            if whole is None:
                raise UnreadableImageError(f"{place.file} is no picture that can be decoded; remove it.")
            image = np.asarray(cv2.resize(whole, (_PIXELS, _PIXELS), interpolation=cv2.INTER_AREA))
            for number in range(copies + 1):
                made = image if not number else _salt_and_pepper(image, rng) if number % 2 else _skewed(image, rng)
                file = folder / f"{len(rows):03d}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                if not file.exists():
                    cv2.imwrite(str(file), made)
                rows.append((f"{len(rows):03d}", file.name, name, f"{name}-{one}".replace("/", "-")))
    return listed(project, project.folder / "data" / "patterns.csv", rows, folder, sorted(classes), grouped=True)


def balanced_part(pictures: Manifest, wanted: int | None, seed: int) -> Manifest:
    """Equally many pictures of each class, as many as there are, or as `wanted` allows."""
    classes, counts = np.unique(pictures.labels, return_counts=True)
    each = int(counts.min()) if wanted is None else min(int(counts.min()), max(2, wanted // len(classes)))
    return _taken(pictures, dict.fromkeys(classes.tolist(), each), seed)


def imbalanced_part(pictures: Manifest, wanted: int, seed: int) -> Manifest:
    """So many pictures with class sizes in geometric decline, the most common about 12 times as frequent as the rarest.

    The data sets here are milder than MIO-TCD, whose subset runs from 33 to 6,936 pictures a class.
    """
    classes, counts = np.unique(pictures.labels, return_counts=True)
    order = classes[np.argsort(-counts, kind="stable")]
    shares = np.geomspace(1.0, 1 / 12, len(order))
    sizes = {
        int(label): max(4, round(wanted * share)) for label, share in zip(order, shares / shares.sum(), strict=True)
    }
    return _taken(pictures, sizes, seed)


def _taken(pictures: Manifest, sizes: Mapping[int, int], seed: int) -> Manifest:
    order = np.random.default_rng([seed, 317]).permutation(len(pictures))
    rows = np.concatenate([order[pictures.labels[order] == label][:size] for label, size in sizes.items()])
    return pictures.select(pictures.image_ids[np.sort(rows)].tolist())


def _salt_and_pepper(image: np.ndarray, rng: np.random.Generator, share: float = 0.02) -> np.ndarray:
    drawn_at = rng.random(image.shape[:2])
    noisy = image.copy()
    noisy[drawn_at < share / 2] = 0
    noisy[drawn_at > 1 - share / 2] = 255
    return noisy


def _skewed(image: np.ndarray, rng: np.random.Generator, largest: float = 0.1) -> np.ndarray:
    import cv2

    shear = float(rng.uniform(-largest, largest))
    side = image.shape[0]
    move = np.array([[1, shear, -shear * side / 2], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(image, move, (side, side), borderMode=cv2.BORDER_REFLECT))


def _csv(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue()
