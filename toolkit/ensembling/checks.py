"""What predictions must be before they are combined or learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from toolkit.errors import DataError
from toolkit.predictions import Predictions

SUM_TOLERANCE = 0.01  # networks of 16 bits round their probabilities


def check_members(probabilities: np.ndarray) -> np.ndarray:
    """Members' probabilities as float64.

    Args:
        probabilities: `(m, n, k)` of m members, rows sum to 1 within 0.01.

    Raises:
        DataError: Another shape, fewer than two classes, or values that are no probabilities.
    """
    members = np.asarray(probabilities, np.float64)
    if members.ndim != 3 or not len(members):
        raise DataError(f"A vote needs probabilities of shape (members, pictures, classes), got {members.shape}.")
    if members.shape[2] < 2:
        raise DataError(
            f"A vote needs at least two classes, but the predictions have {members.shape[2]}: with one class there is "
            "nothing to decide. Check `data.classes` and the labels."
        )
    if not np.isfinite(members).all():
        broken = int(np.flatnonzero(~np.isfinite(members).all(axis=(1, 2)))[0])
        raise DataError(
            f"Member {broken} (counted from 0) has probabilities that are not finite. Train it again or leave it out."
        )
    sums = members.sum(axis=2)
    wrong = (members.min(axis=2, initial=0.0) < 0) | (np.abs(sums - 1) > SUM_TOLERANCE)
    if wrong.any():
        member, row = (int(place[0]) for place in np.nonzero(wrong))
        raise DataError(
            f"Member {member}, picture {row} (both counted from 0): the values {np.round(members[member, row], 4)} are "
            f"no probabilities; they must be at least 0 and sum to 1, and sum to {sums[member, row]:.4g}. If they are "
            "logits, put a softmax behind the network."
        )
    return members


def check_labels(labels: np.ndarray, n: int, k: int) -> np.ndarray:
    """Labels `(n,)` int64 in 0…k−1 of at least two classes, from which a blend may be learned.

    Raises:
        DataError: Their number or range is wrong, or all are the same.
    """
    found = np.asarray(labels, np.int64)
    if found.shape != (n,):
        raise DataError(f"There are {n} predictions and labels of shape {found.shape}; each picture needs one label.")
    if not n:
        raise DataError("There are no out-of-fold predictions, so no blend can be learned. Run `toolkit ensemble`.")
    if found.min() < 0 or found.max() >= k:
        raise DataError(f"Labels must lie in 0 to {k - 1}, one for each class: every picture must be labelled.")
    if len(np.unique(found)) < 2:
        raise DataError(
            f"All {n} pictures with out-of-fold predictions have the label {found[0]}: nothing can be learned from one "
            "class. Set ensemble.vote to majority or mean, which learn nothing, or look at the labels."
        )
    return found


def align(
    members: Sequence[Predictions], image_ids: Iterable[str], class_names: Sequence[str] | None = None
) -> np.ndarray:
    """Predictions of several members, joined on image id and on class name.

    Args:
        members: One a member; the order of pictures and of classes may differ.
        image_ids: n names.
        class_names: `(k,)` the order of the result's classes; None: the first member's.

    Returns:
        `(m, n, k)` float32.

    Raises:
        DataError: Members know different classes, a picture was not predicted, or values are no probabilities.
    """
    if not members:
        raise DataError("There are no members to combine. Run `toolkit ensemble` first.")
    names, wanted = tuple(members[0].class_names if class_names is None else class_names), list(image_ids)
    others = "member 0" if class_names is None else "the data have"
    rows = []
    for index, member in enumerate(members):
        if sorted(member.class_names) != sorted(names) or len(set(member.class_names)) != len(names):
            strange = sorted(set(member.class_names) ^ set(names)) or list(member.class_names)
            raise DataError(
                f"Member {index} (counted from 0) predicts other classes than {others}: they differ in {strange[:6]}. "
                "Only members trained on the same classes can vote together; train it on the same data, or name the "
                "classes alike with `data.classes`."
            )
        try:
            chosen = member.select(wanted)
        except DataError as error:
            raise DataError(
                f"Member {index} (counted from 0): {error} Every member must have predicted every picture; run "
                "`toolkit ensemble` again to complete it."
            ) from error
        rows.append(chosen.probabilities[:, [member.class_names.index(name) for name in names]])
    stacked = np.stack(rows)
    check_members(stacked)
    return stacked
