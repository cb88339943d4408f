"""Exponential moving average of the weights: what is validated, kept and saved is the average, not the last step.

Averaging the weights of many steps takes away the noise of the last ones (Polyak and Juditsky 1992; as an exponential
average in Inception, Szegedy et al. 2016, and EfficientNet, Tan and Le 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from toolkit.nn.checkpoint import restore, snapshot
from toolkit.nn.layer_decay import leaves
from toolkit.nn.runtime import compile_average


class WeightAverage:
    """Averages of all variables of a model that training changes.

    The moving statistics of trained batch normalisations are averaged with the same decay, as EfficientNet's training
    did: the statistics of the last step alone would belong to other weights than the averaged ones. The states of
    random generators are left as they are.

    Args:
        model: Its trainable layers must not change afterwards.
        decay: Share of the average that a step leaves, such as 0.999. In the first steps it is smaller,
            (1 + t) / (10 + t) after t steps, so that the initial weights are forgotten (TensorFlow's
            `ExponentialMovingAverage` with `num_updates`).

    Attributes:
        variables: The averages, to be kept with a checkpoint.
    """

    def __init__(self, model: Any, decay: float) -> None:
        self._decay = decay
        self._live = _changing(model)
        self.variables = [
            keras.Variable(value, trainable=False, dtype=variable.dtype)
            for variable, value in zip(self._live, snapshot(self._live), strict=True)
        ]
        self._average = compile_average(self._live, self.variables)

    def update(self, step: int) -> None:
        """Take in the weights after a step of the optimiser, counted from 0 over the whole training."""
        self._average(1.0 - min(self._decay, (1.0 + step) / (10.0 + step)))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the model has the averages as its weights."""
        # Copies, both ways: JAX gives the memory of what a step changes to the results.
        kept = snapshot(self._live)
        restore(self._live, snapshot(self.variables))
        try:
            yield
        finally:
            restore(self._live, kept)


def _changing(model: Any) -> list[Any]:
    """Floating-point variables that training changes: weights, and the statistics of layers that are trained."""
    known = {id(variable) for variable in model.trainable_variables}
    statistics = [
        variable
        for leaf in leaves(model)
        if leaf.trainable
        for variable in leaf.non_trainable_variables
        if id(variable) not in known and "float" in str(variable.dtype)
    ]
    return [*model.trainable_variables, *statistics]
