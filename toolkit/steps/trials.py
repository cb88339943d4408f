"""One trial of the search: a head, and the last layers, trained on cached activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.config import Config, apply
from toolkit.evaluation.corruptions import select
from toolkit.metrics import metric
from toolkit.steps.activations import Activations, cut_key
from toolkit.steps.networks import head_settings, training_phases, training_settings
from toolkit.steps.project import Project
from toolkit.steps.splits import Split
from toolkit.tuning.search import Outcome


@dataclass(frozen=True)
class _Prepared:
    """Everything that trials with the same cut share.

    Attributes:
        cut: The network's two parts.
        training: Cache of the training pictures' views.
        selection: Caches of the selection pictures: clean, and under each corruption.
    """

    cut: Any
    training: Any
    selection: Mapping[str, Any]


class Trials:
    """Judges sets of values by training them.

    Args:
        project: The contest.
        split: Training and selection pictures.
        folder: Where caches are kept.
    """

    def __init__(self, project: Project, split: Split, folder: Path) -> None:
        self._project = project
        self._split = split
        self._folder = folder
        self._prepared: dict[str, _Prepared] = {}

    def __call__(self, params: Mapping[str, Any]) -> Outcome:
        """Train with `params` and score the selection pictures.

        Args:
            params: Settings by dotted path.

        Returns:
            The objective, with the score on clean and on corrupted selection pictures and the epochs trained.
        """
        from toolkit.nn.feeding import Feeder
        from toolkit.nn.phases import train_phases
        from toolkit.nn.prediction import predict
        from toolkit.nn.runtime import release
        from toolkit.nn.splitting import build_trial_model
        from toolkit.nn.training import Validation

        config = apply(self._project.config, params)
        prepared = self._prepare(config)
        training, selection = self._split.larger, self._split.smaller
        classes = len(training.classes)
        model = build_trial_model(prepared.cut, classes, seed=config.seed, **head_settings(config))
        feeder = Feeder(
            prepared.training.load,
            training.image_ids.tolist(),
            training.labels,
            classes,
            seed=config.seed,
            workers=1,
            sampling=config.train.sampling,
        )
        ids = selection.image_ids.tolist()
        history = train_phases(
            model,
            training_phases(config, model, feeder, config.tune.trial_epochs, "all"),
            Validation(prepared.selection["clean"].read, ids, selection.labels),
            on_note=self._project.console.note,
            **training_settings(config, training.class_counts()),
        )
        measured = metric(config.tune.metric)
        scores = {
            name: measured.function(selection.labels, predict(model, cache.read, ids, batch_size=256))
            for name, cache in prepared.selection.items()
        }
        clean = scores.pop("clean")
        noisy = float(np.mean(list(scores.values()))) if scores else clean
        del model
        release()
        value = noisy if config.tune.test == "noisy" else clean
        return Outcome(value, {"clean": clean, "noisy": noisy, "epochs": len(history.records)})

    def _prepare(self, config: Config) -> _Prepared:
        """Caches for a cut, one for each way to cut the network that the search space can name."""
        key = cut_key(config)
        if key not in self._prepared:
            activations = Activations(self._project, config, self._folder)
            ids = self._split.smaller.image_ids.tolist()
            selection = {"clean": activations.plain(ids)}
            if config.tune.test == "noisy":
                for row in select(config.tune.corruptions):
                    selection[row.name] = activations.corrupted(ids, row.name, config.tune.severity)
            training = activations.augmented(self._split.larger.image_ids.tolist(), config.tune.views)
            self._prepared[key] = _Prepared(activations.cut, training, selection)
        return self._prepared[key]
