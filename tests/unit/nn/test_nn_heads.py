import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.nn.heads import backbone_of, build_model, pool, set_trainable
from toolkit.nn.prediction import predict
from toolkit.nn.saving import load_model, save_model


def lite(**settings):
    return build_model("efficientnet_lite0", 32, 3, weights="none", **settings)


def head_names(model):
    return [layer.name for layer in model.layers if layer.name.startswith("head_")]


def test_the_head_is_built_as_configured():
    model = lite(layers=2, units=(64, 32, 16), dropout=(0.5, 0.25), activation="gelu", batch_norm=True)
    assert head_names(model) == [
        "head_dense_0", "head_bn_0", "head_activation_0", "head_dropout_0",
        "head_dense_1", "head_bn_1", "head_activation_1", "head_dropout_1", "head_logits",
    ]  # fmt: skip
    assert [model.get_layer(f"head_dense_{n}").units for n in (0, 1)] == [64, 32]
    assert [model.get_layer(f"head_dropout_{n}").rate for n in (0, 1)] == [0.5, 0.25]
    assert model.get_layer("head_activation_0").activation is keras.activations.gelu


def test_a_head_without_layers_or_normalisation():
    assert head_names(lite(layers=0)) == ["head_logits"]
    assert "head_bn_0" not in head_names(lite(layers=1, batch_norm=False))


@pytest.mark.parametrize(("pooling", "width"), [("avg", 1280), ("max", 1280), ("gem", 1280), ("flatten", 1280 * 4)])
def test_pooling(pooling, width):
    model = build_model("efficientnet_lite0", 64, 3, weights="none", pooling=pooling, layers=0)
    assert model.get_layer("pooling").output.shape == (None, width)


@pytest.mark.parametrize(
    "settings",
    [{"layers": 4}, {"layers": 2, "dropout": (0.5,)}, {"activation": "rellu"}, {"pooling": "mean"}],
    ids=["widths", "rates", "activation", "pooling"],
)
def test_heads_that_cannot_be_built_are_refused(settings):
    with pytest.raises(ConfigError):
        lite(**settings)


@pytest.mark.parametrize("unfreeze", [0, 1, 15, "all", 10_000])
def test_exactly_the_last_layers_are_trained(unfreeze):
    model = lite(unfreeze=unfreeze)
    members = backbone_of(model).layers
    count = len(members) if unfreeze == "all" else min(unfreeze, len(members))
    assert [layer.trainable for layer in members] == [False] * (len(members) - count) + [True] * count
    trained = {id(v) for layer in members[len(members) - count :] for v in layer.trainable_variables}
    head = {id(v) for layer in model.layers[2:] for v in layer.trainable_variables}
    assert {id(v) for v in model.trainable_variables} == trained | head


def test_freezing_again_undoes_unfreezing():
    model = lite(unfreeze="all")
    set_trainable(model, 2)
    assert sum(layer.trainable for layer in backbone_of(model).layers) == 2
    set_trainable(model, "all")
    assert len(model.trainable_variables) == len(lite(unfreeze="all").trainable_variables)


def test_frozen_stochastic_depth_is_off_and_comes_back():
    model = build_model("efficientnetv2_b0", 32, 3, weights="none", unfreeze=0, dropout=0.4)
    depth = [layer for layer in backbone_of(model).layers if isinstance(layer, keras.layers.Dropout)]
    assert depth and all(layer.rate == 0 for layer in depth)
    set_trainable(model, "all")
    assert all(layer.rate > 0 for layer in depth)
    assert model.get_layer("head_dropout_0").rate == 0.4


def test_the_seed_alone_decides_the_weights():
    one = lite(seed=1)
    keras.random.uniform((3,))
    lite(seed=2)
    again = lite(seed=1)
    for a, b in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.get_weights()[0] != lite(seed=2).get_weights()[0]).any()


def test_uint8_and_float_pictures_give_the_same_probabilities(make_pictures):
    pictures = make_pictures(5)
    model = lite()
    ints = predict(model, pictures.read, pictures.ids)
    floats = predict(model, lambda ids: pictures.read(ids).astype(np.float32), pictures.ids)
    assert ints.dtype == np.float32
    np.testing.assert_allclose(ints, floats, atol=1e-6)


def test_saved_models_carry_no_optimizer_and_remember_what_was_frozen(tmp_path, make_pictures):
    pictures = make_pictures(5)
    model = lite(unfreeze=4)
    path = tmp_path / "deep" / "model.keras"
    save_model(model, path)
    loaded = load_model(path)
    assert not loaded.compiled
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    assert [layer.trainable for layer in backbone_of(loaded).layers[1:]].count(True) == 4
    np.testing.assert_array_equal(
        predict(model, pictures.read, pictures.ids), predict(loaded, pictures.read, pictures.ids)
    )
    assert [file.name for file in path.parent.iterdir()] == ["model.keras"]


def test_gem_is_the_cubic_mean_and_comes_back_from_disk(tmp_path):
    inputs = keras.Input((3, 3, 2))
    model = keras.Model(inputs, pool(inputs, "gem"))
    features = np.random.default_rng(0).uniform(-0.5, 2.0, (4, 3, 3, 2)).astype(np.float32)
    expected = (np.maximum(features, 1e-6).astype(np.float64) ** 3).mean(axis=(1, 2)) ** (1 / 3)
    np.testing.assert_allclose(np.asarray(model(features)), expected, rtol=1e-5)
    save_model(model, tmp_path / "gem.keras")
    np.testing.assert_allclose(np.asarray(load_model(tmp_path / "gem.keras")(features)), expected, rtol=1e-5)


@pytest.mark.parametrize("unfreeze", ["stage", "stage:-1", "last", -1])
def test_unfreezing_that_cannot_be_understood_is_refused(unfreeze):
    with pytest.raises(ConfigError, match="stage:2"):
        lite(unfreeze=unfreeze)


def test_features_can_be_dropped_before_the_class_layer():
    model = lite(layers=0, feature_dropout=0.4)
    assert head_names(model) == ["head_feature_dropout", "head_logits"]
    assert model.get_layer("head_feature_dropout").rate == 0.4
