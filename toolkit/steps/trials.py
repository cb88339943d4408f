"""One trial of the search: a head, and the last layers, trained on cached activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.config import Config, apply
from toolkit.config.mix import CLEAN, read_mix
from toolkit.evaluation.corruptions import select
from toolkit.folds import make_folds
from toolkit.manifest import Manifest
from toolkit.metrics import Metric, objective_metric
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.activations import Activations, cut_key
from toolkit.steps.networks import training_phases, training_settings
from toolkit.steps.project import Project
from toolkit.steps.splits import Split, selection_split
from toolkit.tuning.objective import Live, spread
from toolkit.tuning.pruners import compares
from toolkit.tuning.search import Outcome

# Networks that stay in memory, cut and ready; their caches are files.
_KEPT = 3
_EPOCHS = "train.epochs"


def trial_metric(config: Config) -> Metric:
    """The objective of `tune.metric`."""
    folder = config.file.parent if config.file else Path.cwd()
    return objective_metric(config.tune.metric, folder, config.tune.direction)


def selection_mix(config: Config) -> dict[str, float] | None:
    """Weights of `tune.mix` by selection test, such as `clean` and `jpeg@3`; None without a mix."""
    if config.tune.mix is None:
        return None
    cells = read_mix(config.tune.mix)
    select(dict.fromkeys(name for name, _ in cells if name != CLEAN))  # unknown ones are an error
    return {CLEAN if name == CLEAN else f"{name}@{severity}": weight for (name, severity), weight in cells.items()}


def trial_splits(development: Manifest, config: Config) -> list[Split]:
    """Training and selection pictures: one split, or `tune.folds` of them; training parts cut down to `tune.subset`.

    Args:
        development: Pictures that `evaluate` never sees.
        config: All settings.
    """
    settings = config.tune
    if settings.folds == 1:
        splits = [selection_split(development, settings.selection, config.seed)]
    else:
        folds = make_folds(development.image_ids.tolist(), development.labels, development.groups, settings.folds,
                           config.seed + 1, development.classes)  # fmt: skip
        parts = [folds.split(index) for index in range(settings.folds)]
        splits = [Split(development.select(larger), development.select(smaller)) for larger, smaller in parts]
    if settings.subset is None:
        return splits
    return [Split(_subset(split.larger, config), split.smaller) for split in splits]


def _subset(pictures: Manifest, config: Config) -> Manifest:
    """Some of the training pictures: as they come, or equally many of each class (report C)."""
    share = config.tune.subset or 1.0
    wanted = max(1, round(share * len(pictures)) if share < 1 else min(int(share), len(pictures)))
    order = np.random.default_rng([config.seed, 211]).permutation(len(pictures))
    if not config.tune.subset_balanced:
        return pictures.select(pictures.image_ids[np.sort(order[:wanted])].tolist())
    classes = np.unique(pictures.labels)
    each = max(1, wanted // len(classes))
    taken = np.concatenate([order[pictures.labels[order] == label][:each] for label in classes])
    return pictures.select(pictures.image_ids[np.sort(taken)].tolist())


@dataclass(frozen=True)
class _Caches:
    """Activations at one cut.

    Attributes:
        training: Views of the training pictures.
        selection: The selection pictures: clean, and under each corruption.
    """

    training: Any
    selection: Mapping[str, Any]


class Trials:
    """Judges sets of values by training them.

    Args:
        project: The contest.
        splits: Training and selection pictures of each fold.
        store: Where caches are kept, shared with other workers.
    """

    def __init__(self, project: Project, splits: Sequence[Split], store: ActivationStore) -> None:
        self._project = project
        self._splits = tuple(splits)
        self._store = store
        self._cuts: dict[str, Activations] = {}
        self._metric = trial_metric(project.config)
        self._mix = selection_mix(project.config)

    def __call__(self, params: Mapping[str, Any], live: Live | None = None) -> Outcome:
        """Train with `params` and score the selection pictures.

        Args:
            params: Settings by dotted path.
            live: Hears of each epoch and may end the trial.

        Returns:
            The objective, mean over folds and seeds, with its standard deviation, the score on clean and on
            corrupted selection pictures and the epochs trained.
        """
        from toolkit.nn.runtime import release

        live = live or Live()
        config = apply(self._project.config, params)
        activations = self._activations(config)
        found: list[dict[str, float]] = []
        with activations.in_use():
            caches = self._caches(activations, config)
            runs = [(split, seed) for seed in range(config.tune.seeds) for split in self._splits]
            for number, (split, seed) in enumerate(runs):
                try:
                    found.append(self._train(config, params, activations, caches, split, seed, live, number))
                finally:
                    release()
                if found[-1].pop("ended"):
                    break
                if config.tune.pruner == "wilcoxon":
                    live.compare(number + 1, found[-1]["value"])
        means = {name: float(np.mean([scores[name] for scores in found])) for name in found[0]}
        value = means.pop("value")
        figures = {**means, "epochs": live.epochs}
        if len(runs) > 1:
            figures |= {"sd": spread(scores["value"] for scores in found), "trainings": len(found)}
        return Outcome(value, figures)

    def _train(
        self,
        config: Config,
        params: Mapping[str, Any],
        activations: Activations,
        caches: _Caches,
        split: Split,
        seed: int,
        live: Live,
        number: int,
    ) -> dict[str, float]:
        from toolkit.nn.feeding import Feeder
        from toolkit.nn.phases import train_phases
        from toolkit.nn.training import Validation

        settings, training, selection = config.tune, split.larger, split.smaller
        classes = len(training.classes)
        own = config.seed + 7919 * seed
        feeder = Feeder(
            caches.training.load,
            training.image_ids.tolist(),
            training.labels,
            classes,
            seed=own,
            workers=1,
            sampling=config.train.sampling,
        )
        judging = selection.image_ids.tolist()
        epochs = config.train.epochs if _EPOCHS in params else settings.trial_epochs
        rungs = {"min_epochs": settings.min_epochs, "reduction": settings.reduction}
        ended: list[bool] = []
        with activations.network(self.networks, config, classes, own) as model:

            def judge(record: Any) -> bool:
                # To score all selection tests takes a third as long as an epoch: only where it decides something.
                told = record.epoch == epochs or compares(settings.pruner, record.epoch, **rungs)
                value = self._compared(config, number, record, model, caches, split) if told else None
                ended.append(live.epoch(value))
                return ended[-1]

            train_phases(
                model,
                training_phases(config, model, feeder, epochs, "all"),
                Validation(caches.selection["clean"].read, judging, selection.labels),
                should_stop=judge,
                on_note=self._project.console.note,
                **training_settings(config, training.class_counts()),
            )
            return {**self._scores(config, model, caches, split), "ended": ended[-1]}

    @cached_property
    def networks(self) -> Any:
        """The networks that trials share, an `nn.trial_networks.TrialNetworks`."""
        from toolkit.nn.trial_networks import TrialNetworks

        return TrialNetworks()

    def _compared(
        self, config: Config, number: int, record: Any, model: Any, caches: _Caches, split: Split
    ) -> float | None:
        """What pruners compare after an epoch: the objective, for report E's rule the loss; only of the first fold."""
        pruner = config.tune.pruner
        if number or pruner == "wilcoxon":
            return None
        if pruner in {"none", "median_mean5"}:
            # The curve of a trial is worth keeping, and the loss costs nothing more.
            return float(record.val_loss) if self._metric.direction == "minimize" else -float(record.val_loss)
        return self._scores(config, model, caches, split)["value"]

    def _scores(self, config: Config, model: Any, caches: _Caches, split: Split) -> dict[str, float]:
        from toolkit.nn.prediction import predict

        ids, labels = split.smaller.image_ids.tolist(), split.smaller.labels
        scores = {
            name: self._metric.function(labels, predict(model, cache.read, ids, batch_size=256))
            for name, cache in caches.selection.items()
        }
        mixed = sum(weight * scores[cell] for cell, weight in self._mix.items()) if self._mix else None
        clean = scores.pop("clean")
        noisy = float(np.mean(list(scores.values()))) if scores else clean
        if mixed is not None:
            return {"value": mixed, "clean": clean, "noisy": noisy}
        weight = {"noisy": 0.0, "clean": 1.0, "mixed": config.tune.clean_weight}[config.tune.test]
        return {"value": weight * clean + (1 - weight) * noisy, "clean": clean, "noisy": noisy}

    def _activations(self, config: Config) -> Activations:
        """The network cut as a trial asks for it."""
        key = cut_key(config)
        if key not in self._cuts:
            while len(self._cuts) >= _KEPT:
                del self._cuts[next(iter(self._cuts))]
            self._cuts[key] = Activations(self._project, config, self._store.path(""), self._store)
        return self._cuts[key]

    def _caches(self, activations: Activations, config: Config) -> _Caches:
        training = _union(split.larger for split in self._splits)
        judging = _union(split.smaller for split in self._splits)
        selection = {"clean": activations.plain(judging)}
        if self._mix:
            for name, severity in (cell.split("@") for cell in self._mix if cell != CLEAN):
                selection[f"{name}@{severity}"] = activations.corrupted(judging, name, int(severity))
        elif config.tune.test != "clean":
            for row in select(config.tune.corruptions):
                selection[row.name] = activations.corrupted(judging, row.name, config.tune.severity)
        return _Caches(activations.augmented(training, config.tune.views), selection)


def _union(parts: Any) -> list[str]:
    """Image ids of all parts, each once."""
    return list(dict.fromkeys(name for part in parts for name in part.image_ids.tolist()))
