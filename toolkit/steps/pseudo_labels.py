"""Pseudo-labels: unlabelled pictures that the models are sure of become training pictures of the next round.

Lee 2013, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks". Each fold
gets the labels of the models that have not seen that fold (one a member), so that nothing of a fold's own pictures
reaches its next model and out-of-fold predictions stay what they say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolkit.artifacts import read_json, write_json
from toolkit.console import Console
from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.pixelstore import PixelStore
from toolkit.predictions import Predictions
from toolkit.steps.member_plan import Plan
from toolkit.steps.project import Project

PREFIX = "unlabelled:"
_CHUNK = 256


class PseudoLabelled(BaseModel):
    """What a round added.

    Attributes:
        pictures: In the source.
        unreadable: Of them, those that cannot be decoded.
        duplicates: Of them, those that the labelled data hold too, pixel by pixel.
        counts: Pictures added as each class, for each fold.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int
    unreadable: int
    duplicates: int
    counts: tuple[tuple[int, ...], ...]

    @property
    def mean(self) -> float:
        """Pictures added to a fold, on average."""
        return float(np.sum(self.counts) / len(self.counts))


@dataclass(frozen=True)
class Unlabelled:
    """The pictures of `ensemble.pseudo_labels.source`.

    Attributes:
        manifest: Without labels; ids begin with `PREFIX`, so that no training picture has the same.
        store: Their pixels, by the ids of the source.
        labelled: Pixels of all labelled pictures.
        usable: Ids that can be decoded and are not among the labelled pictures.
        unreadable: How many cannot be decoded.
        duplicates: How many the labelled data hold too.
    """

    manifest: Manifest
    store: PixelStore
    labelled: PixelStore
    usable: frozenset[str]
    unreadable: int
    duplicates: int

    def read(self, image_ids: Sequence[str]) -> np.ndarray:
        """uint8 `(m, s, s, 3)` of labelled and unlabelled pictures, by image id; another process can be given it."""
        own = np.array([name.startswith(PREFIX) for name in image_ids], bool)
        pictures = np.empty((len(image_ids), self.labelled.size, self.labelled.size, 3), np.uint8)
        if own.any():
            wanted = [name.removeprefix(PREFIX) for name, is_own in zip(image_ids, own, strict=True) if is_own]
            pictures[own] = self.store.read(wanted)
        if not own.all():
            pictures[~own] = self.labelled.read(
                [name for name, is_own in zip(image_ids, own, strict=True) if not is_own]
            )
        return pictures


def source_fingerprint(project: Project, source: Path) -> str:
    """Of an unlabelled source, by content."""
    manifest = project.read(source, labelled=False, split="test")
    return manifest.fingerprint(project.content_hashes(manifest))


def read_unlabelled(project: Project, source: Path) -> Unlabelled:
    """Read and decode the pictures, and leave out those that the labelled data hold too.

    They are compared by their pixels at the training size, so that copies in other files, or saved anew without loss,
    are found. All labelled pictures count, the holdout too: a copy in training would flatter its score.

    Args:
        project: The contest.
        source: The pictures; labels are not looked at.
    """
    found = project.read(source, labelled=False, split="test")
    store, labelled = project.pixels(found), project.pixels(project.manifest, project.hashes)
    known = set(_digests(labelled, [name for name in project.manifest.image_ids if name not in labelled.unreadable]))
    readable = [name for name in found.image_ids.tolist() if name not in store.unreadable]
    copies = [digest in known for digest in _digests(store, readable)]
    usable = frozenset(PREFIX + name for name, copy in zip(readable, copies, strict=True) if not copy)
    if not usable:
        raise DataError(
            f"None of the {len(found)} pictures of {source} can be pseudo-labelled: {len(store.unreadable)} cannot be "
            f"decoded, {sum(copies)} are among the labelled pictures. Name other pictures in "
            "`ensemble.pseudo_labels.source`, or set `ensemble.pseudo_labels` to null."
        )
    ids = [PREFIX + name for name in found.image_ids]
    manifest = Manifest.build(found.root, project.manifest.classes, ids, list(found.table["path"]))
    return Unlabelled(manifest, store, labelled, usable, len(store.unreadable), sum(copies))


def pseudo_label(
    console: Console, plan: Plan, unlabelled: Unlabelled, threshold: float, views: Sequence[str]
) -> tuple[dict[int, Manifest], PseudoLabelled]:
    """Let the models of a finished round label the pictures for the next.

    Args:
        console: Shows the progress.
        plan: The finished round.
        unlabelled: The pictures.
        threshold: Smallest probability, mean over members, at which a label is believed.
        views: Of test-time augmentation.

    Returns:
        What each fold gets, by its number (folds that get nothing are left out), and how much that is.
    """
    extra: dict[int, Manifest] = {}
    counts = []
    for index in range(len(plan.splits)):
        predicted = _predicted(console, plan, index, unlabelled, views)
        sure = predicted.probabilities.max(axis=1) >= threshold
        labels = {
            name: int(label)
            for name, label, is_sure in zip(predicted.image_id.tolist(), predicted.labels, sure, strict=True)
            if is_sure
        }
        classes = len(unlabelled.manifest.classes)
        counts.append(tuple(np.bincount(list(labels.values()), minlength=classes).tolist()))
        if labels:
            extra[index] = unlabelled.manifest.select(labels).with_columns(labels=list(labels.values()))
    return extra, PseudoLabelled(
        pictures=len(unlabelled.manifest),
        unreadable=unlabelled.unreadable,
        duplicates=unlabelled.duplicates,
        counts=tuple(counts),
    )


def save_counts(path: Path, rounds: Sequence[PseudoLabelled]) -> None:
    """Write `pseudo_labels.json`, one entry a round."""
    write_json(path, [found.model_dump() for found in rounds])


def load_counts(path: Path) -> list[PseudoLabelled]:
    """Read what `save_counts` wrote; [] where there is no such file."""
    return [PseudoLabelled(**found) for found in read_json(path)] if path.exists() else []


def _predicted(console: Console, plan: Plan, index: int, unlabelled: Unlabelled, views: Sequence[str]) -> Predictions:
    """Mean of the members' models of one fold, kept in the directory of the round."""
    file = plan.root / f"unlabelled{index}.npz"
    if file.exists():
        return Predictions.load(file)
    from toolkit.nn.prediction import predict_views
    from toolkit.nn.runtime import release
    from toolkit.nn.saving import load_model

    ids = [name for name in unlabelled.manifest.image_ids.tolist() if name in unlabelled.usable]
    each = []
    for number, folders in enumerate(plan.folders):
        title = f"Labelling, fold {index + 1} of {len(folders)}" + (f", member {number + 1}" if number else "")
        with console.progress(title) as on_progress:
            model = load_model(folders[index] / "model.keras")
            each.append(predict_views(model, unlabelled.read, ids, views, on_progress=on_progress))
        del model
        release()
    made = Predictions.build(ids, np.asarray(np.mean(each, axis=0, dtype=np.float64)), unlabelled.manifest.classes)
    made.save(file)
    return made


def _digests(store: PixelStore, image_ids: Sequence[str]) -> list[bytes]:
    """A hash of each picture's pixels."""
    found = []
    for begin in range(0, len(image_ids), _CHUNK):
        pictures = store.read(image_ids[begin : begin + _CHUNK])
        found += [hashlib.sha256(picture.tobytes()).digest() for picture in pictures]
    return found
