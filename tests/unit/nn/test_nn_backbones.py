import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from toolkit.errors import ConfigError, MissingFileError, WeightsError
from toolkit.nn.backbones import BACKBONES, build_backbone
from toolkit.nn.heads import build_model
from toolkit.nn.saving import save_model


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'convnext_tiny'"):
        build_backbone("ConvNeXtTiny", 96)


def test_pictures_below_the_smallest_size_are_refused():
    with pytest.raises(ConfigError, match="at least 75 pixels"):
        build_backbone("inception_v3", 64, "none")


def test_a_weights_file_that_is_not_there_is_named():
    with pytest.raises(MissingFileError, match=r"nowhere\.keras"):
        build_backbone("efficientnet_lite0", 32, "nowhere.keras")


def test_weights_saved_from_a_model_or_a_backbone_come_back(tmp_path):
    model = build_model("efficientnet_lite0", 32, 4, weights="none", seed=5)
    body = build_backbone("efficientnet_lite0", 32, "none")
    save_model(model, tmp_path / "model.keras")
    body.save_weights(tmp_path / "body.weights.h5")
    expected = {"model.keras": model.layers[1].get_weights(), "body.weights.h5": body.get_weights()}
    for name, values in expected.items():
        found = build_backbone("efficientnet_lite0", 32, tmp_path / name).get_weights()
        for one, other in zip(found, values, strict=True):
            np.testing.assert_array_equal(one, other)


def test_weights_of_another_network_are_refused(tmp_path):
    build_backbone("efficientnet_lite0", 32, "none").save_weights(tmp_path / "lite0.weights.h5")
    with pytest.raises(WeightsError, match=r"lite0\.weights\.h5 does not fit mobilenet_v2"):
        build_backbone("mobilenet_v2", 32, tmp_path / "lite0.weights.h5")


@pytest.mark.parametrize(
    ("name", "module", "constructor"),
    [
        pytest.param("vgg16", keras.applications.vgg16, "VGG16", id="caffe"),
        pytest.param("mobilenet", keras.applications.mobilenet, "MobileNet", id="tf"),
        pytest.param("densenet121", keras.applications.densenet, "DenseNet121", id="torch"),
    ],
)
def test_rgb_in_0_to_255_gives_what_the_stock_network_gives_on_its_own_preprocessing(
    tmp_path, name, module, constructor
):
    stock = getattr(module, constructor)(include_top=False, weights=None, input_shape=(32, 32, 3))
    stock.save_weights(tmp_path / "stock.weights.h5")
    (tmp_path / "stock.weights.h5").rename(tmp_path / "stock.h5")  # as keras.applications' files are called
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(stock(module.preprocess_input(pictures.copy())))
    body = build_backbone(name, 32, "none")
    saved = stock.get_weights()
    if name == "vgg16":
        saved[0] = saved[0][:, :, ::-1, :]
    body.set_weights(saved)
    np.testing.assert_allclose(np.asarray(body(pictures)), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


SMALL = ["mobilenet", "mobilenet_v2", "mobilenet_v3_small", "vgg16", "vgg19", "resnet50v2"]
LARGE = [pytest.param(n, marks=pytest.mark.slow) for n in BACKBONES if n not in SMALL and "lite" not in n]


@pytest.mark.parametrize("size", [96, 128])
@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_the_named_imagenet_file_is_the_one_that_keras_asks_for(name, size, monkeypatch):
    asked = []

    def get_file(file_name, *_, **__):
        asked.append(file_name)
        raise OSError("no network in tests")

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(WeightsError):
        build_backbone(name, size, "imagenet")
    assert asked == [BACKBONES[name].imagenet_file(size)]
