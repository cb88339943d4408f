import keras
import pytest

from toolkit.nn.layer_decay import layer_scales


@pytest.fixture
def network():
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, name="first", use_bias=False)(inputs)
    x = keras.layers.BatchNormalization(name="first_norm")(x)
    x = keras.layers.DepthwiseConv2D(3, name="second")(keras.layers.ReLU()(x))
    body = keras.Model(inputs, keras.layers.Conv2D(8, 1, name="third")(x), name="body")
    pictures = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(body(pictures))
    x = keras.layers.Dense(5, name="head")(x)
    return keras.Model(pictures, keras.layers.Dense(3, activation="softmax", name="classes")(x))


def by_layer(model, decay):
    names = [variable.path.split("/")[-2] for variable in model.trainable_variables]
    return dict(zip(names, layer_scales(model, decay), strict=True))


def test_the_rate_falls_from_layer_to_layer_and_the_head_has_all_of_it(network):
    found = by_layer(network, 0.5)
    # A normalisation belongs to the convolution before it.
    assert found == {"first": 0.125, "first_norm": 0.125, "second": 0.25, "third": 0.5, "head": 1.0, "classes": 1.0}


def test_frozen_layers_change_no_other_layers_rate(network):
    network.layers[1].get_layer("first").trainable = False
    network.layers[1].get_layer("first_norm").trainable = False
    assert by_layer(network, 0.5) == {"second": 0.25, "third": 0.5, "head": 1.0, "classes": 1.0}


def test_without_a_backbone_of_its_own_the_last_layer_is_the_head():
    inputs = keras.Input((8,))
    x = keras.layers.Dense(4, name="one")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="two")(x))
    assert by_layer(model, 0.5) == {"one": 0.5, "two": 1.0}
