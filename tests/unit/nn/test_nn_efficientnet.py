import math

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from toolkit.errors import WeightsError
from toolkit.nn.backbones import build_backbone
from toolkit.nn.runtime import compile_forward
from toolkit.nn.splitting import split_at

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def stock_file(tmp_path):
    """A file as keras.applications publishes them: deviations where the layer has variances."""

    def write(mean):
        stock = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(64, 64, 3))
        norm = next(layer for layer in stock.layers if isinstance(layer, keras.layers.Normalization))
        norm.adapt_mean.assign(mean)
        norm.adapt_variance.assign(DEVIATION)
        path = tmp_path / "some.h5"
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, stock)
        norm.finalize_state()
        return stock, path

    return write


def as_pretrained(stock, pictures):
    """What the stock network computes with its further layer, which it gets with `weights="imagenet"` only."""
    inner = keras.Model(stock.get_layer("stem_conv_pad").input, stock.output)
    norm = next(layer for layer in stock.layers if isinstance(layer, keras.layers.Normalization))
    return np.asarray(inner(norm(pictures / 255.0) / np.sqrt(DEVIATION).astype(np.float32)))


def test_files_load_under_any_name_with_imagenets_normalisation(stock_file):
    stock, path = stock_file(MEAN)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    body = build_backbone("efficientnet_b0", 64, path)
    expected = as_pretrained(stock, pictures)
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(body(pictures)), expected, rtol=1e-3, atol=limit)
    cut = split_at(body, 15)  # copies weights
    found = compile_forward(cut.suffix)(compile_forward(cut.prefix)(pictures))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=limit)


def test_files_with_another_normalisation_are_refused(stock_file):
    _, path = stock_file((0.0, 0.0, 0.0))
    with pytest.raises(WeightsError, match="normalised"):
        build_backbone("efficientnet_b0", 64, path)


def test_random_weights_have_imagenets_normalisation_too():
    body = build_backbone("efficientnet_b0", 64, "none")
    norm = body.get_layer("normalization")
    np.testing.assert_allclose(np.sqrt(np.ravel(norm.input_variance)), DEVIATION)
    assert math.isclose(np.ravel(norm.input_mean)[0], MEAN[0]) and not norm.weights
