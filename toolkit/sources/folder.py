"""A folder of class folders: the first folder below the root names the class."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from toolkit.errors import DataError
from toolkit.manifest import UNLABELLED, Manifest
from toolkit.sources.files import list_images
from toolkit.sources.labels import Labels, index_labels

PART_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})


def read_folder(root: Path, *, classes: Sequence[str] | None = None, labels: Labels = "required") -> Manifest:
    """Read pictures below a folder; the image id is the path relative to it.

    Args:
        root: The folder.
        classes: Class names by index; None: the names of the class folders.
        labels: `required`: every picture lies in a class folder. `optional`: pictures in folders of known classes
            have their label, others none; without `classes`, folders are classes only where all pictures lie in one.

    Raises:
        DataError: No pictures, pictures outside class folders, or folders that are no classes.
    """
    paths = list_images(root)
    if not paths:
        raise DataError(f"{root} holds no pictures. Expected class folders with pictures in them.")
    folders = [path.split("/")[0] if "/" in path else "" for path in paths]
    if labels == "ignored":
        return Manifest.build(root, classes or (), paths, paths)
    if labels == "optional":
        return _read_optional(root, paths, folders, classes)
    loose = [path for path, folder in zip(paths, folders, strict=True) if not folder]
    if loose:
        raise DataError(
            f"{root} holds {len(loose)} pictures that lie in no class folder, for example {loose[0]!r}. Put each "
            "picture into a folder named after its class, or name a CSV with the labels instead."
        )
    if classes is None:
        _check_are_classes(root, paths, set(folders))
    indices, names = index_labels(folders, classes, f"folder {root}")
    return Manifest.build(root, names, paths, paths, indices)


def _read_optional(root: Path, paths: list[str], folders: list[str], classes: Sequence[str] | None) -> Manifest:
    if classes is None and all(folders):
        indices, names = index_labels(folders, None, f"folder {root}")
        return Manifest.build(root, names, paths, paths, indices)
    names = tuple(classes or ())
    index = {unicodedata.normalize("NFC", name): number for number, name in enumerate(names)}
    indices_ = [index.get(unicodedata.normalize("NFC", folder), UNLABELLED) for folder in folders]
    return Manifest.build(root, names, paths, paths, indices_)


def _check_are_classes(root: Path, paths: Sequence[str], folders: set[str]) -> None:
    """Make sure that the first level of folders is not a level above the classes."""
    if {folder.lower() for folder in folders} <= PART_NAMES:
        first = min(folders, key=lambda name: (not name.lower().startswith("train"), name))
        raise DataError(
            f"{root} holds parts of a data set ({', '.join(sorted(folders))}), not classes. Name one of them as the "
            f"source, for example {root / first}, or the CSV that belongs to them; if they are classes, name them in "
            "`data.classes`."
        )
    inner = {path.split("/")[1] for path in paths if path.count("/") >= 2}
    if len(folders) == 1 and len(inner) > 1:
        (only,) = folders
        raise DataError(
            f"All pictures of {root} lie in one folder, {only!r}, so there is only one class. Name {root / only} as "
            "the source if the classes are its folders, or the CSV that holds the labels."
        )
