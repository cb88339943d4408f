import keras
import numpy as np
import pytest

from toolkit.nn.batch_statistics import renewed_batch_norm
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import build_model, set_trainable
from toolkit.nn.prediction import predict
from toolkit.nn.saving import load_model, save_model
from toolkit.nn.training import train


def normalizations(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def statistics(model):
    layer = normalizations(model)[0]
    return np.array(layer.moving_mean), np.array(layer.moving_variance)


def test_the_statistics_are_those_of_all_pictures_and_afterwards_the_models_own(small_model, make_pictures):
    pictures = make_pictures(40, 16).images
    model = small_model()
    before = model.get_weights()
    maps = np.asarray(model.layers[2](pictures.astype(np.float32) / 255))
    with renewed_batch_norm(model, [pictures[:32], pictures[32:]]) as changed:
        assert changed == 1
        mean, variance = statistics(model)
        np.testing.assert_allclose(mean, maps.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(variance, maps.var(axis=(0, 1, 2)), rtol=1e-3)
        np.testing.assert_array_equal(model.get_weights()[0], before[0])
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_share_mixes_them_with_those_of_training(small_model, make_pictures):
    pictures = make_pictures(16, 16).images
    model = small_model()
    found = [statistics(model)[1]]
    for share in (1.0, 0.25):
        with renewed_batch_norm(model, [pictures], share=share):
            found.append(statistics(model)[1])
    old, new, between = found
    np.testing.assert_allclose(between, 0.75 * old + 0.25 * new, rtol=1e-4)


def test_frozen_layers_and_networks_without_normalisation_are_left_alone(small_model, make_pictures):
    pictures = make_pictures(8, 16).images
    frozen = small_model()
    normalizations(frozen)[0].trainable = False
    inputs = keras.Input((16, 16, 3))
    none = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    for model in (frozen, none):
        before = model.get_weights()
        with renewed_batch_norm(model, [pictures]) as changed:
            assert changed == 0
            assert all(map(np.array_equal, model.get_weights(), before))


def test_statistics_of_tinted_pictures_win_back_what_the_tint_costs(small_model, make_pictures):
    training, test = make_pictures(96, 16), make_pictures(96, 16, seed=1)
    data = Feeder.of_images(training.read, training.ids, training.labels, n_classes=3, batch_size=16)
    model = small_model()
    train(model, data, epochs=12, learning_rate=0.03)

    def tinted(names):
        return (test.read(names) * 0.5 + np.array([120, 0, 0])).astype(np.uint8)

    def accuracy():
        return (predict(model, tinted, test.ids).argmax(axis=1) == test.labels).mean()

    plain = accuracy()
    assert plain < 0.75
    # What is compiled already reads the new statistics.
    with renewed_batch_norm(model, [tinted(test.ids[:48]), tinted(test.ids[48:])]) as changed:
        assert changed == 1
        assert accuracy() > plain + 0.15
    assert accuracy() == plain


@pytest.mark.parametrize("unfreeze", [0, "all"])
def test_a_saved_model_of_ours_keeps_what_was_frozen_frozen(tmp_path, make_pictures, unfreeze):
    pictures = make_pictures(12, 32).images
    model = build_model("efficientnet_lite0", 32, 3, weights="none", layers=1, units=(8,), batch_norm=True, seed=1)
    set_trainable(model, unfreeze)
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    before = loaded.layers[1].get_weights()
    with renewed_batch_norm(loaded, [pictures]) as changed:
        assert changed == (1 if unfreeze == 0 else 50)
        same = [np.array_equal(*pair) for pair in zip(before, loaded.layers[1].get_weights(), strict=True)]
    assert all(same) == (unfreeze == 0)
