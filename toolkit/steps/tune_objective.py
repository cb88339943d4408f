"""The objective of the methods beside the search: a trial on any fold, with any seed and number of epochs."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.config import Config, apply
from toolkit.errors import SearchError, ToolkitError
from toolkit.folds import make_folds
from toolkit.manifest import Manifest
from toolkit.proportions import Counted
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.project import Project
from toolkit.steps.search_space import dimension_range
from toolkit.steps.splits import Split, selection_split
from toolkit.steps.trials import Trials
from toolkit.tuning.space import Fixed

logger = logging.getLogger("toolkit.tuning")


class FoldObjective:
    """Trains and judges on folds of the development pictures; the holdout of `evaluate` is never touched.

    Args:
        project: The contest.
        development: Pictures to train and judge with.
        folder: Where caches of activations are kept.
        folds: k; with 1, the selection pictures of the search judge.
        judged: Split in place of the folds, with `folds` 1.
    """

    def __init__(
        self, project: Project, development: Manifest, folder: Path, folds: int, judged: Split | None = None
    ) -> None:
        self._project = project
        self._folder = folder
        config = project.config
        self._fixed = fixed_settings(config)
        if folds == 1:
            self._splits = [judged or selection_split(development, config.tune.selection, config.seed)]
        else:
            self._splits = _fold_splits(development, folds, config.seed)
        self._trials: dict[tuple[int, int], Trials] = {}

    def __call__(self, parameters: dict[str, Any], *, fold: int, seed: int, epochs: int | None) -> float:
        """Train with `parameters` and score fold `fold`; NaN where these settings cannot be trained."""
        key = (fold, seed)
        if key not in self._trials:
            project = self._project
            if seed != project.config.seed:
                project = Project(apply(project.config, {"seed": seed}), project.console)
            store = ActivationStore(self._folder / f"fold{fold}-seed{seed}")
            self._trials[key] = Trials(project, [self._splits[fold]], store)
            # One set of kept networks for all folds and seeds, so that memory does not grow with their number.
            self._trials[key].networks = next(iter(self._trials.values())).networks
        settings = {**self._fixed, **parameters, **({} if epochs is None else {"tune.trial_epochs": epochs})}
        try:
            return self._trials[key](settings).value
        except (ToolkitError, MemoryError, ArithmeticError, ValueError) as error:
            logger.warning("%s cannot be trained: %s", parameters, error)
            return math.nan


class HalvedSelection:
    """The search's selection pictures in halves: one judges the search, the other tests what it found.

    Args:
        project: The contest.
        development: Pictures to train and judge with.
        folder: Where caches are kept.

    Attributes:
        evaluate: The objective, on the first half.
    """

    def __init__(self, project: Project, development: Manifest, folder: Path) -> None:
        config = project.config
        split = selection_split(development, config.tune.selection, config.seed)
        halves = selection_split(split.smaller, 0.5, config.seed)
        self.evaluate = FoldObjective(project, development, folder / "judged", 1, Split(split.larger, halves.larger))
        self._n = len(halves.smaller.labels)
        accuracy = Project(apply(config, {"tune.metric": "accuracy"}), project.console)
        self._fixed = fixed_settings(config)
        self._test = Trials(accuracy, [Split(split.larger, halves.smaller)], ActivationStore(folder / "tested"))

    def test(self, parameters: dict[str, Any], epochs: int) -> Counted:
        """Train again and count what is right on the second half.

        With corrupted selection pictures this is the mean over the corruptions; it counts as one test of so many
        pictures, which makes intervals too wide rather than too narrow.
        """
        share = self._test({**self._fixed, **parameters, "tune.trial_epochs": epochs}).value
        return Counted(min(1.0, max(0.0, share)) * self._n, self._n)


def fixed_settings(config: Config) -> dict[str, Any]:
    """Values of `tune.space` that are the same in every trial."""
    ranges = {name: dimension_range(dimension) for name, dimension in config.tune.space.items()}
    return {name: dimension.value for name, dimension in ranges.items() if isinstance(dimension, Fixed)}


def setting(config: Config, path: str) -> Any:
    """The value of a setting by dotted path.

    Raises:
        SearchError: There is none.
    """
    value: Any = config.model_dump(mode="json", by_alias=True)
    for part in path.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise SearchError(f"The config has no single value at {path}, so it cannot be a starting point.") from error
    return value


def settings_of(config: Config, paths: Mapping[str, Any]) -> dict[str, Any]:
    """The config's own values at those paths that it has."""
    found = {}
    for path in paths:
        try:
            found[path] = setting(config, path)
        except SearchError:
            logger.info("%s has no value in the config and is left out of the manual settings", path)
    return found


def _fold_splits(development: Manifest, folds: int, seed: int) -> list[Split]:
    made = make_folds(
        development.image_ids.tolist(), development.labels, development.groups, folds, seed, development.classes
    )
    splits = []
    for index in range(folds):
        larger, smaller = made.split(index)
        splits.append(Split(development.select(larger), development.select(smaller)))
    return splits
