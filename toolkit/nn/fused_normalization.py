"""Batch normalisation of training steps by TensorFlow's fused kernel instead of a dozen elementwise operations.

Keras computes batch moments, their gradient and the scaling as separate operations, which on CPUs takes a third of a
training step of EfficientNet-Lite0. The fused kernel computes the same (Ioffe & Szegedy 2015, arXiv 1502.03167) in one
pass forward and one backward. Layers are not changed: models are saved as they were.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

_lock = threading.RLock()
# cuDNN refuses a smaller one.
_LEAST_EPSILON = 1.001e-5


@contextmanager
def fused_normalization() -> Iterator[None]:
    """Within it, training-mode calls of `keras.layers.BatchNormalization` are traced as one TensorFlow operation.

    Only layers that normalise the last axis of a float32 `(n, h, w, c)` tensor by the statistics of the batch are
    affected; frozen ones, and those with masks or renormalisation, compute as Keras does.
    """
    with patched_call(lambda layer, inputs, training: training is True and _fits(layer, inputs), _normalize):
        yield


@contextmanager
def patched_call(fits: Callable[[Any, Any, Any], bool], compute: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Within it, batch normalisations without a mask compute otherwise.

    Args:
        fits: `(layer, inputs, training)` → whether a call is replaced.
        compute: `(layer, inputs)` → the outputs of a replaced call.
    """
    layer = keras.layers.BatchNormalization
    with _lock:  # tracing in two threads must not restore each other's patch
        stock = layer.call

        def call(self: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            if mask is None and fits(self, inputs, training):
                return compute(self, inputs)
            return stock(self, inputs, training=training, mask=mask)

        layer.call = call
        try:
            yield
        finally:
            layer.call = stock


def _fits(layer: Any, inputs: Any) -> bool:
    shape = inputs.shape
    return (
        layer.trainable
        and len(shape) == 4
        and layer.axis in (-1, 3)
        and inputs.dtype == "float32"
        and layer.epsilon >= _LEAST_EPSILON
        and layer.compute_dtype == "float32"
        and not getattr(layer, "renorm", False)
        and not getattr(layer, "synchronized", False)
    )


def _normalize(layer: Any, inputs: Any) -> Any:
    import tensorflow as tf

    channels = inputs.shape[-1]
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.ones(channels) if layer.gamma is None else layer.gamma.value,
        offset=tf.zeros(channels) if layer.beta is None else layer.beta.value,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=layer.epsilon,
        is_training=True,
    )
    # The kernel returns the unbiased variance of the batch; Keras averages the biased one.
    count = tf.cast(tf.size(inputs) // channels, tf.float32)
    for moving, new in ((layer.moving_mean, mean), (layer.moving_variance, variance * ((count - 1) / count))):
        moving.assign(moving.value * layer.momentum + new * (1.0 - layer.momentum))
    return outputs
