"""Finding the picture files that a source speaks of, without leaving its folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from toolkit.errors import DataError, MissingFileError

IMAGE_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        "jpg",
        "jpeg",
        "jpe",
        "jfif",
        "png",
        "bmp",
        "dib",
        "gif",
        "webp",
        "tif",
        "tiff",
        "ppm",
        "pgm",
        "pbm",
        "pnm",
        "jp2",
        "avif",
    )
)


def list_files(root: Path) -> list[str]:
    """Paths of all files below a folder, relative with `/`, sorted; hidden ones and hidden folders are left out."""
    found: list[str] = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back up the tree
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        relative = Path(folder).relative_to(root)
        found += [(relative / name).as_posix() for name in names if not name.startswith(".")]
    return sorted(found)


def is_image(path: str) -> bool:
    """Whether a file's ending is that of a picture."""
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES


class Resolver:
    """Resolves the paths and ids of a table to files, listing each folder once.

    Args:
        root: Folder that they start from.
        where: The table, for errors.
    """

    def __init__(self, root: Path, where: Path) -> None:
        if not root.is_dir():
            raise MissingFileError(
                f"The picture folder {root} of {where} does not exist. Set `data.images` to the folder that the paths "
                "or ids start from."
            )
        self._root = root
        self._real = root.resolve()
        self._where = where
        self._folders: dict[str, dict[str, str]] = {}
        self._inside: dict[str, bool] = {}

    def resolve(self, names: Sequence[str]) -> list[str]:
        """Paths relative to the root, one a name; a name may lack its file ending.

        Raises:
            DataError: A path leads out of the root.
            MissingFileError: Files are missing.
        """
        resolved, missing = [], []
        for name in names:
            path = self._clean(name)
            found = self._find(path)
            if found is None:
                missing.append(name)
            else:
                resolved.append(found)
        if missing:
            shown = ", ".join(repr(name) for name in missing[:3])
            raise MissingFileError(
                f"{len(missing)} of {len(names)} pictures of {self._where} are missing, for example {shown}; looked "
                f"below {self._root}. Set `data.images` to the folder they are in, or remove these rows."
            )
        return resolved

    def _clean(self, name: str) -> str:
        path = Path(name.replace("\\", "/"))
        if path.is_absolute():
            try:
                path = path.relative_to(self._root.absolute())
            except ValueError:
                raise self._escapes(name) from None
        parts: list[str] = []
        for part in path.parts:
            if part == "..":
                if not parts:
                    raise self._escapes(name)
                parts.pop()
            elif part != ".":
                parts.append(part)
        return "/".join(parts)

    def _escapes(self, name: str) -> DataError:
        return DataError(
            f"{self._where} names {name!r}, which leads out of {self._root}. Paths must stay inside the data folder: "
            "set `data.images` to a folder that holds all pictures."
        )

    def _find(self, path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        listing = self._listing(folder)
        # Unicode has two spellings of é; file systems and tables may use different ones.
        found = listing.get(unicodedata.normalize("NFC", name))
        if found is None:
            return None
        full = f"{folder}/{found}" if folder else found
        if (self._root / full).is_symlink() and not (self._root / full).resolve().is_relative_to(self._real):
            raise self._escapes(path)
        return full

    def _listing(self, folder: str) -> dict[str, str]:
        if folder not in self._folders:
            place = self._root / folder
            if folder and place.exists() and not place.resolve().is_relative_to(self._real):
                raise self._escapes(folder)
            try:
                names = sorted(entry.name for entry in os.scandir(place) if not entry.is_dir())
            except (FileNotFoundError, NotADirectoryError):
                names = []
            listing: dict[str, str] = {}
            for name in names:
                if is_image(name):
                    listing.setdefault(unicodedata.normalize("NFC", PurePosixPath(name).stem), name)
            listing.update({unicodedata.normalize("NFC", name): name for name in names})
            self._folders[folder] = listing
        return self._folders[folder]
