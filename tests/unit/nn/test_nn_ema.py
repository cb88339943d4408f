import keras
import numpy as np
import pytest

from toolkit.nn.ema import WeightAverage
from toolkit.nn.feeding import Feeder
from toolkit.nn.prediction import predict
from toolkit.nn.training import Validation, train


def test_the_average_is_the_formula_with_a_warm_up(small_model):
    model = small_model()
    average = WeightAverage(model, 0.5)
    live = model.trainable_variables[0]
    expected, rng = np.array(live), np.random.default_rng(0)
    for step in range(20):
        live.assign(rng.normal(size=live.shape))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * np.array(live)
    np.testing.assert_allclose(np.array(average.variables[0]), expected, rtol=1e-5, atol=1e-6)


def test_within_the_block_the_model_has_the_averages_and_afterwards_its_own(small_model):
    model = small_model()
    average = WeightAverage(model, 0.9)
    before = [value.copy() for value in model.get_weights()]
    for variable in average.variables:
        variable.assign(np.asarray(variable) + 1.0)
    with average.in_place():
        for one, other in zip(model.get_weights(), before, strict=True):
            np.testing.assert_allclose(one, other + 1.0, rtol=1e-6)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_frozen_layers_are_not_averaged(small_model):
    model = small_model(dropout=0.5)
    assert len(WeightAverage(model, 0.9).variables) == 7  # kernel; scale, offset, mean, variance; kernel, bias
    next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)).trainable = False
    assert len(WeightAverage(model, 0.9).variables) == 3


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_averaged_weights_are_judged_and_kept(small_model, make_pictures, accumulate):
    pictures = make_pictures(32, 16)
    data = Feeder.of_images(
        pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=8, accumulate=accumulate
    )
    judges = Validation(pictures.read, pictures.ids, pictures.labels)
    model = small_model()
    # Rates so high that the last weights jump about: their average is another network.
    history = train(model, data, judges, epochs=4, optimizer="sgd", learning_rate=2.0, ema=0.95)
    plain = train(small_model(), data, judges, epochs=4, optimizer="sgd", learning_rate=2.0)
    assert history.records[0].loss == pytest.approx(plain.records[0].loss, rel=1e-4)
    assert history.records[0].val_loss != pytest.approx(plain.records[0].val_loss, rel=1e-2)
    probabilities = predict(model, judges.read, judges.image_ids)
    truth = probabilities[np.arange(32), pictures.labels]
    assert -np.log(truth).mean() == pytest.approx(history.best.val_loss, rel=1e-4)
