"""Finding the picture files that a table speaks of, without leaving their folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolkit.errors import DataError, MissingFileError
from toolkit.sources.files import is_image, leads_out, scan


@dataclass(frozen=True)
class _Listing:
    """One folder; names are looked up in Unicode form NFC, because file systems and tables may spell é differently.

    Attributes:
        files: Names of files by name.
        stems: Names of pictures by name without ending.
        folders: Names of folders by name.
        links: Those of them that are symbolic links.
    """

    files: dict[str, str]
    stems: dict[str, list[str]]
    folders: dict[str, str]
    links: frozenset[str]


class Resolver:
    """Resolves the paths and ids of a table to files, listing each folder once.

    Args:
        root: Folder that they start from.
        where: The table, for errors.

    Raises:
        MissingFileError: There is no such folder.
    """

    def __init__(self, root: Path, where: Path) -> None:
        if not root.is_dir():
            raise MissingFileError(
                f"The picture folder {root} of {where} does not exist. Set `data.images` to the folder that the paths "
                "or ids start from."
            )
        self.root = root
        self._real = os.path.realpath(root)
        self._where = where
        self._listings: dict[str, _Listing | None] = {}

    def resolve(self, names: Sequence[str]) -> list[str]:
        """Paths relative to the root, one a name; a name may lack its file ending.

        Raises:
            DataError: A path leads out of the root, or fits several files.
            MissingFileError: Files are missing.
        """
        found = [self.find(name) for name in names]
        missing = [name for name, path in zip(names, found, strict=True) if path is None]
        if missing:
            shown = ", ".join(repr(name) for name in missing[:3])
            raise MissingFileError(
                f"{len(missing)} of {len(names)} pictures of {self._where} are missing, for example {shown}; looked "
                f"below {self.root}, with and without file endings. Set `data.images` to the folder they are in, or "
                "remove these rows."
            )
        return [path for path in found if path is not None]

    def find(self, name: str) -> str | None:
        """Path of one picture relative to the root, None where there is none.

        Raises:
            DataError: The path leads out of the root, or fits several files.
        """
        plain = name[:1] not in ("/", ".") and "\\" not in name and "//" not in name and "/." not in name
        path = name if plain else self._clean(name)
        folder, _, last = path.rpartition("/")
        listing = self._listing(folder)
        if listing is None:
            return None
        key = unicodedata.normalize("NFC", last)
        file = listing.files.get(key)
        if file is None:
            fitting = listing.stems.get(key, [])
            if len(fitting) > 1:
                raise DataError(
                    f"{self._where} names {name!r}, which fits several files of {self.root / folder}: "
                    f"{', '.join(fitting[:3])}. Write the file ending."
                )
            if not fitting:
                return None
            file = fitting[0]
        actual = self._spelling(folder)
        full = f"{actual}/{file}" if actual else file
        if file in listing.links:
            if leads_out(self.root / full, self._real):
                raise self._escapes(name)
            if not (self.root / full).is_file():
                return None
        return full

    def _clean(self, name: str) -> str:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute():
            roots = [root for root in (self.root.absolute().as_posix(), self._real) if path.is_relative_to(root)]
            if not roots:
                raise self._escapes(name)
            path = path.relative_to(roots[0])
        parts: list[str] = []
        for part in path.parts:
            if part != "..":
                parts.append(part)
            elif parts:
                parts.pop()
            else:
                raise self._escapes(name)
        return "/".join(parts)

    def _escapes(self, name: str) -> DataError:
        return DataError(
            f"{self._where} names {name!r}, which leads out of {self.root}. Paths must stay inside the data folder: "
            "set `data.images` to a folder that holds all pictures."
        )

    def _spelling(self, folder: str) -> str:
        """A folder's path as the disk spells it; its listing exists."""
        parts: list[str] = []
        for part in folder.split("/") if folder else ():
            parent = self._listing("/".join(parts))
            key = unicodedata.normalize("NFC", part)
            parts.append(part if parent is None else parent.folders.get(key, part))
        return "/".join(parts)

    def _listing(self, folder: str) -> _Listing | None:
        """What lies in a folder of the tree, None where there is no such folder."""
        if folder not in self._listings:
            parent_path, _, last = folder.rpartition("/")
            place = self.root
            if folder:
                parent = self._listing(parent_path)
                name = None if parent is None else parent.folders.get(unicodedata.normalize("NFC", last))
                if parent is None or name is None:
                    self._listings[folder] = None
                    return None
                place = self.root / self._spelling(parent_path) / name
                if name in parent.links and leads_out(place, self._real):
                    raise self._escapes(folder)
            self._listings[folder] = _list(place)
        return self._listings[folder]


def _list(folder: Path) -> _Listing:
    files: dict[str, str] = {}
    stems: dict[str, list[str]] = {}
    folders: dict[str, str] = {}
    links = set()
    for entry in scan(folder):
        name = unicodedata.normalize("NFC", entry.name)
        if entry.is_symlink():
            links.add(entry.name)
        if entry.is_dir():
            folders[name] = entry.name
            continue
        files[name] = entry.name
        if is_image(name) and not name.startswith("."):
            stems.setdefault(name.rpartition(".")[0], []).append(entry.name)
    return _Listing(files, stems, folders, frozenset(links))


def choose_root(names: Sequence[str], candidates: Iterable[Path], where: Path) -> Resolver | None:
    """The folder below which most of some pictures are found, the first of equals; None where none is.

    Args:
        names: Paths or ids, a few.
        candidates: Folders, the likeliest first; those that do not exist are passed over.
        where: The table, for errors.

    Raises:
        DataError: Nothing is found, and a path leads out of a candidate.
    """
    best, most, refused = None, 0, None
    for folder in candidates:
        if not folder.is_dir():
            continue
        resolver = Resolver(folder, where)
        try:
            count = sum(resolver.find(name) is not None for name in names)
        except DataError as error:
            refused = refused or error
            continue
        if count > most:
            best, most = resolver, count
        if most == len(names):
            break
    if best is None and refused is not None:
        raise refused
    return best
