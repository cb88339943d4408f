"""Optimisers by name, with the settings that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from toolkit.nn.choices import choose
from toolkit.nn.fused_adam import fused

OPTIMIZERS: Mapping[str, Any] = {
    "lion": keras.optimizers.Lion,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "nadam": keras.optimizers.Nadam,
    "adadelta": keras.optimizers.Adadelta,
}
_FUSED = ("adam", "adamw")


def build_optimizer(
    name: str,
    learning_rate: float,
    *,
    momentum: float = 0.9,
    weight_decay: float | None = None,
    clip_norm: float | None = None,
    accumulate: int = 1,
    scales: Sequence[float] | None = None,
    loss_scaling: bool = False,
) -> Any:
    """Make a Keras optimiser.

    Args:
        name: One of `OPTIMIZERS`.
        learning_rate: Initial learning rate.
        momentum: Of `sgd`; the others have their own averages.
        weight_decay: Share of each weight, times the learning rate, that a step takes away, apart from the gradient
            (Loshchilov and Hutter 2019, arXiv 1711.05101); None: Keras's default, 0.004 for `adamw` and else none.
        clip_norm: Largest Euclidean norm of all gradients together (Pascanu et al. 2013, arXiv 1211.5063), of the mean
            gradient where gradients are accumulated; None: not clipped.
        accumulate: Batches whose mean gradient makes one step.
        scales: Factor of the learning rate and of the weight decay, one a trainable variable in the order that the
            optimiser is built with; None: 1 each.
        loss_scaling: For float16: the loss is multiplied so that small gradients are not rounded to 0, and steps with
            infinite gradients are left out (Micikevicius et al. 2018, arXiv 1710.03740).

    Raises:
        ConfigError: Unknown name.
    """
    kind = choose(OPTIMIZERS, name, "train.optimizer")
    settings: dict[str, Any] = {"momentum": momentum} if name == "sgd" else {}
    if weight_decay is not None:
        settings["weight_decay"] = weight_decay
    if clip_norm is not None:
        settings["global_clipnorm"] = clip_norm
    if accumulate > 1:
        settings["gradient_accumulation_steps"] = accumulate
    if name in _FUSED:
        kind = fused(kind)
    if scales is not None:
        kind = _scaled(kind, list(scales))
    optimizer = kind(learning_rate, **settings)
    if scales is not None:
        # Keras would decay every variable by the unscaled learning rate; the subclass decays by the scaled one.
        optimizer.own_decay, optimizer.weight_decay = optimizer.weight_decay, None
    return keras.optimizers.LossScaleOptimizer(optimizer) if loss_scaling else optimizer


def attach(optimizer: Any, variables: Sequence[Any]) -> None:
    """Make the optimiser's variables, all of which `optimizer.variables` then holds.

    Args:
        optimizer: From `build_optimizer`.
        variables: What it will change.
    """
    # First the inner one: built from within the loss scaling, Nadam would not list the product of its momenta, and a
    # resumed training would start it anew.
    for part in (getattr(optimizer, "inner_optimizer", optimizer), optimizer):
        if not part.built:
            part.build(variables)


def _scaled(kind: Any, scales: list[float]) -> Any:
    """An optimiser class with a learning rate for each variable.

    The rate is scaled, not the gradient: adaptive optimisers divide by the gradient's size, so a scaled gradient would
    move a variable as far as an unscaled one.
    """

    class Scaled(kind):  # type: ignore[misc]
        own_decay: float | None = None

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            scale = scales[self._get_variable_index(variable)]
            rate = keras.ops.cast(learning_rate, variable.dtype) * scale
            if self.own_decay is not None:
                self.assign_sub(variable, variable * self.own_decay * rate)
            super().update_step(gradient, variable, rate)

    Scaled.__name__ = Scaled.__qualname__ = kind.__name__
    return Scaled


def move_state(old: Any, new: Any) -> None:
    """Take over the state of an optimiser that accumulates over another number of batches.

    Both must have been built by `build_optimizer` with the same settings otherwise, and no group of batches may be half
    done: gradients accumulated so far are dropped.

    Args:
        old: Built optimiser.
        new: Built optimiser of the same variables, changed in place.
    """
    steps_old, steps_new = (_steps(optimizer) for optimizer in (old, new))
    for source, target in zip(_lasting(old), _lasting(new), strict=True):
        value = np.asarray(keras.ops.convert_to_numpy(source))
        if source.name == "iteration":  # Keras counts batches here
            value = value // steps_old * steps_new
        target.assign(value)


def _steps(optimizer: Any) -> int:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return int(inner.gradient_accumulation_steps or 1)


def _lasting(optimizer: Any) -> list[Any]:
    """Variables without the sums of gradients, which are 0 between groups."""
    return [variable for variable in optimizer.variables if not variable.name.endswith("gradient_accumulator")]
