import keras
import numpy as np
import pytest

from toolkit.errors import TrainingError
from toolkit.nn.feeding import Feeder
from toolkit.nn.memory import smaller_batches
from toolkit.nn.runtime import out_of_memory
from toolkit.nn.training import Validation, train


class Hungry(keras.layers.Layer):
    """Needs 4 · 2^(bits · batch) bytes of memory in training: at 48 bits no machine has them."""

    def __init__(self, bits, **settings):
        super().__init__(**settings)
        self.bits = bits

    def call(self, inputs, training=False):
        if not training or inputs.shape[0] is None:
            return inputs
        eaten = keras.ops.ones((2 ** min(48, self.bits * inputs.shape[0]),), "float32")
        return inputs + 0.0 * keras.ops.max(eaten) * keras.ops.cast(keras.ops.max(inputs), "float32")


def hungry_model(bits):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    x = Hungry(bits)(keras.layers.Dense(8, activation="relu")(x))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


@pytest.fixture
def feed(make_pictures):
    pictures = make_pictures(40, 16)

    def build(size, accumulate=1):
        return Feeder.of_images(
            pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=size, accumulate=accumulate
        )

    return build, Validation(pictures.read, pictures.ids, pictures.labels)


def test_when_memory_runs_out_smaller_batches_make_the_same_steps(feed, tmp_path):
    build, judges = feed
    settings = {"epochs": 3, "learning_rate": 0.02, "ema": 0.9, "schedule": "cosine"}
    notes = []
    model = hungry_model(6)
    history = train(model, build(8), judges, on_note=notes.append, **settings)
    assert len(notes) == 1
    assert "epoch 1 with batches of 8" in notes[0]
    assert "`train.batch_size` to 4 and `train.accumulate` to 2" in notes[0]
    assert [(record.batch_size, record.accumulate) for record in history.records] == [(4, 2)] * 3
    expected = hungry_model(6)
    small = train(expected, build(4, 2), judges, **settings)
    np.testing.assert_allclose([r.loss for r in history.records], [r.loss for r in small.records], rtol=1e-5)
    assert [r.learning_rate for r in history.records] == [r.learning_rate for r in small.records]
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_resumed_training_keeps_the_batches_that_fitted(feed, tmp_path):
    build, judges = feed

    class StoppedError(Exception):
        pass

    def stop(record):
        raise StoppedError

    settings = {"epochs": 3, "checkpoint_dir": tmp_path}
    with pytest.raises(StoppedError):
        train(hungry_model(6), build(8), judges, on_epoch=stop, **settings)
    notes = []
    history = train(hungry_model(6), build(8), judges, on_note=notes.append, **settings)
    assert notes == []
    assert [record.batch_size for record in history.records] == [4, 4, 4]


@pytest.mark.slow
def test_memory_that_does_not_suffice_for_one_picture_is_an_error_that_says_what_to_do(feed):
    notes = []
    with pytest.raises(TrainingError, match=r"a batch of one picture.*`model\.backbone`"):
        train(hungry_model(48), feed[0](4), epochs=1, on_note=notes.append)
    assert len(notes) == 2


@pytest.mark.parametrize(("size", "smaller"), [(32, 16), (30, 15), (15, 5), (5, 1), (2, 1)])
def test_batches_are_cut_into_equal_parts(feed, size, smaller):
    data = smaller_batches(feed[0](size, 2))
    assert data.batch_size == smaller
    assert data.batch_size * data.accumulate == size * 2


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert out_of_memory(MemoryError())
    assert not out_of_memory(ValueError("RESOURCE_EXHAUSTED"))
    assert not out_of_memory(TrainingError("loss"))
