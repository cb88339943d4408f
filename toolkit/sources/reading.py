"""Reading a source whose form is named or recognised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.sources.folder import read_folder
from toolkit.sources.kaggle import looks_like_kaggle, read_kaggle
from toolkit.sources.npz import read_npz
from toolkit.sources.table import read_csv

FORMATS = ("folder", "csv", "kaggle", "npz")


def recognise(path: Path) -> str:
    """The form of a source: folder, csv, kaggle or npz.

    Raises:
        MissingFileError: There is nothing at `path`.
        DataError: A file of another kind.
    """
    if path.is_dir():
        return "kaggle" if looks_like_kaggle(path) else "folder"
    if not path.exists():
        raise MissingFileError(
            f"There is no data at {path}. Set `data.source` to a folder of class folders, a CSV, a Kaggle folder or an "
            ".npz file."
        )
    forms = {".csv": "csv", ".tsv": "csv", ".npz": "npz"}
    if path.suffix.lower() not in forms:
        raise DataError(
            f"{path} is neither a folder nor a .csv, .tsv or .npz file. Convert it, or name the folder of its pictures."
        )
    return forms[path.suffix.lower()]


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
    labelled: bool = True,
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
        split: Which part of a Kaggle folder or of MedMNIST's arrays.
        labelled: Whether every picture must have a label.

    Raises:
        DataError: The source contradicts itself or the arguments.
        MissingFileError: Something is not there.
    """
    form = recognise(path) if format == "auto" else format
    if form not in FORMATS:
        raise DataError(f"There is no source format {format!r}; known: auto, {', '.join(FORMATS)}.")
    if not path.exists():
        recognise(path)
    if group_column is not None and form in {"folder", "npz"}:
        raise DataError(
            f"`data.group` names the column {group_column!r}, but {path} is read as {form}, which has no columns. "
            "Write a CSV with paths, labels and groups, and name that as the source."
        )
    columns = {
        "images": images,
        "id_column": id_column,
        "path_column": path_column,
        "label_column": label_column,
        "group_column": group_column,
    }
    if form == "folder":
        return read_folder(path, classes=classes, labelled=labelled)
    if form == "npz":
        return read_npz(path, classes=classes, split=split, labelled=labelled)
    if form == "kaggle":
        return read_kaggle(path, **columns, classes=classes, split=split, labelled=labelled)  # type: ignore[arg-type]
    return read_csv(path, **columns, classes=classes, labelled=labelled)  # type: ignore[arg-type]
