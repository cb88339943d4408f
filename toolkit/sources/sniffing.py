"""Looking at a data set that nobody has described yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError
from toolkit.sources.columns import GROUP_NAMES, LABEL_NAMES, id_and_path_columns
from toolkit.sources.files import is_hidden, scan
from toolkit.sources.finding import find_source, find_test
from toolkit.sources.kaggle import find_layout
from toolkit.sources.labels import is_absent
from toolkit.sources.npz import array_headers
from toolkit.sources.reading import read_source, recognise
from toolkit.sources.resolving import choose_root
from toolkit.sources.table import Table, read_table


@dataclass(frozen=True)
class Sniffed:
    """What a data set looks like, as settings of the config's `data` section.

    Attributes:
        source: What `data.source` should name, absolute.
        format: folder, csv, kaggle or npz.
        images: Folder of the pictures, None where it need not be named.
        id_column: CSV column of ids, None where there are no columns.
        path_column: CSV column of paths, None where it is that of the ids.
        label_column: CSV column of labels.
        group_column: CSV column that looks like patients, slides or videos.
        classes: Class names by index.
        counts: Pictures of each class.
        pictures: Their number.
        test: Labelled pictures beside the source that could serve as a test.
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


@dataclass(frozen=True)
class _Columns:
    """Suggested settings of a source that has columns, and what was noticed on the way."""

    images: Path | None = None
    ids: str | None = None
    paths: str | None = None
    label: str | None = None
    group: str | None = None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def sniff(path: Path) -> Sniffed:
    """Recognise a data set and read it once to see that it can be read; no picture is opened.

    Args:
        path: Folder, CSV or `.npz`.

    Raises:
        DataError: It is of no known form.
        MissingFileError: It, or pictures it names, are not there.
    """
    source, notes = find_source(Path(path).absolute())
    form = recognise(source)
    columns = _columns(source, form)
    manifest = read_source(
        source,
        format=form,
        images=columns.images,
        id_column=columns.ids,
        path_column=columns.paths,
        label_column=columns.label,
        group_column=columns.group,
        classes=columns.classes,
    )
    counts = manifest.class_counts()
    occurring = counts[counts > 0]
    notes += columns.notes
    if form == "npz":
        others = [name for name in array_headers(source) if name in ("val_images", "test_images")]
        notes += [f"Only the training arrays are read; {', '.join(others)} are left alone."] if others else []
    if len(occurring) and occurring.max() >= 3 * occurring.min():
        notes.append(f"Classes are imbalanced: {occurring.min():,} to {occurring.max():,} pictures.")
    if len(occurring) < len(counts):
        notes.append(f"{len(counts) - len(occurring)} class numbers have no pictures.")
    if len(counts) == 1:
        notes.append("There is only one class, so there is nothing to tell apart.")
    test = find_test(source, columns.label)
    if test:
        notes.append(f"{test.name} beside it is labelled too: `evaluate` will score it (evaluate.data).")
    return Sniffed(
        source=source,
        format=form,
        images=columns.images,
        id_column=columns.ids,
        path_column=columns.paths if columns.paths != columns.ids else None,
        label_column=columns.label,
        group_column=columns.group,
        classes=manifest.classes,
        counts=tuple(int(count) for count in counts),
        pictures=len(manifest),
        test=test,
        notes=tuple(notes),
    )


def _columns(source: Path, form: str) -> _Columns:
    if form not in {"csv", "kaggle"}:
        return _Columns()
    images, notes, asked = None, [], None
    if form == "kaggle":
        layout = find_layout(source)
        table, asked = layout.table, layout.label_column
        notes.append(f"The pictures are in {layout.resolver.root}.")
    else:
        table = read_table(source)
    ids, paths = id_and_path_columns(table, None, None, (asked,))
    label = asked or table.guess(LABEL_NAMES, (ids, paths))
    if label is None:
        raise DataError(
            f"{table.path} has no column that looks like labels; its columns are "
            f"{', '.join(map(repr, table.columns))}. Rename the one that holds them to 'label'."
        )
    if form == "csv":
        images = _image_folder(table, paths)
    label, classes, paired = _paired_names(table, label, {ids, paths})
    group, grouped = _group(table, {ids, paths, label})
    return _Columns(images, ids, paths, label, group, classes, (*notes, *paired, *grouped))


def _image_folder(table: Table, paths: str) -> Path | None:
    """The folder beside the CSV that paths start from, None for the CSV's own."""
    own = table.path.parent
    beside = [own / entry.name for entry in scan(own) if entry.is_dir() and not is_hidden(entry.name)]
    found = choose_root(table.column(paths)[:20], [own, *beside], table.path)
    return None if found is None or found.root == own else found.root


def _paired_names(table: Table, label: str, taken: set[str]) -> tuple[str, tuple[str, ...] | None, tuple[str, ...]]:
    """Label column, class names and a note, where whole-number labels stand beside a column of names, one for one."""
    values = table.column(label)
    if not all(value.isascii() and value.isdigit() for value in values):
        return label, None, ()
    for column in table.columns:
        if column == label or column in taken:
            continue
        pairs = set(zip(map(int, values), table.column(column), strict=True))
        names = {name for _, name in pairs}
        one_to_one = len({number for number, _ in pairs}) == len(pairs) == len(names)
        if not one_to_one or len(pairs) == len(table) or any(is_absent(name) or _is_number(name) for name in names):
            continue
        ordered = tuple(name for _, name in sorted(pairs))
        note = (f"Class names are those of column {column!r}, in the order of the numbers in {label!r}.",)
        if sorted(number for number, _ in pairs) == list(range(len(pairs))):
            return label, ordered, note
        # Numbers with gaps would leave classes without pictures; the names say the same without.
        return column, ordered, note
    return label, None, ()


def _group(table: Table, taken: set[str]) -> tuple[str | None, tuple[str, ...]]:
    """The column of groups, and notes on it; one that holds a single group, or one picture a group, is none."""
    found = [name for name in table.guess_all(GROUP_NAMES, taken) if 1 < len(set(table.column(name))) < len(table)]
    if not found:
        return None, ()
    notes = [f"Pictures with the same {found[0]!r} are kept together (data.group)."]
    if len(found) > 1:
        others = ", ".join(map(repr, found[1:]))
        notes.append(f"Other columns that could be groups: {others}.")
    return found[0], tuple(notes)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
