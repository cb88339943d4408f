"""keras-cv's RandAugment layer, the engine of report A, as an augmentation of uint8 batches.

It needs TensorFlow, and is slow: use it to repeat the report or to check our own operations against it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from toolkit.errors import ConfigError, MissingPackageError
from toolkit.nn.feeding import Augment


def rand_augment(
    magnitude: float = 0.32,
    augmentations_per_image: int = 5,
    rate: float = 10 / 11,
    magnitude_stddev: float = 0.15,
    seed: int = 0,
) -> Augment:
    """RandAugment (Cubuk et al. 2020, arXiv 1909.13719) as keras-cv implements it, with report A's settings.

    Args:
        magnitude: Mean strength of each operation, 0–1.
        augmentations_per_image: Operations drawn for each picture.
        rate: Probability that a drawn operation is applied.
        magnitude_stddev: Standard deviation of the strength.
        seed: Together with epoch and image id it fixes what happens to a picture.

    Returns:
        `(uint8 RGB (n, h, w, 3), image_ids, epoch)` → uint8 of the same shape; may be called from several threads.

    Raises:
        MissingPackageError: keras-cv is not installed.
        ConfigError: Keras runs on another backend than TensorFlow.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"`augment.engine: keras_cv` needs Keras on TensorFlow, but it runs on {keras.backend.backend()}. Set "
            "`augment.engine` to opencv or the environment variable KERAS_BACKEND to tensorflow."
        )
    try:
        import keras_cv
        import tensorflow as tf
    except ImportError as error:
        raise MissingPackageError(
            f"`augment.engine: keras_cv` needs the package keras-cv ({error}). Run `pip install keras-cv` or set "
            "`augment.engine` to opencv."
        ) from error
    # Its parts ask for the global generator, which does not exist by itself under `train.deterministic`.
    tf.random.set_global_generator(tf.random.Generator.from_state([0, 0, 0], alg="philox"))
    layer = keras_cv.layers.RandAugment(
        value_range=(0, 255),
        augmentations_per_image=augmentations_per_image,
        magnitude=magnitude,
        magnitude_stddev=magnitude_stddev,
        rate=rate,
        seed=seed,
    )
    generators = _own_generators(layer, tf)

    def one(item: tuple[Any, Any]) -> Any:
        image, key = item
        for number, generator in enumerate(generators):
            generator.reset(tf.stack([tf.constant(0, tf.int64), tf.constant(0, tf.int64), key + number]))
        # The layer's own call would map over the batch again, with one generator state for all of it.
        return layer._augment({"images": tf.cast(image, tf.float32)})["images"]

    def whole(images: Any, keys: Any) -> Any:
        # One picture at a time: pictures side by side would share the generators.
        changed = tf.map_fn(one, (images, keys), fn_output_signature=tf.float32, parallel_iterations=1)
        return tf.cast(tf.clip_by_value(tf.round(changed), 0.0, 255.0), tf.uint8)

    compiled = tf.function(whole, jit_compile=False, reduce_retracing=True)
    lock = threading.Lock()

    def augment(images: np.ndarray, image_ids: Sequence[str], epoch: int) -> np.ndarray:
        keys = np.array([_key(seed, epoch, name) for name in image_ids], np.int64)
        with lock:
            return np.asarray(compiled(images, keys))

    return augment


def _key(seed: int, epoch: int, image_id: str) -> int:
    digest = hashlib.blake2b(f"{seed}:{epoch}:{image_id}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def _own_generators(layer: Any, tf: Any) -> list[Any]:
    """Make all of a pipeline's randomness come from generators that can be reset, and return them.

    Strengths are otherwise drawn from TensorFlow's global state, which no seed a picture can reach.
    """
    generators = []
    for part in _parts(layer):
        generator = tf.random.Generator.from_state([0, 0, 0], alg="philox")
        part._random_generator = generator
        generators.append(generator)
        for name, value in list(vars(part).items()):
            if type(value).__name__ == "NormalFactorSampler":
                setattr(part, name, _NormalFactor(value, generator, tf))
            elif type(value).__name__ == "UniformFactorSampler":
                setattr(part, name, _UniformFactor(value, generator))
    return generators


def _parts(layer: Any) -> Iterator[Any]:
    yield layer
    yield layer._random_choice
    yield from layer.layers


class _NormalFactor:
    """keras-cv's clipped normal strength, drawn from a generator of ours."""

    def __init__(self, sampler: Any, generator: Any, tf: Any) -> None:
        self._sampler, self._generator, self._tf = sampler, generator, tf

    def __call__(self, shape: Any = (), dtype: str = "float32") -> Any:
        drawn = self._generator.normal(shape, self._sampler.mean, self._sampler.stddev, dtype)
        return self._tf.clip_by_value(drawn, self._sampler.min_value, self._sampler.max_value)


class _UniformFactor:
    """keras-cv's uniform strength, drawn from a generator of ours."""

    def __init__(self, sampler: Any, generator: Any) -> None:
        self._sampler, self._generator = sampler, generator

    def __call__(self, shape: Any = (), dtype: str = "float32") -> Any:
        return self._generator.uniform(shape, self._sampler.lower, self._sampler.upper, dtype)
