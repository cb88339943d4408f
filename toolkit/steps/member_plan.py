"""Which models an ensemble consists of: members × repeats × folds, and where each of them lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.config import Config, member
from toolkit.errors import DataError
from toolkit.folds import Folds
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps import keys
from toolkit.steps.fold_training import FoldTask
from toolkit.steps.splits import training_folds


def member_configs(config: Config) -> tuple[Config, ...]:
    """The settings of each member; without `ensemble.members` there is one, the config itself."""
    return tuple(member(config, settings) for settings in config.ensemble.members) or (config,)


def models_per_member(config: Config, development: Manifest) -> int:
    """How many models each member has: folds that are trained × repeats.

    Args:
        config: All settings.
        development: Pictures that `evaluate` never sees.
    """
    own = development.folds
    folds = config.ensemble.folds if own is None else len(set(own.tolist()))
    return min(config.ensemble.train_folds or folds, folds) * (config.ensemble.repeats if own is None else 1)


def model_folders(root: Path, members: int, each: int) -> list[list[Path]]:
    """Folders of the models of each member: `fold<i>` of a single one, else `member<j>/fold<i>`.

    Args:
        root: Directory of the run.
        members: Number of members.
        each: Models of each; repeats go on counting.
    """
    parents = [root] if members == 1 else [root / f"member{number}" for number in range(members)]
    return [[parent / f"fold{index}" for index in range(each)] for parent in parents]


@dataclass(frozen=True)
class Plan:
    """All models of one round of training.

    Attributes:
        root: Directory that they are left in.
        configs: Settings of each member.
        splits: Training ids and fold ids of each model of a member, the same for all members.
        repeats: In which draw of the folds each of them is.
        cleaned: Key of `clean`.
    """

    root: Path
    configs: tuple[Config, ...]
    splits: tuple[tuple[Sequence[str], Sequence[str]], ...]
    repeats: tuple[int, ...]
    cleaned: str

    @classmethod
    def make(cls, root: Path, config: Config, development: Manifest, cleaned: str) -> Plan:
        """Draw the folds.

        Args:
            root: Directory of the run.
            config: All settings.
            development: Pictures that `evaluate` never sees.
            cleaned: Key of `clean`.
        """
        draws: list[Folds] = training_folds(development, config)
        each = models_per_member(config, development) // len(draws)
        pairs = [(repeat, folds.split(index)) for repeat, folds in enumerate(draws) for index in range(each)]
        splits, repeats = tuple(split for _, split in pairs), tuple(repeat for repeat, _ in pairs)
        return cls(root, member_configs(config), splits, repeats, cleaned)

    @property
    def folders(self) -> list[list[Path]]:
        """Folders of the models of each member."""
        return model_folders(self.root, len(self.configs), len(self.splits))

    def lacking(self, data: Manifest) -> dict[int, tuple[str, ...]]:
        """Names of the classes of which a fold has no picture though the data have; only folds that lack some.

        Args:
            data: The development pictures.
        """
        every = np.flatnonzero(data.class_counts())
        counts = [data.select(fold).class_counts() for _, fold in self.splits]
        absent = [tuple(data.classes[label] for label in every if count[label] == 0) for count in counts]
        return {index: names for index, names in enumerate(absent) if names}

    def tasks(self, extra: Mapping[int, Manifest] | None = None) -> list[FoldTask]:
        """One a model, member by member.

        Args:
            extra: Further pictures to train on, by number of the fold.
        """
        several = len(self.configs) > 1
        return [
            FoldTask(
                config,
                split,
                folder,
                index,
                (f"Member {number + 1} of {len(self.configs)}, fold " if several else "Fold ")
                + f"{index + 1} of {len(self.splits)}",
                (extra or {}).get(index),
                None if extra else keys.fold_key(config, self.cleaned, split, index),
            )
            for number, (config, folders) in enumerate(zip(self.configs, self.folders, strict=True))
            for index, (split, folder) in enumerate(zip(self.splits, folders, strict=True))
        ]


def averaged_folds(parts: Sequence[Predictions], order: Sequence[str]) -> Predictions:
    """Out-of-fold predictions of one member: of a picture that several repeats predicted, the mean.

    Args:
        parts: One a fold, of all repeats.
        order: Image ids in the order wanted; those that were not predicted are left out.
    """
    row = {name: number for number, name in enumerate(order)}
    total = np.zeros((len(row), len(parts[0].class_names)))
    count = np.zeros(len(row))
    for part in parts:
        _same_classes(parts[0], part)
        rows = [row[name] for name in part.image_id.tolist()]
        total[rows] += part.probabilities
        count[rows] += 1
    known = count > 0
    names = np.asarray(order, dtype=object)[known]
    return Predictions.build(names, total[known] / count[known, None], parts[0].class_names)


def averaged_members(members: Sequence[Predictions]) -> Predictions:
    """The mean over members, row by row.

    Raises:
        DataError: They predicted other pictures or know other classes.
    """
    first = members[0]
    for other in members[1:]:
        _same_classes(first, other)
        if first.image_id.tolist() != other.image_id.tolist():
            raise DataError("Members of an ensemble predicted different pictures out of fold; train them anew.")
    mean = np.asarray(np.mean([member.probabilities for member in members], axis=0, dtype=np.float64))
    return Predictions.build(first.image_id, mean, first.class_names)


def _same_classes(one: Predictions, other: Predictions) -> None:
    if one.class_names != other.class_names:
        raise DataError(
            f"Members of an ensemble know different classes: {', '.join(one.class_names)} and "
            f"{', '.join(other.class_names)}. Their probabilities cannot be averaged; train them on the same data set, "
            "with the same `data.classes`."
        )
