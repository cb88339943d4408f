"""Optimisers by name, and the learning rate as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import keras

from toolkit.nn.choices import choose

OPTIMIZERS: Mapping[str, Callable[[float], Any]] = {
    "lion": keras.optimizers.Lion,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": lambda learning_rate: keras.optimizers.SGD(learning_rate, momentum=0.9),
    "rmsprop": keras.optimizers.RMSprop,
    "nadam": keras.optimizers.Nadam,
    "adadelta": keras.optimizers.Adadelta,
}


def build_optimizer(name: str, learning_rate: float) -> Any:
    """Make a Keras optimiser with its default settings; SGD has momentum 0.9.

    Args:
        name: One of `OPTIMIZERS`.
        learning_rate: Initial learning rate.

    Raises:
        ConfigError: Unknown name.
    """
    return choose(OPTIMIZERS, name, "train.optimizer")(learning_rate)


@dataclass(frozen=True)
class Schedule:
    """The learning rate over a training of fixed length.

    Attributes:
        kind: `constant`, or `cosine`: half a cosine from the peak to 0 (Loshchilov and Hutter 2017, arXiv 1608.03983).
        peak: Highest learning rate.
        total_steps: Steps of the whole training.
        warmup_steps: Steps of linear rise before the course starts.
    """

    kind: Literal["constant", "cosine"]
    peak: float
    total_steps: int
    warmup_steps: int = 0

    def at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.kind == "constant":
            return self.peak
        progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        return self.peak * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
