"""A folder of class folders: the first folder below the root names the class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.sources.files import is_image, list_files
from toolkit.sources.labels import index_labels


def read_folder(root: Path, *, classes: Sequence[str] | None = None, labelled: bool = True) -> Manifest:
    """Read pictures below a folder; the image id is the path relative to it.

    Args:
        root: The folder.
        classes: Class names by index; None: the names of the class folders.
        labelled: Whether every picture must lie in a class folder. Otherwise pictures have a label only where all of
            them lie in folders that name known classes.

    Raises:
        DataError: No pictures, or pictures outside class folders.
    """
    paths = [path for path in list_files(root) if is_image(path)]
    if not paths:
        raise DataError(f"{root} holds no pictures. Expected class folders with pictures in them.")
    names = [path.split("/")[0] if "/" in path else "" for path in paths]
    if labelled:
        loose = [path for path, name in zip(paths, names, strict=True) if not name]
        if loose:
            raise DataError(
                f"{root} holds {len(loose)} pictures that lie in no class folder, for example {loose[0]!r}. Put each "
                "picture into a folder named after its class, or name a CSV with the labels instead."
            )
        indices, found = index_labels(names, classes, f"folder {root}")
        return Manifest.build(root, found, paths, paths, indices)
    known = classes is not None and all(names) and set(names) <= set(classes)
    if known and classes is not None:
        indices, found = index_labels(names, classes, f"folder {root}")
        return Manifest.build(root, found, paths, paths, indices)
    return Manifest.build(root, classes or (), paths, paths)
