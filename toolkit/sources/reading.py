"""Reading a source whose form is named or recognised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.sources.folder import read_folder
from toolkit.sources.kaggle import has_training_table, looks_like_kaggle, read_kaggle
from toolkit.sources.labels import Labels
from toolkit.sources.npz import read_npz
from toolkit.sources.tabular import read_csv

FORMATS = ("folder", "csv", "kaggle", "npz")
_SPLITS = ("train", "val", "test")
_OF_FILES = {".csv": "csv", ".tsv": "csv", ".npz": "npz"}


def recognise(path: Path) -> str:
    """The form of a source: folder, csv, kaggle or npz.

    Raises:
        MissingFileError: There is nothing at `path`.
        DataError: A file of another kind.
    """
    if path.is_dir():
        return "kaggle" if looks_like_kaggle(path) or has_training_table(path) else "folder"
    if not path.exists():
        raise MissingFileError(
            f"There is no data at {path}. Set `data.source` to a folder of class folders, a CSV, a Kaggle folder or an "
            ".npz file."
        )
    if path.suffix.lower() not in _OF_FILES:
        raise DataError(
            f"{path} is neither a folder nor a .csv, .tsv or .npz file. Convert it, or name the folder of its pictures."
        )
    return _OF_FILES[path.suffix.lower()]


def read_source(
    path: Path,
    *,
    format: str = "auto",
    images: Path | None = None,
    id_column: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    classes: Sequence[str] | None = None,
    split: Literal["train", "val", "test"] = "train",
    labelled: bool | None = None,
    fold_column: str | None = None,
    holdout_column: str | None = None,
) -> Manifest:
    """Read a source; no picture is opened.

    Args:
        path: Folder of class folders, CSV, Kaggle folder, or `.npz`.
        format: `auto`, or one of `FORMATS`.
        images: Folder that the ids or paths of a CSV start from; None: the CSV's own, or what Kaggle's layout says.
        id_column: CSV column of ids; None: guessed.
        path_column: CSV column of paths; None: guessed, else the ids.
        label_column: CSV column of labels; None: guessed.
        group_column: CSV column of groups that are never split; None: none.
        classes: Class names by index; None: from the labels.
        split: Which part of a Kaggle folder or of MedMNIST's arrays; other sources are read as they are.
        labelled: Whether every picture must have a label; None: if `split` is `train`. Otherwise pictures have one
            where the source gives it, else -1.
        fold_column: CSV column of the user's own folds; None: none.
        holdout_column: CSV column that marks the user's own holdout; None: none.

    Returns:
        A manifest whose root is absolute, rows in the order of the source; those of folders are sorted by path.

    Raises:
        DataError: The source contradicts itself or the arguments.
        MissingFileError: Something is not there.
    """
    path = Path(path).absolute()
    if split not in _SPLITS:
        raise DataError(f"There is no split {split!r}; known: {', '.join(_SPLITS)}.")
    form = _form(path, format)
    labels: Labels = "required" if labelled or (labelled is None and split == "train") else "optional"
    columns = {
        "id_column": id_column,
        "path_column": path_column,
        "label_column": label_column,
        "group_column": group_column,
        "fold_column": fold_column,
        "holdout_column": holdout_column,
    }
    if form in {"folder", "npz"}:
        _check_no_columns(path, form, images, columns)
        if form == "folder":
            return read_folder(path, classes=classes, labels=labels)
        return read_npz(path, classes=classes, split=split, labels=labels)
    place = None if images is None else Path(images).absolute()
    if form == "kaggle":
        return read_kaggle(path, images=place, **columns, classes=classes, split=split, labels=labels)
    return read_csv(path, images=place, **columns, classes=classes, labels=labels)


def _form(path: Path, format: str) -> str:
    """The form to read a source as, once it is clear that it can have that form."""
    if format != "auto" and format not in FORMATS:
        raise DataError(f"There is no source format {format!r}; known: auto, {', '.join(FORMATS)}.")
    if format == "auto" or not path.exists():
        return recognise(path)
    if path.is_dir() != (format in {"folder", "kaggle"}):
        raise DataError(
            f"`data.format` is {format!r}, but {path} is a {'folder' if path.is_dir() else 'file'}. Name the "
            f"{'file' if path.is_dir() else 'folder'} as the source, or leave `data.format` on auto."
        )
    return format


def _check_no_columns(path: Path, form: str, images: Path | None, columns: dict[str, str | None]) -> None:
    """Make sure that no setting is dropped in silence."""
    named = {"images": images, **columns}
    plain = {"group_column": "group", "fold_column": "fold"}
    given = [plain.get(name, name) for name, value in named.items() if value is not None]
    if given:
        raise DataError(
            f"`data.{given[0]}` speaks of a CSV, but {path} is read as {form}, which has no columns. Remove the "
            "setting, or write a CSV with paths, labels and groups, and name that as the source."
        )
