"""Splits that never part a group: k folds, and a holdout; drawn, or the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import DataError, LeakError

# A holdout further than this from its share is drawn again, so many times.
_SHARE_TOLERANCE = 0.03
_DRAWS = 20


@dataclass(frozen=True)
class Folds:
    """Which fold each picture is in.

    Attributes:
        image_ids: `(n,)`.
        fold: `(n,)` int in 0…n_splits−1.
        n_splits: Number of folds.
    """

    image_ids: tuple[str, ...]
    fold: np.ndarray
    n_splits: int

    def split(self, index: int) -> tuple[list[str], list[str]]:
        """Image ids to train on, and those of fold `index`."""
        inside = self.fold == index
        names = np.asarray(self.image_ids, dtype=object)
        return names[~inside].tolist(), names[inside].tolist()


def make_folds(
    image_ids: Sequence[str],
    labels: np.ndarray,
    groups: np.ndarray,
    n_splits: int,
    seed: int,
    class_names: Sequence[str] | None = None,
) -> Folds:
    """Stratified k folds that keep groups whole; the order of the rows does not matter.

    Args:
        image_ids: n names.
        labels: `(n,)` int.
        groups: `(n,)` group of each picture.
        n_splits: Number of folds.
        seed: Of the draw.
        class_names: `(k,)`, so that an error can name the class.

    Raises:
        DataError: A class has fewer groups than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    order = np.argsort(np.asarray(image_ids, dtype=str), kind="stable")
    labels, groups = np.asarray(labels), np.asarray(groups, dtype=object)
    check_two_classes(labels, class_names)
    _check_classes(labels, groups, n_splits, class_names)
    fold = np.zeros(len(labels), np.int64)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    codes = np.unique(groups[order].astype(str), return_inverse=True)[1]
    for index, (_, inside) in enumerate(splitter.split(np.zeros((len(order), 1)), labels[order], codes)):
        fold[order[inside]] = index
    folds = Folds(tuple(str(name) for name in image_ids), fold, n_splits)
    for index in range(n_splits):
        check_no_leak(groups[fold != index], groups[fold == index], f"fold {index}")
    return folds


def given_folds(
    image_ids: Sequence[str],
    labels: np.ndarray,
    groups: np.ndarray,
    names: Sequence[str],
    class_names: Sequence[str] | None = None,
) -> Folds:
    """The user's own folds, numbered in the order of their names: numbers by value, other names alphabetically.

    Args:
        image_ids: n names.
        labels: `(n,)` int.
        groups: `(n,)` group of each picture.
        names: n names of folds.
        class_names: `(k,)`, so that an error can name the class.

    Raises:
        DataError: There is only one fold, or a class is in one fold alone, so that its model would never see it.
        LeakError: A group is in two folds.
    """
    values = np.asarray([str(name) for name in names], dtype=object)
    known = sorted(set(values.tolist()), key=_by_value)
    if len(known) < 2:
        raise DataError(
            f"All {len(values)} pictures are in the fold {known[0]!r}: nothing would be left to train on. At least two "
            "folds are needed; correct the column of `data.fold`, or remove the setting so that folds are drawn."
        )
    number = {name: index for index, name in enumerate(known)}
    fold = np.array([number[value] for value in values], np.int64)
    folds = Folds(tuple(str(name) for name in image_ids), fold, len(known))
    labels, groups = np.asarray(labels), np.asarray(groups, dtype=object)
    check_two_classes(labels, class_names)
    for index, name in enumerate(known):
        inside = folds.fold == index
        check_no_leak(groups[~inside], groups[inside], f"the fold {name!r} of `data.fold`")
        lost = sorted(set(labels[inside].tolist()) - set(labels[~inside].tolist()))
        if lost:
            raise DataError(
                f"Class {_class_name(lost[0], class_names)} is in the fold {name!r} of `data.fold` alone: the model of "
                "that fold would never see it. Spread its pictures over the folds, or remove the class."
            )
    return folds


def check_two_classes(labels: np.ndarray, class_names: Sequence[str] | None = None) -> None:
    """Make sure that there is something to tell apart.

    Raises:
        DataError: All pictures are of one class.
    """
    present = np.unique(labels).tolist()
    if len(present) < 2:
        only = _class_name(present[0], class_names) if present else "none"
        raise DataError(
            f"All {len(labels)} pictures are of one class ({only}): there is nothing to tell apart. Check "
            "`data.label_column`, the source, and what `toolkit clean` dropped."
        )


def given_holdout(image_ids: Sequence[str], groups: np.ndarray, marked: np.ndarray) -> tuple[list[str], list[str]]:
    """Split by the user's own marks into development and holdout ids, each in the order of `image_ids`.

    Args:
        image_ids: n names.
        groups: `(n,)` group of each picture.
        marked: `(n,)` bool, True in the holdout.

    Raises:
        DataError: One side is empty.
        LeakError: A group is on both sides.
    """
    marked = np.asarray(marked, bool)
    if not marked.any() or marked.all():
        raise DataError(
            f"`data.holdout_column` marks {int(marked.sum())} of {len(marked)} pictures: both the holdout and what is "
            "trained on need some. Correct the column, or remove the setting so that a holdout is drawn."
        )
    check_no_leak(np.asarray(groups)[~marked], np.asarray(groups)[marked], "the holdout of `data.holdout_column`")
    names = np.asarray([str(name) for name in image_ids], dtype=object)
    return names[~marked].tolist(), names[marked].tolist()


