"""A Kaggle competition's folder: `train.csv`, `test.csv`, `sample_submission.csv` and folders of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.sources.columns import ID_NAMES, id_and_path_columns
from toolkit.sources.files import is_hidden, scan
from toolkit.sources.folder import read_folder
from toolkit.sources.labels import Labels
from toolkit.sources.resolving import Resolver, choose_root
from toolkit.sources.table import Table, read_table
from toolkit.sources.tabular import manifest_of

Split = Literal["train", "val", "test"]

_SAMPLES = ("sample_submission.csv", "samplesubmission.csv")
_TABLES: dict[str, tuple[str, ...]] = {
    "train": ("train.csv", "training.csv", "train_labels.csv", "labels.csv"),
    "val": ("val.csv", "valid.csv", "validation.csv"),
    "test": ("test.csv", *_SAMPLES),
}
_STEMS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
_SAMPLED_ROWS = 20


@dataclass(frozen=True)
class KaggleLayout:
    """What was found in a competition's folder.

    Attributes:
        table: CSV of the asked part.
        resolver: Its pictures.
        label_column: Column that the sample submission asks for, None where it does not say.
        is_sample: Whether the table is the sample submission, whose labels mean nothing.
    """

    table: Table
    resolver: Resolver
    label_column: str | None
    is_sample: bool


def looks_like_kaggle(root: Path) -> bool:
    """Whether a folder has a training table beside a test table or sample submission."""
    return _named(root, _TABLES["train"]) is not None and _named(root, _TABLES["test"]) is not None


def has_training_table(root: Path) -> bool:
    """Whether a folder has a table that can only be that of the training pictures; `labels.csv` may be anything."""
    return _named(root, _TABLES["train"][:3]) is not None


def sample_submission(root: Path) -> Path | None:
    """The sample submission of a competition's folder, None where there is none."""
    return _named(root, _SAMPLES)


def find_layout(
    root: Path,
    split: Split = "train",
    *,
    images: Path | None = None,
    id_column: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
) -> KaggleLayout:
    """Look for the files of a part; settings that are given are not looked for.

    Raises:
        MissingFileError: The table or the pictures are not there.
        DataError: A named column is not in the table, or a path leads out of the folder.
    """
    path = _named(root, _TABLES[split])
    if path is None:
        raise MissingFileError(
            f"{root} holds none of {', '.join(_TABLES[split])}. Name the CSV of the {split} pictures as the source."
        )
    table = read_table(path)
    asked = label_column or _asked(root, table if split == "train" else _train_table(root))
    _, paths = id_and_path_columns(table, id_column, path_column, (asked,))
    sample = table.column(paths)[:_SAMPLED_ROWS]
    folders = _picture_folders(root, split) if images is None else [images]
    resolver = choose_root(sample, folders, path) if images is None else Resolver(images, path)
    if resolver is None:
        looked = ", ".join(dict.fromkeys(folder.relative_to(root).as_posix() for folder in folders if folder.is_dir()))
        raise MissingFileError(
            f"The pictures of {path}, such as {sample[0]!r}, are in none of the folders of {root}: looked in {looked}. "
            "Set `data.images` to their folder."
        )
    return KaggleLayout(table, resolver, asked, path.name.lower() in _SAMPLES)


def read_kaggle(
    root: Path,
    *,
    images: Path | None = None,
    id_column: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    classes: Sequence[str] | None = None,
    split: Split = "train",
    labels: Labels = "required",
    fold_column: str | None = None,
    holdout_column: str | None = None,
) -> Manifest:
    """Read a part of a competition; arguments as for a CSV, `images` replacing the folder that is found.

    Raises:
        DataError: As for a CSV.
        MissingFileError: The table or pictures are not there.
    """
    if split != "train" and _named(root, _TABLES[split]) is None:
        usual = [folder for folder in _picture_folders(root, split, others=False) if folder.is_dir()]
        folder = images or next(iter(usual), None)
        if folder is not None:
            return read_folder(folder, classes=classes, labels=labels)
    layout = find_layout(
        root, split, images=images, id_column=id_column, path_column=path_column, label_column=label_column
    )
    if layout.is_sample and labels == "required":
        raise DataError(
            f"The {split} pictures of {root} are listed in {layout.table.path.name} alone, whose labels are "
            "placeholders. Read them without labels, or name a CSV with the true ones."
        )
    # The test table lacks columns that only training has.
    group, fold, held_out = (
        column if split == "train" or column in layout.table.columns else None
        for column in (group_column, fold_column, holdout_column)
    )
    return manifest_of(
        layout.table,
        layout.resolver,
        id_column,
        path_column,
        layout.label_column,
        group,
        classes,
        "ignored" if layout.is_sample else labels,
        fold,
        held_out,
    )


def _named(root: Path, names: Sequence[str]) -> Path | None:
    """The first file of these names that a folder has, capitals aside."""
    if not root.is_dir():
        return None
    files = {entry.name.lower(): entry.name for entry in scan(root) if entry.is_file()}
    return next((root / files[name] for name in names if name in files), None)


def _picture_folders(root: Path, split: Split, *, others: bool = True) -> list[Path]:
    """Where a part's pictures usually are, the likeliest first; then all other folders but those of other parts."""
    names = [
        pattern.format(stem)
        for pattern in ("{}_images", "{}", "images/{}", "{}_jpg", "jpeg/{}")
        for stem in _STEMS[split]
    ]
    if others:
        foreign = [stem for part, stems in _STEMS.items() if part != split for stem in stems]
        rest = [entry.name for entry in scan(root) if entry.is_dir() and not is_hidden(entry.name)]
        names += ["images", ".", *(name for name in rest if not any(stem in name.lower() for stem in foreign))]
    return [root / name for name in dict.fromkeys(names)]


def _train_table(root: Path) -> Table | None:
    path = _named(root, _TABLES["train"])
    return None if path is None else read_table(path)


def _asked(root: Path, train: Table | None) -> str | None:
    """The training column that the sample submission asks for: it bears that name, or its values head the columns."""
    path = _named(root, _SAMPLES)
    if path is None or train is None:
        return None
    sample = read_table(path)
    columns = list(sample.columns)
    asked = [column for column in columns if column != (sample.guess(ID_NAMES) or columns[0])]
    same = [column for column in asked if column in train.columns]
    if len(asked) == len(same) == 1:
        return same[0]
    if len(asked) > 1 and not same:
        spread = [column for column, values in train.columns.items() if set(values) <= set(asked)]
        if len(spread) == 1:
            return spread[0]
    return None
