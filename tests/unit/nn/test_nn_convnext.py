import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from toolkit.errors import WeightsError
from toolkit.nn.backbones import build_backbone


@pytest.fixture(scope="module")
def stock():
    """The network of keras.applications with weights all of which matter, those of normalisation and scale too."""
    model = keras.applications.ConvNeXtTiny(include_top=False, weights=None, input_shape=(64, 64, 3))
    rng = np.random.default_rng(0)

    def draw(variable):
        if "kernel" in variable.path:
            return np.asarray(variable)
        spread = rng.normal(0.0, 0.3, variable.shape)
        return np.abs(spread) + 0.2 if "gamma" in variable.path or "variable" in variable.path else spread

    model.set_weights([draw(variable) for variable in model.weights])
    return model


def write_stock_file(model, path):
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


@pytest.mark.parametrize("name", ["convnext_tiny_notop.h5", "anything.h5"])
def test_stock_files_load_and_give_the_same_features(stock, tmp_path, name):
    ours = build_backbone("convnext_tiny", 64, write_stock_file(stock, tmp_path / name))
    pictures = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    expected = np.asarray(stock(pictures))
    np.testing.assert_allclose(np.asarray(ours(pictures)), expected, rtol=1e-5, atol=1e-5)
    assert not any(getattr(layer, "groups", 1) > 1 for layer in ours.layers)


def test_stock_files_of_another_network_are_refused(stock, tmp_path):
    path = write_stock_file(stock, tmp_path / "convnext_tiny_notop.h5")
    with pytest.raises(WeightsError, match="does not fit convnext_small"):
        build_backbone("convnext_small", 64, path)


def test_drop_path_skips_whole_blocks_in_training_only():
    body = build_backbone("convnext_tiny", 32, "none", {"drop_path_rate": 0.2})
    rates = [layer.rate for layer in body.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(rates) == 17 and rates == sorted(rates) and rates[-1] == pytest.approx(0.2)
    plain = build_backbone("convnext_tiny", 32, "none")
    plain.set_weights(body.get_weights())
    pictures = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(body(pictures)), np.asarray(plain(pictures)), atol=1e-6)
