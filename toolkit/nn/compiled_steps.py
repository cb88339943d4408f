"""Training steps that stay with a network, for trainings that begin with it anew."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from toolkit.nn.checkpoint import restore, snapshot

_NAME = "_toolkit_steps"
# Optimiser, compiled step.
Compiled = tuple[Any, Any]


def keep_compiled(model: Any) -> None:
    """From now on keep the optimisers and compiled steps of a network with it."""
    vars(model)[_NAME] = {}  # lives and dies with the model; Keras must not track it


def compiled_step(model: Any, key: Hashable, make: Callable[[], Compiled]) -> Compiled:
    """The optimiser in its first state and the step of a network.

    Args:
        model: A `keras.Model`; where `keep_compiled` was not called, both are made anew.
        key: All settings that are part of the graph. Which layers are trained need not be in it.
        make: Makes a built optimiser and its step.
    """
    steps: dict[Hashable, tuple[Any, Any, list[np.ndarray]]] | None = vars(model).get(_NAME)
    if steps is None:
        return make()
    whole = (key, tuple(id(variable) for variable in model.trainable_variables))
    if whole not in steps:
        optimizer, step = make()
        steps[whole] = (optimizer, step, snapshot(optimizer.variables))
    optimizer, step, initial = steps[whole]
    restore(optimizer.variables, initial)
    return optimizer, step
