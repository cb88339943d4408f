"""One trial of the search: a head, and the last layers, trained on cached activations.

The frozen part of the network sees each picture a few times (its augmented views) instead of once an epoch of every
trial. Caches are made on demand, one for each way to cut the network that the search space can name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import make_key
from toolkit.config import Config, apply
from toolkit.evaluation.corruptions import corrupt
from toolkit.metrics import metric
from toolkit.steps.networks import augmentation, head_settings, training_settings
from toolkit.steps.project import Project
from toolkit.steps.splits import Split
from toolkit.tuning.search import Outcome


@dataclass(frozen=True)
class _Cached:
    """Activations at one cut."""

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
        self._caches: dict[str, _Cached] = {}

    def __call__(self, params: Mapping[str, Any]) -> Outcome:
        """Train with `params` and score the selection pictures.

        Args:
            params: Settings by dotted path.

        Returns:
            The objective, with the score on clean and on corrupted selection pictures and the epochs trained.
        """
        from toolkit.nn.feeding import Feeder
        from toolkit.nn.prediction import predict
        from toolkit.nn.runtime import release
        from toolkit.nn.splitting import build_trial_model
        from toolkit.nn.training import Validation, train

        config = apply(self._project.config, params)
        cached = self._cached(config)
        training, selection = self._split.larger, self._split.smaller
        classes = len(training.classes)
        head = head_settings(config)
        head.pop("pooling")  # already behind the cut
        model = build_trial_model(cached.cut, classes, seed=config.seed, **head)
        feeder = Feeder(
            cached.training.load,
            training.image_ids.tolist(),
            training.labels,
            classes,
            config.train.batch_size,
            config.seed,
            workers=1,
        )
        ids = selection.image_ids.tolist()
        history = train(
            model,
            feeder,
            Validation(cached.selection["clean"].read, ids, selection.labels),
            epochs=config.tune.trial_epochs,
            **training_settings(config, training.class_counts()),
        )
        measured = metric(config.tune.metric)
        scores = {
            name: measured.function(selection.labels, predict(model, cache.read, ids, batch_size=256))
            for name, cache in cached.selection.items()
        }
        clean = scores.pop("clean")
        noisy = float(np.mean(list(scores.values()))) if scores else clean
        del model
        release()
        value = noisy if config.tune.test == "noisy" else clean
        return Outcome(value, {"clean": clean, "noisy": noisy, "epochs": len(history.records)})

    def _cached(self, config: Config) -> _Cached:
        from toolkit.nn.backbones import build_backbone
        from toolkit.nn.splitting import split_at

        depends_on = {
            "backbone": config.model.backbone,
            "weights": config.model.weights,
            "unfreeze": config.model.unfreeze,
            "pooling": config.model.pooling,
            "pixels": [config.data.image_size, config.data.resize],
            "augment": config.augment.model_dump(mode="json"),
            "views": config.tune.views,
        }
        key = make_key(depends_on)
        if key in self._caches:
            return self._caches[key]
        project = self._project if config.data == self._project.config.data else Project(config, self._project.console)
        read = project.pixels(self._project.manifest, self._project.hashes).read
        backbone = build_backbone(config.model.backbone, config.data.image_size, config.model.weights)
        cut = split_at(backbone, config.model.unfreeze, config.model.pooling)
        augment = augmentation(config)
        words = f"{config.model.unfreeze} layers unfrozen" if config.model.unfreeze else "frozen backbone"
        training = self._cache(
            f"{key}-training", cut, read, self._split.larger.image_ids, f"Activations for {words}", augment,
            views=config.tune.views if augment else 1,
        )  # fmt: skip
        selection = {
            "clean": self._cache(
                f"{key}-clean", cut, read, self._split.smaller.image_ids, f"Selection pictures for {words}"
            )
        }
        if config.tune.test == "noisy":
            for name in config.tune.corruptions:
                selection[name] = self._cache(
                    f"{key}-{name}", cut, read, self._split.smaller.image_ids, f"Selection pictures, {name}",
                    _corruption(name, config.tune.severity, config.seed),
                )  # fmt: skip
        self._caches[key] = _Cached(cut, training, selection)
        return self._caches[key]

    def _cache(
        self, name: str, cut: Any, read: Any, image_ids: np.ndarray, words: str, augment: Any = None, views: int = 1
    ) -> Any:
        from toolkit.nn.caching import cache_activations

        with self._project.console.progress(words) as on_progress:
            return cache_activations(
                cut.prefix,
                read,
                image_ids.tolist(),
                augment=augment,
                views=views,
                seed=self._project.config.seed,
                folder=self._folder / name,
                on_progress=on_progress,
            )


def _corruption(name: str, severity: int, seed: int) -> Any:
    def change(images: np.ndarray, image_ids: Sequence[str], view: int) -> np.ndarray:
        return corrupt(images, image_ids, name, severity, seed)

    return change
