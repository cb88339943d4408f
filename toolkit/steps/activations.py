"""Activations of the frozen part of a network, made on demand and shared by trials or folds.

The frozen part of the network sees each picture a few times (its augmented views) instead of once an epoch of every
training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import make_key
from toolkit.config import Config
from toolkit.evaluation.corruptions import corrupt
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.networks import Augment, augmentation, head_settings
from toolkit.steps.project import Project

Read = Callable[[Sequence[str]], np.ndarray]


class Activations:
    """Caches at one cut of the network.

    Args:
        project: The contest.
        config: Settings of backbone, unfrozen layers, pixels and augmentation.
        folder: Where caches are kept.
        store: The same folder where several processes share it and it is bounded.

    Attributes:
        cut: The network's two parts.
    """

    def __init__(self, project: Project, config: Config, folder: Path, store: ActivationStore | None = None) -> None:
        from toolkit.nn.backbones import build_backbone
        from toolkit.nn.runtime import setup
        from toolkit.nn.splitting import split_at

        self._project = project
        self._config = config
        self._folder = folder
        self._store = store
        # What is not augmented is shared by all ways to augment.
        self._keys = (cut_key(config), plain_key(config))
        same_pixels = config.data == project.config.data
        source = project if same_pixels else Project(config, project.console)
        self._read: Read = source.pixels(project.manifest, project.hashes).read
        model = config.model
        # Random weights must be the same in every worker, since all read the caches of the first.
        setup(seed=config.seed)
        backbone = build_backbone(model.backbone, config.data.image_size, model.weights, model.backbone_options)
        self.cut: Any = split_at(backbone, model.unfreeze, model.pooling)

    @property
    def words(self) -> str:
        """What is frozen, for progress bars."""
        unfrozen = self._config.model.unfreeze
        if isinstance(unfrozen, str) and unfrozen.startswith("stage:"):
            return f"{unfrozen.removeprefix('stage:')} stages unfrozen"
        return f"{unfrozen} layers unfrozen" if unfrozen else "frozen backbone"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the caches from being removed while the block runs."""
        with ExitStack() as stack:
            for key in self._keys if self._store else ():
                stack.enter_context(self._store.in_use(key))  # type: ignore[union-attr]
            yield

    @contextmanager
    def network(self, networks: Any, config: Config, n_classes: int, seed: int) -> Iterator[Any]:
        """What is trained behind the cut; a network of the same shape is used again, with other rates and values.

        Args:
            networks: `nn.trial_networks.TrialNetworks`, which all trainings of a process may share.
            config: Settings of the head.
            n_classes: k.
            seed: Of the first weights and of dropout.
        """
        from toolkit.nn.splitting import build_trial_model

        head = config.model.head
        shape = (
            self._keys[0], n_classes, seed, head.layers, head.units[: head.layers], head.activation, head.batch_norm,
            head.feature_dropout > 0,
        )  # fmt: skip

        def build() -> Any:
            return build_trial_model(self.cut, n_classes, seed=seed, adjustable=True, **head_settings(config))

        rates = {"dropout": head.dropout, "feature_dropout": head.feature_dropout}
        with networks.lend(shape, build, seed=seed, **rates) as model:
            yield model

    def augmented(self, image_ids: Sequence[str], views: int) -> Any:
        """Augmented views of training pictures; one plain view without augmentation."""
        augment = augmentation(self._config)
        title = f"Activations, {self.words}"
        return self._cache("augmented", image_ids, title, augment, views if augment else 1)

    def plain(self, image_ids: Sequence[str]) -> Any:
        """Pictures as they are."""
        return self._cache("plain", image_ids, f"Clean pictures, {self.words}", None, 1)

    def corrupted(self, image_ids: Sequence[str], name: str, severity: int) -> Any:
        """Pictures under a corruption."""
        seed = self._config.seed

        def change(images: np.ndarray, names: Sequence[str], view: int) -> np.ndarray:
            return corrupt(images, names, name, severity, seed)

        return self._cache(f"{name}-{severity}", image_ids, f"{name}, {self.words}", change, 1)

    def _cache(self, name: str, image_ids: Sequence[str], title: str, augment: Augment | None, views: int) -> Any:
        from toolkit.nn.caching import cache_activations

        key = self._keys[0] if name == "augmented" else self._keys[1]
        folder = self._folder / key / name
        with ExitStack() as stack:
            if self._store and not (folder / "activations.json").exists():
                values = sum(math.prod(tensor.shape[1:]) for tensor in self.cut.prefix.outputs)
                stack.enter_context(self._store.building(key, 2 * values * views * len(image_ids)))
            on_progress = stack.enter_context(self._project.console.progress(title))
            return cache_activations(
                self.cut.prefix,
                self._read,
                list(image_ids),
                augment=augment,
                views=views,
                seed=self._config.seed,
                folder=folder,
                workers=self._config.train.workers,
                on_progress=on_progress,
            )


def cut_key(config: Config) -> str:
    """What augmented activations depend on, apart from the pictures."""
    return make_key(plain_key(config), config.augment.model_dump(mode="json"))


def plain_key(config: Config) -> str:
    """What activations without augmentation depend on, apart from the pictures."""
    model = config.model
    pixels = [config.data.image_size, config.data.resize]
    options = [model.backbone_options] if model.backbone_options else []
    return make_key(model.backbone, model.weights, model.unfreeze, model.pooling, pixels, *options)
