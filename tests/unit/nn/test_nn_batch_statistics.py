import keras
import numpy as np
import pytest

from toolkit.nn.batch_statistics import reestimate_batch_norm
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import build_model, set_trainable
from toolkit.nn.prediction import predict
from toolkit.nn.saving import load_model, save_model
from toolkit.nn.training import train


def normalizations(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def test_the_statistics_are_those_of_all_pictures_and_the_model_itself_is_not_changed(small_model, make_pictures):
    pictures = make_pictures(40, 16).images
    model = small_model()
    before = model.get_weights()
    copy, changed = reestimate_batch_norm(model, [pictures[:32], pictures[32:]])
    assert changed == 1
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    maps = np.asarray(model.layers[2](pictures.astype(np.float32) / 255))
    layer = normalizations(copy)[0]
    np.testing.assert_allclose(np.asarray(layer.moving_mean), maps.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(np.asarray(layer.moving_variance), maps.var(axis=(0, 1, 2)), rtol=1e-3)
    np.testing.assert_array_equal(copy.get_weights()[0], before[0])


def test_a_share_mixes_them_with_those_of_training(small_model, make_pictures):
    pictures = make_pictures(16, 16).images
    model = small_model()
    whole, _ = reestimate_batch_norm(model, [pictures])
    mixed, _ = reestimate_batch_norm(model, [pictures], share=0.25)
    old, new, between = (np.asarray(normalizations(each)[0].moving_variance) for each in (model, whole, mixed))
    np.testing.assert_allclose(between, 0.75 * old + 0.25 * new, rtol=1e-4)


def test_frozen_layers_and_networks_without_normalisation_are_left_alone(small_model, make_pictures):
    pictures = make_pictures(8, 16).images
    frozen = small_model()
    normalizations(frozen)[0].trainable = False
    assert reestimate_batch_norm(frozen, [pictures]) == (frozen, 0)
    inputs = keras.Input((16, 16, 3))
    none = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    assert reestimate_batch_norm(none, [pictures]) == (none, 0)


def test_statistics_of_tinted_pictures_win_back_what_the_tint_costs(small_model, make_pictures):
    training, test = make_pictures(96, 16), make_pictures(96, 16, seed=1)
    data = Feeder.of_images(training.read, training.ids, training.labels, n_classes=3, batch_size=16)
    model = small_model()
    train(model, data, epochs=12, learning_rate=0.03)

    def tinted(names):
        return (test.read(names) * 0.5 + np.array([120, 0, 0])).astype(np.uint8)

    def accuracy(network):
        return (predict(network, tinted, test.ids).argmax(axis=1) == test.labels).mean()

    adapted, changed = reestimate_batch_norm(model, [tinted(test.ids[:48]), tinted(test.ids[48:])])
    assert changed == 1
    assert accuracy(model) < 0.75
    assert accuracy(adapted) > accuracy(model) + 0.15


@pytest.mark.parametrize("unfreeze", [0, "all"])
def test_a_saved_model_of_ours_keeps_what_was_frozen_frozen(tmp_path, make_pictures, unfreeze):
    pictures = make_pictures(12, 32).images
    model = build_model("efficientnet_lite0", 32, 3, weights="none", layers=1, units=(8,), batch_norm=True, seed=1)
    set_trainable(model, unfreeze)
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    copy, changed = reestimate_batch_norm(loaded, [pictures])
    assert changed == (1 if unfreeze == 0 else 50)
    same = [
        np.array_equal(one, other)
        for one, other in zip(loaded.layers[1].get_weights(), copy.layers[1].get_weights(), strict=True)
    ]
    assert all(same) == (unfreeze == 0)
