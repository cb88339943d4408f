import keras
import numpy as np
import pytest

from toolkit.nn.backbones import build_backbone
from toolkit.nn.caching import cache_activations
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import add_head, build_model, pool
from toolkit.nn.prediction import predict
from toolkit.nn.runtime import compile_forward
from toolkit.nn.splitting import build_trial_model, copy_trial_weights, split_at
from toolkit.nn.training import Validation, train

HEAD = {"layers": 2, "units": (32, 16), "dropout": (0.3, 0.2), "seed": 7}


@pytest.fixture(scope="module")
def body():
    return build_backbone("efficientnet_lite0", 64)


@pytest.mark.parametrize("unfreeze", [1, 3, 8, 15, 40, "all"])
def test_the_two_parts_together_are_the_backbone(body, make_pictures, unfreeze):
    pictures = make_pictures(4, 64)
    cut = split_at(body, unfreeze)
    found = compile_forward(cut.suffix)(compile_forward(cut.prefix)(pictures.images))
    np.testing.assert_allclose(found, compile_forward(body)(pictures.images), atol=1e-5)


def test_a_cut_through_a_block_carries_its_skip_connection(body):
    # The last 11 layers begin after the addition of a block: one tensor; the last 15 begin inside it: two.
    assert len(split_at(body, 11).prefix.outputs) == 1
    assert len(split_at(body, 15).prefix.outputs) == 2


@pytest.mark.parametrize("pooling", ["avg", "max", "flatten"])
def test_without_unfrozen_layers_the_prefix_ends_in_pooled_features(body, pooling):
    cut = split_at(body, 0, pooling)
    assert cut.suffix is None
    assert cut.prefix.output_shape == (None, 1280 * (4 if pooling == "flatten" else 1))


def test_cutting_leaves_the_backbone_as_it_was(body, make_pictures):
    weights = [value.copy() for value in body.get_weights()]
    trial = build_trial_model(split_at(body, 8), 3, **HEAD)
    for variable in trial.trainable_variables:
        variable.assign(variable * 2)
    for before, after in zip(weights, body.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    split_at(body, 8)


def test_trials_of_one_cut_start_equal_and_do_not_share_weights(body):
    cut = split_at(body, 8)
    one, other = build_trial_model(cut, 3, **HEAD), build_trial_model(cut, 3, **HEAD)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not {id(v) for v in one.variables} & {id(v) for v in other.variables}


# Normalising over 8 pictures magnifies rounding: float16 is near only where nothing of the backbone is trained.
@pytest.mark.parametrize(
    ("unfreeze", "tolerances"), [(0, {"float32": 1e-3, "float16": 1e-2}), (15, {"float32": 1e-3})], ids=["0", "15"]
)
def test_a_cached_trial_trains_as_the_whole_network_does(body, make_pictures, unfreeze, tolerances):
    pictures, judges = make_pictures(24, 64), make_pictures(12, 64, seed=1)
    settings = {"epochs": 3, "optimizer": "sgd", "learning_rate": 0.01, "class_weight": np.float32([1, 2, 3])}
    feed = {"n_classes": 3, "batch_size": 8, "seed": 4}
    whole = build_model("efficientnet_lite0", 64, 3, unfreeze=unfreeze, **HEAD)
    images = Feeder.of_images(pictures.read, pictures.ids, pictures.labels, **feed)
    expected = train(whole, images, Validation(judges.read, judges.ids, judges.labels), **settings)

    cut = split_at(body, unfreeze)
    for dtype, tolerance in tolerances.items():
        cached = cache_activations(cut.prefix, pictures.read, pictures.ids, dtype=dtype, batch_size=8)
        judged = cache_activations(cut.prefix, judges.read, judges.ids, dtype=dtype, batch_size=8)
        trial = build_trial_model(cut, 3, **HEAD)
        activations = Feeder(cached.load, pictures.ids, pictures.labels, **feed)
        found = train(trial, activations, Validation(judged.read, judges.ids, judges.labels), **settings)
        for one, other in zip(found.records, expected.records, strict=True):
            assert one.loss == pytest.approx(other.loss, abs=tolerance)
            assert one.val_loss == pytest.approx(other.val_loss, abs=tolerance)

    fresh = build_model("efficientnet_lite0", 64, 3, **(HEAD | {"seed": 99}))
    copy_trial_weights(trial, cut, fresh)
    np.testing.assert_allclose(
        predict(fresh, judges.read, judges.ids), predict(trial, judged.read, judges.ids), atol=1e-2
    )


def unnamed_body(seed):
    """A backbone whose layers Keras numbers anew each time, as it does InceptionV3's."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(4, 3, strides=4)(keras.layers.Rescaling(1 / 255)(inputs))
    y = keras.layers.Conv2D(4, 3, padding="same")(keras.layers.BatchNormalization()(x))
    return keras.Model(inputs, keras.layers.ReLU()(x + 2.0 * y))  # additions and products that are no layers


def test_networks_with_unnamed_layers_and_plain_operations_can_be_cut_and_filled(make_pictures):
    pictures = make_pictures(3, 64)
    stock = unnamed_body(0)
    stock.trainable = False  # trials train what lies behind the cut, whatever the backbone was set to
    cut = split_at(stock, 3)
    assert [layer.name for layer in cut.suffix.layers if layer.weights] == list(cut.layer_names[3:5])
    trial = build_trial_model(cut, 3, **HEAD)
    assert (
        len(trial.trainable_variables) == len(build_trial_model(split_at(stock, 0), 3, **HEAD).trainable_variables) + 4
    )
    for variable in trial.trainable_variables:
        variable.assign(variable + 0.1)

    inputs = keras.Input((64, 64, 3))
    outputs = add_head(pool(unnamed_body(1)(inputs), "avg"), 3, 2, (32, 16), 0.0, "relu", True, seed=1)
    whole = keras.Model(inputs, outputs)
    copy_trial_weights(trial, cut, whole)
    crossing = compile_forward(cut.prefix)(pictures.images)
    np.testing.assert_allclose(
        compile_forward(trial)(crossing), compile_forward(whole)(pictures.images), rtol=1e-4, atol=1e-5
    )
