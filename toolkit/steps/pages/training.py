"""Parts of the page of `ensemble` that tell of members, folds and pseudo-labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from toolkit.config import Config
from toolkit.report import Cell, Column, Note, Section, Table
from toolkit.steps.fold_training import FoldRecord
from toolkit.steps.pseudo_labels import PseudoLabelled


def training_sections(
    config: Config,
    records: Sequence[Sequence[FoldRecord]],
    member_accuracy: Sequence[float],
    lacking: Mapping[int, Sequence[str]],
    pseudo: Sequence[PseudoLabelled],
    classes: Sequence[str],
) -> list[Section]:
    """Members, classes that folds lack, and pseudo-labels; nothing where there is none of them.

    Args:
        config: All settings.
        records: One a fold, for each member.
        member_accuracy: Out-of-fold accuracy of each member.
        lacking: Classes of which a fold has no picture, by number of the fold.
        pseudo: What each round after the first was given.
        classes: Class names by index.
    """
    found = []
    if len(records) > 1:
        found.append(_members(config, records, member_accuracy))
    if lacking:
        notes: list[Note] = [
            Note(f"Fold {index} has no picture of {', '.join(names)}: its own score says nothing of them.", "warn")
            for index, names in lacking.items()
        ]
        found.append(Section("Classes absent from a fold", "", notes))
    if pseudo:
        found.append(_pseudo(config, pseudo, classes))
    return found


def _members(config: Config, records: Sequence[Sequence[FoldRecord]], accuracy: Sequence[float]) -> Section:
    rows = [
        [
            number,
            ", ".join(f"{name}: {value}" for name, value in settings.items()) or "as the config says",
            accuracy[number],
            len(member),
            sum(record.seconds for record in member),
        ]
        for number, (settings, member) in enumerate(zip(config.ensemble.members, records, strict=True))
    ]
    accurate = Column("accuracy out of fold", style="percent", digits=1)
    columns: list[Column | str] = ["member", "settings", accurate, "models", Column("time", style="seconds")]
    return Section("Members", "Each is trained on the same folds.", [Table(columns, rows)])


def _pseudo(config: Config, pseudo: Sequence[PseudoLabelled], classes: Sequence[str]) -> Section:
    settings = config.ensemble.pseudo_labels
    threshold = settings.threshold if settings else 0.0
    first = pseudo[0]
    text = (
        f"Of {first.pictures:,} unlabelled pictures, {first.unreadable:,} cannot be decoded and {first.duplicates:,} "
        f"are among the labelled ones; they are left out. What was predicted with a probability of {threshold:g} or "
        "more by the models that have not seen a fold was added to the training part of that fold, never to what "
        "judges it."
    )
    means = [np.mean(found.counts, axis=0) for found in pseudo]
    names = [f"round {number}" for number in range(1, len(pseudo) + 1)]
    columns: list[Column | str] = [
        "class",
        *(Column(f"added in {name}, mean of the folds", digits=1) for name in names),
    ]
    rows: list[list[Cell]] = [[name, *(float(mean[index]) for mean in means)] for index, name in enumerate(classes)]
    rows.append(["all", *(float(mean.sum()) for mean in means)])
    return Section("Pseudo-labels", text, [Table(columns, rows)])
