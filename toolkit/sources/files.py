"""Which files of a folder are pictures."""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.errors import DataError

_ENDINGS = "jpg jpeg jpe jfif png bmp dib gif webp tif tiff ppm pgm pbm pnm jp2 avif"
IMAGE_SUFFIXES = frozenset(f".{ending}" for ending in _ENDINGS.split())


def is_image(path: str) -> bool:
    """Whether a file's ending is that of a picture."""
    stem, dot, ending = path.rpartition("/")[2].rpartition(".")
    return bool(stem) and f"{dot}{ending}".lower() in IMAGE_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that systems leave behind, such as `.DS_Store` or `__MACOSX`."""
    return name.startswith((".", "__MACOSX"))


def scan(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, sorted by name.

    Raises:
        DataError: The folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be listed ({error.strerror}). Check its permissions.") from error


def list_images(root: Path) -> list[str]:
    """Paths of all pictures below a folder, relative with `/`, sorted; hidden files and folders are left out.

    Raises:
        DataError: A link leads out of the folder, a folder cannot be listed, or a name is not valid Unicode.
    """
    real = os.path.realpath(root)
    found: list[str] = []
    _walk(root, "", (real,), found)
    for path in found:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{root} holds a picture whose name is not valid UTF-8: {path!a}. Rename it, for example with convmv."
            ) from error
    return sorted(found)


def leads_out(path: str | Path, real_root: str) -> bool:
    """Whether a path, links followed, is outside the folder `real_root`, whose own links are followed already."""
    real = os.path.realpath(path)
    return real != real_root and not real.startswith(real_root.rstrip("/") + "/")


def _walk(folder: Path, prefix: str, chain: tuple[str, ...], found: list[str]) -> None:
    """Append the pictures of a folder; `chain` holds the real paths of the root and of the folders down to this."""
    for entry in scan(folder):
        if is_hidden(entry.name):
            continue
        is_folder = entry.is_dir()
        if not is_folder and not is_image(entry.name):
            continue
        path = prefix + entry.name
        if entry.is_symlink() and leads_out(entry.path, chain[0]):
            raise DataError(
                f"{path!r} in {chain[0]} is a link that leads out of that folder, to {os.path.realpath(entry.path)}. "
                "Pictures must stay inside the data folder: copy them there, or remove the link."
            )
        if not is_folder:
            found.append(path)
            continue
        real = os.path.realpath(entry.path) if entry.is_symlink() else f"{chain[-1].rstrip('/')}/{entry.name}"
        if real not in chain:  # else a link back up the tree
            _walk(Path(entry.path), f"{path}/", (*chain, real), found)
