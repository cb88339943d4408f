"""Training steps that stay with a network, for trainings that begin with it anew."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import keras
import numpy as np

from toolkit.nn.checkpoint import snapshot

_NAME = "_toolkit_steps"
# Transfer and fine-tuning. A search over weight decay would otherwise leave a step and its moments a trial.
MOST_STEPS = 2
# Optimiser, compiled step.
Compiled = tuple[Any, Any]


def keep_compiled(model: Any) -> None:
    """From now on keep the last optimisers and compiled steps of a network with it."""
    vars(model)[_NAME] = OrderedDict()  # lives and dies with the model; Keras must not track it


def compiled_step(model: Any, key: Hashable, make: Callable[[], Compiled]) -> Compiled:
    """The optimiser in its first state and the step of a network.

    Args:
        model: A `keras.Model`; where `keep_compiled` was not called, both are made anew.
        key: All settings that are part of the graph. Which layers are trained need not be in it.
        make: Makes a built optimiser and its step.
    """
    steps: OrderedDict[Hashable, tuple[Any, Any, list[np.ndarray | None]]] | None = vars(model).get(_NAME)
    if steps is None:
        return make()
    whole = (key, tuple(id(variable) for variable in model.trainable_variables))
    if whole not in steps:
        optimizer, step = make()
        # Moments begin at zero, which need not be kept.
        initial = [value if value.any() else None for value in snapshot(optimizer.variables)]
        steps[whole] = (optimizer, step, initial)
        while len(steps) > MOST_STEPS:
            steps.popitem(last=False)
        return optimizer, step
    steps.move_to_end(whole)
    optimizer, step, initial = steps[whole]
    for variable, value in zip(optimizer.variables, initial, strict=True):
        variable.assign(keras.ops.zeros_like(variable) if value is None else value)
    return optimizer, step
