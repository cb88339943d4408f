"""Our RandAugment's operations give the same pictures as keras-cv's at the same parameters."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from toolkit import pixelops as ops
from toolkit.augmentation.compile import run
from toolkit.augmentation.rand_augment import RAND_AUGMENT
from toolkit.augmentation.randomness import Numbers

keras_cv = pytest.importorskip("keras_cv")
SIZE = 64


class Fixed(Numbers):
    """Random numbers that all are one number."""

    def __init__(self, value):
        super().__init__(0)
        self._value = value

    def uniform(self, low=0.0, high=1.0):
        return low + (high - low) * self._value


@pytest.fixture(scope="module")
def picture():
    photo = load_sample_image("china.jpg")[100:420:5, 150:470:5]
    return np.ascontiguousarray(photo // 2 + 30)


def ours(name, picture, strength, value):
    operation = next(row for row in RAND_AUGMENT if row.name == name)
    return run(picture, [operation.draw(SIZE, SIZE, strength, Fixed(value))]).astype(float)


def theirs(layer, picture):
    return np.clip(np.asarray(layer(picture[None].astype(np.float32), training=True))[0], 0, 255)


def fixed(value):
    return keras_cv.core.ConstantFactorSampler(value)


LAYERS = keras_cv.layers
# Name, strength, the random number between 0 and 1, keras-cv's layer with the same parameter, largest difference.
POINTWISE = [
    ("auto_contrast", 0.3, 0.5, lambda: LAYERS.AutoContrast((0, 255)), 1.01),
    ("solarize", 0.4, 0.5, lambda: LAYERS.Solarization((0, 255), fixed(44.0), fixed(153.0)), 1.01),
    ("color", 0.6, 0.5, lambda: LAYERS.RandomColorDegeneration(fixed(0.6)), 1.51),
    # keras-cv draws its factor from 1 ± 0.3: the upper end.
    ("brightness", 0.3, 1.0, lambda: LAYERS.RandomBrightness((0.3, 0.3), (0, 255)), 1.01),
    ("brightness", 0.3, 0.0, lambda: LAYERS.RandomBrightness((-0.3, -0.3), (0, 255)), 1.01),
]


@pytest.mark.parametrize(("name", "strength", "value", "layer", "most"), POINTWISE)
def test_values_are_the_same_within_rounding(picture, name, strength, value, layer, most):
    assert np.abs(ours(name, picture, strength, value) - theirs(layer(), picture)).max() <= most


def test_contrast_multiplies_the_distance_from_each_channels_mean(picture):
    # keras-cv draws the factor inside the layer; it is read off its own result.
    changed = theirs(LAYERS.RandomContrast(value_range=(0, 255), factor=0.3, seed=5), picture)
    means = picture.mean(axis=(0, 1))
    inside = (changed > 1) & (changed < 254) & (np.abs(picture - means) > 20)
    factor = float(np.median(((changed - means) / (picture - means))[inside]))
    assert 0.7 <= factor <= 1.3
    assert np.abs(ops.contrast(picture, factor) - changed).max() <= 1.5


def test_equalising_is_the_same_but_for_the_rounding_of_its_table(picture):
    difference = ours("equalize", picture, 0.3, 0.5) - theirs(LAYERS.Equalization((0, 255)), picture)
    assert np.abs(difference).mean() <= 1.5
    assert np.abs(difference).max() <= 8


MOVES = [
    ("shear_x", lambda sign: LAYERS.RandomShear(x_factor=fixed(0.3), y_factor=None)),
    ("shear_y", lambda sign: LAYERS.RandomShear(x_factor=None, y_factor=fixed(0.3))),
    ("translate_x", lambda sign: LAYERS.RandomTranslation(0.0, (sign * 0.3, sign * 0.3))),
    ("translate_y", lambda sign: LAYERS.RandomTranslation((sign * 0.3, sign * 0.3), 0.0)),
]


@pytest.mark.parametrize(("name", "layer"), MOVES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_moves_are_the_same_within_interpolation(picture, name, layer, sign):
    # keras-cv draws the sign of a shear itself: it may be either.
    found = theirs(layer(sign), picture)
    both = [ours(name, picture, 0.3, value) for value in (0.0, 0.999999)]
    distances = [np.abs(one - found).mean() for one in both]
    assert min(distances) <= 0.6, distances
    assert max(distances) > 5
