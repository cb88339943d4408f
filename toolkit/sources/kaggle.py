"""A Kaggle competition's folder: `train.csv`, `test.csv`, `sample_submission.csv` and folders of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.sources.files import is_image
from toolkit.sources.folder import read_folder
from toolkit.sources.table import LABEL_NAMES, Table, id_and_path_columns, read_csv, read_table

_TRAIN_TABLES = ("train.csv", "train_labels.csv", "labels.csv", "training.csv")
_TEST_TABLES = ("test.csv", "sample_submission.csv", "sampleSubmission.csv")
_FOLDERS = {
    "train": ("train_images", "train", "images/train", "images", "train_jpg", "jpeg/train", "."),
    "test": ("test_images", "test", "images/test", "images", "test_jpg", "jpeg/test", "."),
}


@dataclass(frozen=True)
class KaggleLayout:
    """What was found in a competition's folder.

    Attributes:
        table: CSV of the asked part.
        images: Folder of its pictures.
        label_column: Column that the sample submission asks for, None where it does not say.
    """

    table: Path
    images: Path
    label_column: str | None


def find_layout(root: Path, split: Literal["train", "val", "test"] = "train") -> KaggleLayout:
    """Look for the files of a part.

    Raises:
        MissingFileError: The table or the pictures are not there.
    """
    part = "train" if split == "train" else "test"
    candidates = _TRAIN_TABLES if part == "train" else _TEST_TABLES
    table = next((root / name for name in candidates if (root / name).is_file()), None)
    if table is None:
        raise MissingFileError(f"{root} holds none of {', '.join(candidates)}. Name the CSV itself as the source.")
    read = read_table(table)
    _, paths = id_and_path_columns(read, None, None)
    sample = read.column(paths)[:20]
    for name in _FOLDERS[part]:
        folder = root / name
        if folder.is_dir() and _holds(folder, sample):
            return KaggleLayout(table, folder, _asked(root, read))
    raise MissingFileError(
        f"{root}: the pictures of {table.name}, such as {sample[0]!r}, are in none of the usual folders "
        f"({', '.join(_FOLDERS[part])}). Set `data.images` to their folder."
    )


def read_kaggle(
    root: Path,
    *,
    images: Path | None = None,
    id_column: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    classes: Sequence[str] | None = None,
    split: Literal["train", "val", "test"] = "train",
    labelled: bool = True,
) -> Manifest:
    """Read a part of a competition; arguments as for a CSV, `images` replacing the folder that is found.

    Raises:
        DataError: As for a CSV.
        MissingFileError: The table or pictures are not there.
    """
    if split != "train" and not any((root / name).is_file() for name in _TEST_TABLES) and (root / "test").is_dir():
        return read_folder(root / "test", classes=classes, labelled=labelled)
    layout = find_layout(root, split)
    return read_csv(
        layout.table,
        images=images or layout.images,
        id_column=id_column,
        path_column=path_column,
        label_column=label_column or (layout.label_column if split == "train" else None),
        group_column=group_column,
        classes=classes,
        labelled=labelled,
    )


def _holds(folder: Path, names: Sequence[str]) -> bool:
    """Whether a folder holds the first of these pictures, with or without file ending."""
    first = folder / names[0]
    if is_image(names[0]) and first.is_file():
        return True
    return any(is_image(path.name) for path in first.parent.glob(f"{_escaped(first.name)}.*"))


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _asked(root: Path, table: Table) -> str | None:
    """The column of the sample submission that the training table has too, its ids aside."""
    for name in _TEST_TABLES[1:]:
        if (root / name).is_file():
            sample = read_table(root / name)
            ids, _ = id_and_path_columns(sample, None, None)
            asked = [column for column in sample.columns if column != ids and column in table.columns]
            if len(asked) == 1:
                return asked[0]
    return table.guess(LABEL_NAMES)


def looks_like_kaggle(root: Path) -> bool:
    """Whether a folder has a training table beside a test table or sample submission."""
    trains = any((root / name).is_file() for name in _TRAIN_TABLES)
    return trains and any((root / name).is_file() for name in _TEST_TABLES)


__all__ = ["DataError", "KaggleLayout", "find_layout", "looks_like_kaggle", "read_kaggle"]
