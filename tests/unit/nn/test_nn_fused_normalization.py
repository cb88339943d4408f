import keras
import numpy as np
import pytest
from keras import layers as kl

from toolkit.nn.losses import build_loss
from toolkit.nn.runtime import compile_train_step

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fused kernel is TensorFlow's")


def network(**settings):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 3))
    x = kl.Conv2D(8, 3, use_bias=False)(inputs)
    x = kl.BatchNormalization(name="normalised", **settings)(x)
    x = kl.Conv2D(8, 3, strides=2)(kl.ReLU()(x))
    x = kl.BatchNormalization(name="frozen", trainable=False)(x)
    x = kl.GlobalAveragePooling2D()(kl.ReLU()(x))
    return keras.Model(inputs, kl.Dense(3, activation="softmax")(kl.BatchNormalization(name="vectors")(x)))


def batch():
    rng = np.random.default_rng(1)
    return rng.normal(size=(6, 12, 12, 3)).astype(np.float32), np.eye(3, dtype=np.float32)[np.arange(6) % 3]


@pytest.mark.parametrize("settings", [{}, {"scale": False}, {"center": False}, {"momentum": 0.5, "epsilon": 0.1}])
def test_a_step_changes_weights_and_averages_as_keras_own_does(settings):
    inputs, targets = batch()
    ours, stock = network(**settings), network(**settings)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(ours.trainable_variables)
    compile_train_step(ours, optimizer, build_loss("cross_entropy"))(inputs, targets, np.ones(6, np.float32))
    stock.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
    stock.train_on_batch(inputs, targets)
    start = network(**settings)
    for one, other, before in zip(ours.weights, stock.weights, start.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5, err_msg=one.path)
        assert "frozen" in one.path or not np.array_equal(one.numpy(), before.numpy()), one.path


def test_the_step_uses_the_fused_kernel_and_leaves_keras_as_it_was():
    inputs, targets = batch()
    model, stock = network(), kl.BatchNormalization.call
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    step = compile_train_step(model, optimizer, build_loss("cross_entropy"))
    graph = step.get_concrete_function(inputs, targets, np.ones(6, np.float32)).graph
    assert [node.type for node in graph.get_operations()].count("FusedBatchNormV3") == 1
    assert kl.BatchNormalization.call is stock
    kinds = {type(layer).__module__ for layer in model.layers}
    assert all(kind.startswith("keras.") for kind in kinds)
