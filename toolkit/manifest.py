"""The manifest: one row a picture, joined everywhere on `image_id`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.artifacts import atomic_path
from toolkit.errors import DataError, MissingFileError

if TYPE_CHECKING:
    import pandas as pd

UNLABELLED = -1
COLUMNS = ("image_id", "path", "label", "group_id")
# Columns that only a user's own split brings.
SPLIT_COLUMNS = ("fold", "holdout")
_ARRAY_PATH = re.compile(r"^(?P<file>.+\.npz)::(?P<array>[^:]+)::(?P<row>\d+)$", re.IGNORECASE)


@dataclass(frozen=True)
class Location:
    """Where one picture's pixels are: an image file, or a row of an array in an `.npz` file.

    Attributes:
        file: Absolute path of the file.
        array: Name of the array inside an `.npz`, None for an image file.
        row: Row of that array, 0 for an image file.
    """

    file: Path
    array: str | None = None
    row: int = 0


@dataclass(frozen=True)
class Manifest:
    """A labelled or unlabelled set of pictures.

    Attributes:
        root: Folder that relative paths start from.
        classes: Class names by index, `(k,)`.
        table: Columns `image_id` (str, unique), `path` (str: a file under `root`, or `file.npz::array::row`),
            `label` (int64, index into `classes`, -1 = unlabelled), `group_id` (str; rows that share it are never
            split between folds; a row alone in its group holds its own image_id). Where the user splits the
            pictures, also `fold` (str, the name of its fold) and `holdout` (bool).
    """

    root: Path
    classes: tuple[str, ...]
    table: pd.DataFrame

    @classmethod
    def build(
        cls,
        root: Path,
        classes: Sequence[str],
        image_ids: Sequence[str],
        paths: Sequence[str],
        labels: Sequence[int] | np.ndarray | None = None,
        groups: Sequence[str] | None = None,
        *,
        folds: Sequence[str] | None = None,
        holdout: Sequence[bool] | None = None,
    ) -> Manifest:
        """Make a manifest from columns of equal length.

        Args:
            root: Folder that relative paths start from.
            classes: Class names by index.
            image_ids: Unique names.
            paths: One a picture.
            labels: Indices into `classes`; None for an unlabelled set.
            groups: Group of each picture; an empty string or None puts it in a group of its own.
            folds: Fold of each picture as the user names it; None: folds are drawn.
            holdout: Whether each picture is kept from all training; None: the holdout is drawn.

        Raises:
            DataError: Doubled ids, or labels out of range.
        """
        import pandas as pd

        ids = [str(name) for name in image_ids]
        values = np.full(len(ids), UNLABELLED, np.int64) if labels is None else np.asarray(labels, np.int64)
        named = [""] * len(ids) if groups is None else [str(group) for group in groups]
        table = pd.DataFrame(
            {
                "image_id": pd.Series(ids, dtype=object),
                "path": pd.Series([str(path) for path in paths], dtype=object),
                "label": values,
                "group_id": pd.Series([group or name for group, name in zip(named, ids, strict=True)], dtype=object),
            }
        )
        if folds is not None:
            table["fold"] = pd.Series([str(fold) for fold in folds], dtype=object)
        if holdout is not None:
            table["holdout"] = np.asarray(holdout, bool)
        manifest = cls(root, tuple(str(name) for name in classes), table)
        manifest._check()
        return manifest

    def _check(self) -> None:
        doubled = self.table["image_id"][self.table["image_id"].duplicated()]
        if len(doubled):
            raise DataError(
                f"{len(doubled)} image ids occur more than once, for example {_some(doubled)}. Every picture needs an "
                "id of its own: remove the doubled rows or choose another `data.id_column`."
            )
        labels = self.labels
        if len(labels) and (labels.min() < UNLABELLED or labels.max() >= len(self.classes)):
            raise DataError(
                f"Labels run from {labels.min()} to {labels.max()}, but there are {len(self.classes)} classes "
                f"({_some(self.classes)}). Name every class in `data.classes`, in the order of the label numbers."
            )

    def __len__(self) -> int:
        return len(self.table)

    @property
    def image_ids(self) -> np.ndarray:
        """`(n,)` object array of str."""
        return self.table["image_id"].to_numpy(object)

    @property
    def labels(self) -> np.ndarray:
        """`(n,)` int64, -1 = unlabelled."""
        return self.table["label"].to_numpy(np.int64)

    @property
    def groups(self) -> np.ndarray:
        """`(n,)` object array of str."""
        return self.table["group_id"].to_numpy(object)

    @property
    def folds(self) -> np.ndarray | None:
        """`(n,)` object array of str: the user's own folds; None where they are drawn."""
        return self.table["fold"].to_numpy(object) if "fold" in self.table else None

    @property
    def held_out(self) -> np.ndarray | None:
        """`(n,)` bool: the user's own holdout; None where it is drawn."""
        return self.table["holdout"].to_numpy(bool) if "holdout" in self.table else None

    @property
    def labelled(self) -> bool:
        """Whether every picture has a label."""
        return len(self) > 0 and bool((self.labels != UNLABELLED).all())

    def locations(self) -> list[Location]:
        """Where each picture's pixels are, in row order."""
        return [locate(self.root, path) for path in self.table["path"]]

    def select(self, image_ids: Iterable[str]) -> Manifest:
        """The rows of `image_ids`, in the order given.

        Raises:
            DataError: An id is not in the manifest.
        """
        wanted = list(image_ids)
        position = {name: row for row, name in enumerate(self.table["image_id"])}
        unknown = [name for name in wanted if name not in position]
        if unknown:
            raise DataError(
                f"{len(unknown)} image ids are not in the data set, for example {_some(unknown)}. Results of one data "
                "set cannot be joined with another."
            )
        return replace(self, table=self.table.iloc[[position[name] for name in wanted]].reset_index(drop=True))

    def with_columns(self, labels: Sequence[int] | None = None, groups: Sequence[str] | None = None) -> Manifest:
        """A copy with other labels or groups, given in row order."""
        return Manifest.build(
            self.root,
            self.classes,
            list(self.table["image_id"]),
            list(self.table["path"]),
            self.labels if labels is None else labels,
            list(self.table["group_id"]) if groups is None else groups,
            folds=None if self.folds is None else self.folds.tolist(),
            holdout=None if self.held_out is None else self.held_out.tolist(),
        )

    def joined(self, other: Manifest) -> Manifest:
        """The rows of this manifest, then those of another, with this one's classes and root; without split columns.

        Raises:
            DataError: An id is in both.
        """
        one, more = self.table, other.table
        return Manifest.build(
            self.root, self.classes, [*one["image_id"], *more["image_id"]], [*one["path"], *more["path"]],
            [*one["label"], *more["label"]], [*one["group_id"], *more["group_id"]],
        )  # fmt: skip

    def class_counts(self) -> np.ndarray:
        """`(k,)` int64: labelled pictures of each class."""
        labels = self.labels
        return np.bincount(labels[labels >= 0], minlength=len(self.classes))

    def fingerprint(self, content_hashes: Sequence[str]) -> str:
        """A hash of ids, labels, groups, the user's split, classes and picture contents; not of where the files lie.

        Args:
            content_hashes: One a row, of the bytes that hold its picture.
        """
        digest = hashlib.sha256("\x1f".join(self.classes).encode())
        own = [name for name in SPLIT_COLUMNS if name in self.table]
        for row, content in sorted(
            zip(self.table.itertuples(index=False), content_hashes, strict=True), key=lambda pair: str(pair[0].image_id)
        ):
            place = locate(self.root, str(row.path))
            where = "" if place.array is None else f"{place.array}:{place.row}"
            split = [f"{name}={getattr(row, name)}" for name in own]
            line = "\x1f".join([str(row.image_id), str(row.label), str(row.group_id), content, where, *split])
            digest.update(b"\x1e" + line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write `manifest.csv`: `image_id, path, label, class_name, group_id`, the user's `fold` and `holdout` where
        there are any, whole or not at all.
        """
        own = [name for name in SPLIT_COLUMNS if name in self.table]
        names = np.array([*self.classes, ""], object)  # index -1 is the empty name of unlabelled pictures
        table = self.table.assign(class_name=names[self.labels])
        with atomic_path(path) as temporary:
            table[["image_id", "path", "label", "class_name", "group_id", *own]].to_csv(temporary, index=False)

    @classmethod
    def load(cls, path: Path, root: Path, classes: Sequence[str]) -> Manifest:
        """Read what `save` wrote.

        Args:
            path: `manifest.csv`.
            root: Folder that its paths start from.
            classes: Class names by index.
        """
        import pandas as pd

        if not path.exists():
            raise MissingFileError(f"There is no manifest at {path}. Run `toolkit clean` first.")
        texts = {"image_id": str, "path": str, "group_id": str, "fold": str}
        table = pd.read_csv(path, dtype=texts, keep_default_na=False)
        return cls.build(
            root, classes, list(table["image_id"]), list(table["path"]), list(table["label"]), list(table["group_id"]),
            folds=list(table["fold"]) if "fold" in table else None,
            holdout=list(table["holdout"]) if "holdout" in table else None,
        )  # fmt: skip


def locate(root: Path, path: str) -> Location:
    """Resolve a manifest path below `root`."""
    found = _ARRAY_PATH.match(path)
    if found and not (root / path).exists():
        return Location(root / found["file"], found["array"], int(found["row"]))
    return Location(root / path)


def _some(values: Iterable[object], limit: int = 3) -> str:
    """The first few values, quoted, for an error message."""
    shown = [repr(str(value)) for _, value in zip(range(limit), values, strict=False)]
    return ", ".join(shown)