def holdout(
    image_ids: Sequence[str], labels: np.ndarray, groups: np.ndarray, share: float, seed: int
) -> tuple[list[str], list[str]]:
    """Split into development and holdout ids, stratified, groups whole.

    Groups are drawn class by class (a group counts for its most common class) until the class's share is full. Where
    groups are so large or so mixed that this misses the share, the best of several draws over all classes is taken.

    Args:
        image_ids: n names.
        labels: `(n,)` int.
        groups: `(n,)` group of each picture.
        share: Of the holdout, 0–1.
        seed: Of the draw.

    Returns:
        Development ids and holdout ids, each in the order of `image_ids`.

    Raises:
        DataError: One side would be empty.
    """
    labels = np.asarray(labels)
    members: dict[str, list[int]] = {}
    for row in np.argsort(np.asarray(image_ids, dtype=str), kind="stable").tolist():
        members.setdefault(str(groups[row]), []).append(row)
    by_class: dict[int, list[str]] = {}
    for group, rows in members.items():
        values, counts = np.unique(labels[rows], return_counts=True)
        by_class.setdefault(int(values[counts.argmax()]), []).append(group)
    rng = np.random.default_rng([seed, 101])
    held = np.zeros(len(labels), bool)
    for label in sorted(by_class):
        shuffled = [by_class[label][index] for index in rng.permutation(len(by_class[label]))]
        total = sum(len(members[group]) for group in shuffled)
        wanted, taken = share * total, 0
        for group in shuffled[:-1]:  # at least one group of every class stays for training
            size = len(members[group])
            if taken + size / 2 > wanted:
                continue
            held[members[group]] = True
            taken += size
    if abs(held.mean() - share) > _SHARE_TOLERANCE:
        held = _best_draw(held, labels, list(members.values()), share, rng)
    if not held.any() or held.all():
        raise DataError(
            f"{len(labels)} pictures in {len(members)} groups cannot be split with a share of {share:g} for the "
            "smaller side: it would be empty. Use more pictures or a larger share."
        )
    check_no_leak(np.asarray(groups)[~held], np.asarray(groups)[held], "the holdout")
    names = np.asarray([str(name) for name in image_ids], dtype=object)
    return names[~held].tolist(), names[held].tolist()


def _best_draw(
    first: np.ndarray, labels: np.ndarray, groups: Sequence[Sequence[int]], share: float, rng: np.random.Generator
) -> np.ndarray:
    """The rows `(n,)` bool of the draw nearest to the share of every class, `first` among them."""
    classes, codes = np.unique(labels, return_inverse=True)
    counts = np.stack([np.bincount(codes[list(rows)], minlength=len(classes)) for rows in groups])  # (groups, k)
    total = counts.sum(axis=0)

    def distance(taken: np.ndarray) -> float:
        return float(((taken / total - share) ** 2).sum())

    best, smallest = first, distance(np.bincount(codes[first], minlength=len(classes)))
    for _ in range(_DRAWS):
        taken, held = np.zeros(len(classes)), np.zeros(len(labels), bool)
        for group in rng.permutation(len(groups)).tolist():
            more = taken + counts[group]
            # Every class keeps a picture for training.
            if (more < total).all() and distance(more) < distance(taken):
                taken, held[list(groups[group])] = more, True
        if distance(taken) < smallest:
            best, smallest = held, distance(taken)
    return best


def check_no_leak(one: Sequence[str] | np.ndarray, other: Sequence[str] | np.ndarray, what: str) -> None:
    """Make sure that no group is on both sides.

    Args:
        one: Groups of one side.
        other: Groups of the other.
        what: Name of the split, for the error.

    Raises:
        LeakError: A group is on both.
    """
    shared = sorted({str(group) for group in one} & {str(group) for group in other})
    if shared:
        raise LeakError(
            f"{len(shared)} groups are on both sides of {what}, for example {shared[0]!r}: the score on it would "
            "flatter. Pictures of one group must stay together."
        )


def _check_classes(labels: np.ndarray, groups: np.ndarray, n_splits: int, names: Sequence[str] | None) -> None:
    for label in np.unique(labels).tolist():
        found = len(set(groups[labels == label].tolist()))
        if found < n_splits:
            raise DataError(
                f"Class {_class_name(label, names)} has only {found} pictures or groups, fewer than the {n_splits} "
                f"folds: some fold would have none. Use at most {max(found, 1)} folds (ensemble.folds), add pictures, "
                "or remove the class."
            )


def _class_name(label: int, names: Sequence[str] | None) -> str:
    return str(label) if names is None else repr(str(names[label]))


def _by_value(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
