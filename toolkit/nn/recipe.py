"""All that decides how a network is trained, apart from the network and the pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from toolkit.errors import ConfigError
from toolkit.nn.precision import Precision, resolve
from toolkit.nn.schedules import KINDS, Kind, Monitor


@dataclass(frozen=True)
class Recipe:
    """Settings of one training; sources are named where each is done.

    Attributes:
        optimizer: Name of the optimiser, see `optimizers.OPTIMIZERS`.
        learning_rate: Highest learning rate.
        momentum: Of `sgd`.
        weight_decay: Share of each weight that a step takes away, times the learning rate; None: Keras's default.
        clip_norm: Largest norm of all gradients together; None: not clipped.
        schedule: Course of the learning rate.
        warmup_epochs: Epochs of linear rise before it; may be a fraction.
        plateau_patience: `plateau`: epochs without improvement of `monitor` before the rate is lowered.
        plateau_factor: `plateau`: what it is multiplied by then.
        layer_decay: Factor of the learning rate from each layer of the backbone to the one before it; 1: the same rate.
        ema: Decay of the moving average of the weights, which then is validated and kept; None: no average.
        average_last: Keep the mean of the weights after each of so many last epochs, with batch statistics measured
            anew, see `averaging`; None: the best epoch's weights.
        precision: What the training steps compute in; `auto`: mixed_bfloat16 where a GPU or TPU has it.
        loss: `cross_entropy` or `focal`.
        focal_gamma: γ of `focal`.
        class_weight: `(k,)` weights of the classes, see `losses.class_weights`; None: 1 each.
        label_smoothing: Share of probability spread over all classes, 0–1.
        early_stopping: Epochs without improvement before stopping; 0: never.
        monitor: What makes an epoch the best.

    Raises:
        ConfigError: Unknown monitored value, schedule or precision, or two averages of the weights.
    """

    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float | None = None
    clip_norm: float | None = None
    schedule: Kind = "constant"
    warmup_epochs: float = 0.0
    plateau_patience: int = 3
    plateau_factor: float = 0.5
    layer_decay: float = 1.0
    ema: float | None = None
    average_last: int | None = None
    precision: Precision = "float32"
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: float = 2.0
    class_weight: np.ndarray | None = None
    label_smoothing: float = 0.0
    early_stopping: int = 0
    monitor: Monitor = "val_loss"

    def __post_init__(self) -> None:
        if self.monitor not in ("val_loss", "val_accuracy"):
            raise ConfigError(f"The monitored value is {self.monitor!r}; expected val_loss or val_accuracy.")
        if self.schedule not in KINDS:
            raise ConfigError(f"`train.schedule` is {self.schedule!r}; expected one of {', '.join(KINDS)}.")

        if self.average_last is not None and (self.ema is not None or self.early_stopping):
            raise ConfigError(
                "`train.average_last` goes neither with `train.ema`, another average of the weights, nor with "
                "`train.early_stopping`, which moves the last epochs; leave one of them out."
            )

    @property
    def policy(self) -> str:
        """Keras dtype policy of the training steps on this machine."""
        return resolve(self.precision)

    def values(self) -> dict[str, Any]:
        """All settings as JSON-like values; `precision` is what it means on this machine."""
        weights = None if self.class_weight is None else np.asarray(self.class_weight).tolist()
        return {**asdict(self), "class_weight": weights, "precision": self.policy}
