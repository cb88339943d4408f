"""Files that cannot be used at all, or are not what they seem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from toolkit.cleaning.inspection import FORMATS
from toolkit.cleaning.issues import Issue

_EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".jif"},
    "PNG": {".png", ".apng"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "TIFF": {".tif", ".tiff"},
    "WEBP": {".webp"},
    "AVIF": {".avif", ".avifs"},
    "PPM": {".ppm", ".pgm", ".pbm", ".pnm"},
}
_PROMISES = {extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions}
_OWN = {"contest.yaml"}


def integrity_issues(unreadable: Mapping[str, str], action: str = "drop") -> list[Issue]:
    """One issue a picture that cannot be decoded: missing, empty, truncated, damaged, no image, decompression bomb.

    Args:
        unreadable: Why, by image id.
        action: What is done with them.
    """
    return [Issue(name, "unreadable", 1.0, "", action, why) for name, why in sorted(unreadable.items())]


def format_issues(
    image_ids: Sequence[str], files: Sequence[Path | None], prints: np.ndarray, actions: Mapping[str, str]
) -> list[Issue]:
    """Pictures whose file name promises another format, or that have several frames.

    Args:
        image_ids: n names.
        files: n files, None for rows of an array.
        prints: `(n,)` records of `inspection.PRINT`.
        actions: Action by kind.
    """
    issues = []
    for name, file, code, frames in zip(
        image_ids, files, prints["format"].tolist(), prints["frames"].tolist(), strict=True
    ):
        if file is None:
            continue
        promised, real = _PROMISES.get(file.suffix.lower()), FORMATS[code]
        if real in _EXTENSIONS and file.suffix and promised != real:
            reason = f"{file.name} is a {real} file"
            issues.append(Issue(name, "wrong_extension", 0.5, "", actions["wrong_extension"], reason))
        if frames > 1:
            reason = f"{frames} frames, of which the first is used"
            issues.append(Issue(name, "animated", 0.5, "", actions["animated"], reason))
    return issues


def other_files(root: Path, pictures: Iterable[Path], most: int = 100_000) -> list[Path]:
    """Files under a folder of pictures that are no pictures of the data set: forgotten, foreign, or wrongly named.

    Args:
        root: The folder.
        pictures: The data set's files.
        most: Where to stop.

    Returns:
        Paths relative to `root`, sorted; hidden files and folders and the names of operating systems are left out.
    """
    known = set(pictures)
    found: list[Path] = []
    for folder, folders, names in root.walk() if hasattr(root, "walk") else _walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        for name in names:
            path = folder / name
            if path not in known and not name.startswith(".") and name not in {"Thumbs.db", "desktop.ini", *_OWN}:
                found.append(path.relative_to(root))
        if len(found) >= most:
            break
    return sorted(found)


def _walk(root: Path) -> Iterable[tuple[Path, list[str], list[str]]]:
    import os

    return ((Path(folder), folders, names) for folder, folders, names in os.walk(root))
