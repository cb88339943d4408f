"""Batch normalisation's statistics, re-estimated on other pictures without any label.

What a layer subtracts and divides by was measured on training pictures. Where the pictures to predict look different,
the statistics of those pictures are the better ones (Nado et al. 2020, arXiv 2006.10963; mixed with training's by
Schneider et al. 2020, arXiv 2006.16971). After weights are averaged, the statistics of none of the averaged networks
fit, and training pictures give new ones (Izmailov et al. 2018, arXiv 1803.05407).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from toolkit.nn.checkpoint import restore, snapshot
from toolkit.nn.fused_normalization import patched_call
from toolkit.nn.layer_decay import leaves
from toolkit.nn.runtime import Inputs


def normalized_layers(model: Any) -> list[Any]:
    """Batch normalisations whose statistics training has set.

    Frozen ones are not among them: theirs are part of the pretrained network, as its weights are, and whatever was
    trained behind them expects features normalised so.
    """
    return [leaf for leaf in leaves(model) if isinstance(leaf, keras.layers.BatchNormalization) and leaf.trainable]


@contextmanager
def renewed_batch_norm(model: Any, batches: Iterable[Inputs], share: float = 1.0) -> Iterator[int]:
    """Within it, a model's batch normalisations have the statistics of other pictures; afterwards their own again.

    Mean and variance of each layer become `1 - share` times those of training plus `share` times those of the pictures
    (Schneider et al. 2020: of n pictures, training counting as N of them, n / (N + n)). The pictures' own are measured
    in one pass, in which every layer normalises by the same mixture for the batch at hand; the variance is that of all
    pictures together, between batches included.

    Args:
        model: A `keras.Model` from pictures to probabilities.
        batches: Inputs `(b, …)`; large batches are better, since each is normalised by its own statistics on the way.
        share: Weight of the new statistics, 0–1; 1: training's are forgotten.

    Yields:
        How many layers were changed; 0: it has no batch normalisation, only frozen ones, or there was no picture.
    """
    layers = normalized_layers(model)
    variables = [variable for layer in layers for variable in (layer.moving_mean, layer.moving_variance)]
    own = snapshot(variables)
    try:
        yield update_batch_norm(model, batches, share)
    finally:
        restore(variables, own)


def update_batch_norm(model: Any, batches: Iterable[Inputs], share: float = 1.0) -> int:
    """Change a model's statistics for good as `renewed_batch_norm` does for a while; how many layers were changed."""
    layers = normalized_layers(model)
    if not layers:
        return 0
    measured = {id(layer): _Moments() for layer in layers}
    with _measuring(measured, share):
        for batch in batches:
            model(batch, training=False)
    changed = 0
    for layer in layers:
        moments = measured[id(layer)]
        if moments.count:
            mean, variance = moments.result()
            for variable, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
                variable.assign((1.0 - share) * np.asarray(ops.convert_to_numpy(variable)) + share * value)
            changed += 1
    return changed


@dataclass
class _Moments:
    """Running mean and variance `(c,)` of all values of a layer's input, by channel (Chan et al. 1979)."""

    count: float = 0.0
    mean: Any = 0.0
    squares: Any = 0.0

    def add(self, count: int, mean: np.ndarray, variance: np.ndarray) -> None:
        total = self.count + count
        difference = mean - self.mean
        self.squares = self.squares + variance * count + difference**2 * (self.count * count / total)
        self.mean = self.mean + difference * (count / total)
        self.count = total

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.mean), np.asarray(self.squares / self.count)


@contextmanager
def _measuring(measured: dict[int, _Moments], share: float) -> Iterator[None]:
    """Within it, calls of the layers measure their inputs and normalise by the mixture for the batch."""

    def call(layer: Any, inputs: Any) -> Any:
        axes = [axis for axis in range(len(inputs.shape)) if axis != layer.axis % len(inputs.shape)]
        values = ops.cast(inputs, "float32")
        mean, variance = ops.moments(values, axes)
        count = int(np.prod([inputs.shape[axis] for axis in axes]))
        measured[id(layer)].add(
            count,
            np.asarray(ops.convert_to_numpy(mean), np.float64),
            np.asarray(ops.convert_to_numpy(variance), np.float64),
        )
        mixed = [
            (1.0 - share) * stored + share * own
            for stored, own in ((layer.moving_mean, mean), (layer.moving_variance, variance))
        ]
        outputs = ops.batch_normalization(
            values, *mixed, layer.axis, offset=layer.beta, scale=layer.gamma, epsilon=layer.epsilon
        )
        return ops.cast(outputs, inputs.dtype)

    with patched_call(lambda layer, *_: id(layer) in measured, call):
        yield
