"""From config sections to networks, trainings and augmentations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.config import Config

if TYPE_CHECKING:
    from toolkit.augmentation.policies import Policy

Augment = Callable[[np.ndarray, Sequence[str], int], np.ndarray]


def start(config: Config, threads: int | None = None) -> None:
    """Start Keras with the config's seed and determinism, on so many threads (None: one a core)."""
    from toolkit.nn import runtime

    runtime.setup(threads=threads, deterministic=config.train.deterministic, seed=config.seed)


def head_settings(config: Config) -> dict[str, Any]:
    """The head, without pooling, as keyword arguments of the model builders."""
    head = config.model.head
    return {
        "layers": head.layers,
        "units": head.units,
        "dropout": head.dropout,
        "activation": head.activation,
        "batch_norm": head.batch_norm,
        "feature_dropout": head.feature_dropout,
    }


def new_model(config: Config, n_classes: int, seed: int) -> Any:
    """A network with pretrained backbone and fresh head; its last layers are trainable as configured.

    Args:
        config: All settings.
        n_classes: k.
        seed: Of the head's initial weights and its dropout.
    """
    from toolkit.nn.heads import build_model

    return build_model(
        config.model.backbone,
        config.data.image_size,
        n_classes,
        weights=config.model.weights,
        pooling=config.model.pooling,
        unfreeze=config.model.unfreeze,
        seed=seed,
        backbone_options=config.model.backbone_options,
        **head_settings(config),
    )


def weights_hash(config: Config) -> str | None:
    """SHA-256 of the file of pretrained weights; None for random ones and for packages that hold no such file."""
    from toolkit.nn.registry import BACKBONES
    from toolkit.nn.weights import weights_sha256

    row = BACKBONES[config.model.backbone]
    return weights_sha256(row.name, config.model.weights, row.imagenet_file(config.data.image_size))


def training_settings(config: Config, class_counts: np.ndarray) -> dict[str, Any]:
    """The training as fields of `nn.recipe.Recipe`.

    Args:
        config: All settings.
        class_counts: `(k,)` training pictures of each class.
    """
    from toolkit.nn.losses import class_weights

    train = config.train
    # Weights make up for how often the network sees a class, and balanced sampling shows all equally often.
    seen = np.minimum(class_counts, 1) if train.sampling == "balanced" else class_counts
    return {
        "optimizer": train.optimizer,
        "learning_rate": train.learning_rate,
        "momentum": train.momentum,
        "weight_decay": train.weight_decay,
        "clip_norm": train.clip_norm,
        "schedule": train.schedule,
        "warmup_epochs": train.warmup_epochs,
        "plateau_patience": train.plateau_patience,
        "plateau_factor": train.plateau_factor,
        "layer_decay": train.layer_decay,
        "ema": train.ema,
        "average_last": train.average_last,
        "precision": train.precision,
        "loss": train.loss,
        "focal_gamma": train.focal_gamma,
        "class_weight": class_weights(seen, train.class_weight, train.effective_beta),
        "label_smoothing": train.label_smoothing,
        "early_stopping": train.early_stopping,
    }


def training_phases(config: Config, network: Any, data: Any, epochs: int, unfreeze: int | str) -> list[Any]:
    """What is trained one after another.

    Args:
        config: All settings.
        network: A model of `heads.build_model` or `splitting.build_trial_model`.
        data: `nn.feeding.Feeder` of the training pictures.
        epochs: Largest number of epochs of the main phase.
        unfreeze: How many of the network's own backbone layers the main phase trains.

    Returns:
        `nn.phases.Phase`s: one, or transfer and fine-tuning.
    """
    from toolkit.nn.heads import set_trainable
    from toolkit.nn.phases import Phase

    transfer = config.train.transfer
    main = replace(data, batch_size=config.train.batch_size, accumulate=config.train.accumulate)
    if transfer is None:
        return [Phase("training", main, epochs)]
    # Behind a cut at pooled features there is the head alone.
    has_backbone = any(getattr(layer, "layers", None) for layer in network.layers)

    def freeze(count: int | str) -> None:
        if has_backbone:
            set_trainable(network, count)

    own = {"learning_rate": transfer.learning_rate, "average_last": None}
    head_only = replace(data, batch_size=transfer.batch_size, accumulate=1)
    return [
        Phase("transfer", head_only, transfer.epochs, lambda: freeze(0), own),
        Phase("fine-tuning", main, epochs, lambda: freeze(unfreeze)),
    ]


def augmentation(config: Config) -> Augment | None:
    """The configured augmentation as a function of `(uint8 (n, h, w, 3), image_ids, epoch)`; None without one."""
    policy = config.augment.policy
    if policy.name == "none":
        return None
    if config.augment.engine == "keras_cv":
        from toolkit.nn.keras_cv_engine import rand_augment

        return rand_augment(magnitude=policy.magnitude, augmentations_per_image=policy.operations, seed=config.seed)
    vary = _policy(config)
    seed = config.seed

    def augment(images: np.ndarray, image_ids: Sequence[str], epoch: int) -> np.ndarray:
        return vary(images, image_ids, seed=seed, epoch=epoch)

    return augment


def mixing(config: Config) -> Callable[..., tuple[np.ndarray, np.ndarray]] | None:
    """MixUp and CutMix as a function of `(images, targets, image_ids, epoch)`; None where both are off."""
    from toolkit.augmentation.mixing import Mixing

    augment = config.augment
    mix = Mixing(augment.mixup, augment.cutmix, augment.mix_probability, config.seed)
    return mix if mix else None


def augmentation_families(config: Config) -> set[str]:
    """Families of corruptions that the training augmentation contains."""
    # keras-cv's layer draws from the same operations as our own RandAugment.
    return set(_policy(config).families())


def held_out_corruptions(config: Config) -> set[str]:
    """Held-out corruptions that the training augmentation contains."""
    return set(_policy(config).held_out)


def _policy(config: Config) -> Policy:
    from toolkit.augmentation.policies import build_policy

    return build_policy(config.augment.policy.name, **policy_settings(config))


def policy_settings(config: Config) -> dict[str, Any]:
    """The policy's own settings as keyword arguments of `build_policy`."""
    from toolkit.augmentation.policies import policy_settings as known

    values = config.augment.policy.model_dump(exclude={"name"})
    own = set(known(config.augment.policy.name))
    return {name: value for name, value in values.items() if name in own and value is not None}
