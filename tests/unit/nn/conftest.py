from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
