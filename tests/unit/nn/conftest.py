from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import pytest

from toolkit.nn import runtime


@pytest.fixture(scope="session", autouse=True)
def keras_started() -> None:
    runtime.setup()


@dataclass(frozen=True)
class Pictures:
    """Random pictures of three classes that differ in colour, so that they can be learned."""

    images: np.ndarray
    labels: np.ndarray
    ids: list[str]

    def read(self, names: Sequence[str]) -> np.ndarray:
        return self.images[[self.ids.index(name) for name in names]]


@pytest.fixture
def make_pictures() -> Callable[..., Pictures]:
    def make(count: int, size: int = 32, seed: int = 0) -> Pictures:
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % 3
        images = rng.integers(0, 160, (count, size, size, 3))
        images[np.arange(count), :, :, labels] += 95
        return Pictures(images.astype(np.uint8), labels, [f"picture {number}" for number in range(count)])

    return make


@pytest.fixture
def small_model() -> Callable[..., keras.Model]:
    """A network for the pictures of `make_pictures(…, 16)` that learns them in a few epochs."""

    def build(seed: int = 0, dropout: float = 0.0) -> keras.Model:
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((16, 16, 3))
        x = keras.layers.Rescaling(1 / 255)(inputs)
        x = keras.layers.Conv2D(8, 3, use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
        x = keras.layers.Dropout(dropout)(keras.layers.GlobalAveragePooling2D()(x))
        return keras.Model(inputs, keras.layers.Activation("softmax")(keras.layers.Dense(3)(x)))

    return build
