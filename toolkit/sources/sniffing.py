"""Looking at a data set that nobody has described yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError, ToolkitError
from toolkit.sources.files import is_image, list_files
from toolkit.sources.kaggle import find_layout, looks_like_kaggle
from toolkit.sources.reading import read_source, recognise
from toolkit.sources.table import GROUP_NAMES, ID_NAMES, LABEL_NAMES, PATH_NAMES, Table, id_and_path_columns, read_table

_NAME_COLUMNS = ("class_name", "label_name", "name", "category_name", "class")


@dataclass(frozen=True)
class Sniffed:
    """What a data set looks like, as settings of the config's `data` section.

    Attributes:
        source: What `data.source` should name.
        format: folder, csv, kaggle or npz.
        images: Folder of the pictures, None where it need not be named.
        id_column: CSV column of ids, None where there are no columns.
        path_column: CSV column of paths.
        label_column: CSV column of labels.
        group_column: CSV column that looks like patients, slides or videos.
        classes: Class names by index.
        counts: Pictures of each class.
        pictures: Their number.
        test: A labelled CSV beside the source that could serve as a test.
        notes: What else was noticed, in sentences.
    """

    source: Path
    format: str
    images: Path | None
    id_column: str | None
    path_column: str | None
    label_column: str | None
    group_column: str | None
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    pictures: int
    test: Path | None
    notes: tuple[str, ...]


def sniff(path: Path) -> Sniffed:
    """Recognise a data set and read it once to see that it can be read.

    Args:
        path: Folder, CSV or `.npz`.

    Raises:
        DataError: It is of no known form.
        MissingFileError: It, or pictures it names, are not there.
    """
    source, notes = _source(path)
    form = recognise(source)
    table, images = None, None
    if form == "csv":
        table = read_table(source)
    elif form == "kaggle":
        layout = find_layout(source)
        table = read_table(layout.table)
    ids = paths = label = group = None
    classes: tuple[str, ...] | None = None
    if table is not None:
        ids, paths = id_and_path_columns(table, None, None)
        label = layout.label_column if form == "kaggle" else table.guess(LABEL_NAMES)
        group = table.guess(GROUP_NAMES)
        classes = _paired_names(table, label)
        if form == "csv":
            images = _image_folder(table, paths)
        if group:
            notes.append(f"Pictures with the same {group!r} are kept together (data.group).")
    manifest = read_source(
        source,
        format=form,
        images=images,
        id_column=ids,
        path_column=paths,
        label_column=label,
        group_column=group,
        classes=classes,
    )
    counts = manifest.class_counts()
    occurring = counts[counts > 0]
    if len(occurring) and occurring.max() >= 3 * occurring.min():
        notes.append(f"Classes are imbalanced: {occurring.min():,} to {occurring.max():,} pictures.")
    if len(occurring) < len(counts):
        notes.append(f"{len(counts) - len(occurring)} class numbers have no pictures.")
    test = _test_beside(source, label)
    if test:
        notes.append(f"{test.name} beside it is labelled too: `evaluate` will score it (evaluate.data).")
    return Sniffed(
        source=source,
        format=form,
        images=images if images is not None and images != source.parent else None,
        id_column=ids,
        path_column=paths if paths != ids else None,
        label_column=label,
        group_column=group,
        classes=manifest.classes,
        counts=tuple(int(count) for count in counts),
        pictures=len(manifest),
        test=test,
        notes=tuple(notes),
    )


def _source(path: Path) -> tuple[Path, list[str]]:
    """What to read: the path itself, or the table or folder inside it that holds the data."""
    form = recognise(path)
    if form != "folder":
        return path, []
    tables = sorted(path.glob("*.csv"))
    train = [table for table in tables if "train" in table.stem.lower()]
    chosen = train or [table for table in tables if len(tables) == 1 and _lists_pictures(read_table(table))]
    if chosen and not looks_like_kaggle(path):
        return chosen[0], [f"Read {chosen[0].name} in that folder."]
    arrays = sorted(path.glob("*.npz"))
    if len(arrays) == 1:
        return arrays[0], [f"Read {arrays[0].name} in that folder."]
    folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
    if len(folders) == 1 and not any(is_image(name) for name in list_files(path) if "/" not in name):
        inner = [folder for folder in folders[0].iterdir() if folder.is_dir()]
        if inner:  # one folder around the class folders, such as `images`
            return folders[0], [f"Read the class folders in {folders[0].name}."]
    if len(tables) > 1:
        names = ", ".join(table.name for table in tables[:6])
        raise DataError(f"{path} holds several CSV files ({names}). Name the one with the training labels.")
    return path, []


def _lists_pictures(table: Table) -> bool:
    """Whether a table has labels, and ids or paths."""
    return table.guess(LABEL_NAMES) is not None and table.guess((*ID_NAMES, *PATH_NAMES)) is not None


def _paired_names(table: Table, label: str | None) -> tuple[str, ...] | None:
    """Class names by index, where whole-number labels stand beside a column of names, one for one."""
    if label is None or not all(value.isascii() and value.isdigit() for value in table.column(label)):
        return None
    for column in table.columns:
        if column == label or column.lower() not in _NAME_COLUMNS:
            continue
        pairs = set(zip((int(value) for value in table.column(label)), table.column(column), strict=True))
        numbers, names = [number for number, _ in pairs], [name for _, name in pairs]
        if len(set(numbers)) == len(pairs) == len(set(names)) and sorted(numbers) == list(range(len(pairs))):
            return tuple(name for _, name in sorted(pairs))
    return None


def _image_folder(table: Table, paths: str) -> Path | None:
    """The folder that paths start from: the CSV's own, or one beside it."""
    first = table.column(paths)[0]
    folder = table.path.parent
    candidates = [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())]
    for candidate in candidates:
        place = candidate / first
        if place.is_file() or (
            place.parent.is_dir() and any(path.stem == place.name for path in place.parent.iterdir())
        ):
            return None if candidate == folder else candidate
    return None


def _test_beside(source: Path, label: str | None) -> Path | None:
    """A CSV beside the source that has its label column and whose name speaks of a test."""
    if source.suffix.lower() != ".csv" or label is None:
        return None
    for path in sorted(source.parent.glob("*.csv")):
        if path != source and any(word in path.stem.lower() for word in ("test", "valid", "practice")):
            try:
                table = read_table(path)
                if label in table.columns and all(table.column(label)):
                    return path
            except ToolkitError:
                continue
    return None
