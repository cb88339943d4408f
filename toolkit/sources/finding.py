"""Where in a folder that nobody has described its data set lies, and what could test it."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import DataError, ToolkitError
from toolkit.sources.columns import ID_NAMES, LABEL_NAMES, PATH_NAMES, id_and_path_columns
from toolkit.sources.files import is_hidden, is_image, list_images, scan
from toolkit.sources.folder import PART_NAMES
from toolkit.sources.kaggle import looks_like_kaggle
from toolkit.sources.resolving import Resolver, choose_root
from toolkit.sources.table import Table, read_table

_TEST_WORDS = ("test", "val", "practice", "holdout")


def find_source(path: Path) -> tuple[Path, list[str]]:
    """What to read of a data set, and in sentences how it was found.

    Args:
        path: Folder or file.

    Returns:
        The path itself, or the table, file or folder in it that holds the training pictures.

    Raises:
        DataError: Several files could be meant.
    """
    if not path.is_dir() or looks_like_kaggle(path):
        return path, []
    tables = [file for file in _files(path, (".csv", ".tsv")) if _lists_labelled_pictures(file)]
    train = [table for table in tables if "train" in table.stem.lower()]
    # An exact `train.csv` is likelier than `pretraining.csv`.
    chosen = sorted(train, key=lambda table: (table.stem.lower() != "train", table.name)) or tables
    if len(chosen) > 1 and not train:
        raise DataError(
            f"{path} holds several CSV files that list labelled pictures ({_names(chosen)}). Name the one with the "
            "training labels."
        )
    if chosen:
        return chosen[0], [f"Read {chosen[0].name} in {path.name}.", *_left_alone(path, chosen[0])]
    arrays = _files(path, (".npz",))
    folders = [path / entry.name for entry in scan(path) if entry.is_dir() and not is_hidden(entry.name)]
    if len(arrays) > 1 and not folders:
        raise DataError(f"{path} holds several .npz files ({_names(arrays)}). Name the one with the training pictures.")
    if len(arrays) == 1:
        return arrays[0], [f"Read {arrays[0].name} in {path.name}."]
    parts = [folder for folder in folders if folder.name.lower() in PART_NAMES]
    inner = [folder for folder in parts if folder.name.lower().startswith("train")]
    if not inner and len(folders) == 1 and not _files(path, images=True) and _has_folders(folders[0]):
        inner = folders  # one folder around the class folders, such as `images`
    if inner:
        source, notes = find_source(inner[0])
        return source, notes or [f"Read the class folders in {source.name}."]
    return path, []


def find_test(source: Path, label_column: str | None) -> Path | None:
    """Labelled pictures beside a source whose name speaks of a test, None where there are none.

    Args:
        source: Training table, folder of class folders, or Kaggle folder.
        label_column: Its column of labels, None where it has no columns.
    """
    if source.is_dir() and not label_column:
        return _test_folder(source)
    if label_column is None:
        return None
    for path in _files(source if source.is_dir() else source.parent, (".csv", ".tsv")):
        if path == source or not _speaks_of_test(path.stem):
            continue
        try:
            table = read_table(path)
            if label_column in table.columns and all(table.column(label_column)) and picture_folder(table):
                return path
        except ToolkitError:
            continue  # not a table of pictures, which is no fault of the data set
    return None


def picture_folder(table: Table) -> Resolver | None:
    """The CSV's own folder if the paths of the first rows start there, else None."""
    _, paths = id_and_path_columns(table, None, None)
    return choose_root(table.column(paths)[:20], [table.path.parent], table.path)


def _test_folder(source: Path) -> Path | None:
    if not source.name.lower().startswith("train"):
        return None
    classes = {path.split("/")[0] for path in list_images(source)}
    for name in sorted(entry.name for entry in scan(source.parent) if entry.is_dir()):
        if name != source.name and name.lower() in PART_NAMES and _speaks_of_test(name):
            paths = list_images(source.parent / name)
            if paths and all("/" in path for path in paths) and {path.split("/")[0] for path in paths} <= classes:
                return source.parent / name
    return None


def _speaks_of_test(name: str) -> bool:
    return any(word in name.lower() for word in _TEST_WORDS)


def _files(folder: Path, suffixes: tuple[str, ...] = (), *, images: bool = False) -> list[Path]:
    return [
        folder / entry.name
        for entry in scan(folder)
        if not is_hidden(entry.name)
        and entry.is_file()
        and (is_image(entry.name) if images else entry.name.lower().endswith(suffixes))
    ]


def _has_folders(folder: Path) -> bool:
    return any(entry.is_dir() and not is_hidden(entry.name) for entry in scan(folder)) or bool(
        _files(folder, (".csv", ".tsv", ".npz"))
    )


def _lists_labelled_pictures(path: Path) -> bool:
    try:
        table = read_table(path)
    except ToolkitError:
        return False
    return table.guess(LABEL_NAMES) is not None and table.guess((*ID_NAMES, *PATH_NAMES)) is not None


def _left_alone(folder: Path, chosen: Path) -> list[str]:
    others = [file for file in _files(folder, (".csv", ".tsv")) if file != chosen]
    return [f"Not read for training: {_names(others)}."] if others else []


def _names(files: list[Path]) -> str:
    return ", ".join(file.name for file in files[:6]) + (", …" if len(files) > 6 else "")
