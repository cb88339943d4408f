import csv

import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.nn.checkpoint import snapshot
from toolkit.nn.feeding import Feeder
from toolkit.nn.recipe import Recipe
from toolkit.nn.training import Validation, train


@pytest.fixture
def fed(make_pictures):
    pictures = make_pictures(24, 16)
    data = Feeder.of_images(pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=8)
    return data, Validation(pictures.read, pictures.ids, pictures.labels)


def test_the_mean_of_the_last_epochs_is_kept_with_statistics_that_fit_it(small_model, fed):
    data, judges = fed
    model, after = small_model(), []
    history = train(
        model, data, judges, epochs=4, learning_rate=0.05, average_last=2,
        on_epoch=lambda record: after.append(snapshot(model.trainable_variables)),
    )  # fmt: skip
    assert history.best_epoch == 4
    plain, each = small_model(), []
    train(
        plain, data, judges, epochs=4, learning_rate=0.05,
        on_epoch=lambda record: each.append(snapshot(plain.trainable_variables)),
    )  # fmt: skip
    for kept, third, fourth in zip(model.trainable_variables, each[2], each[3], strict=True):
        np.testing.assert_allclose(np.asarray(kept), (third + fourth) / 2, rtol=1e-4, atol=1e-6)
    # The first layer's input to the normalisation, over all pictures, by hand.
    convolution, normalization = model.layers[2], model.layers[3]
    maps = np.asarray(convolution(judges.read(judges.image_ids).astype(np.float32) / 255))
    np.testing.assert_allclose(np.asarray(normalization.moving_mean), maps.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.asarray(normalization.moving_variance), maps.var(axis=(0, 1, 2)), rtol=1e-3)


def test_an_interrupted_training_averages_the_same_epochs(small_model, fed, tmp_path):
    data, judges = fed
    straight = small_model()
    train(straight, data, judges, epochs=3, learning_rate=0.05, average_last=2)

    def stop(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    settings = {"epochs": 3, "learning_rate": 0.05, "average_last": 2, "checkpoint_dir": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        train(small_model(), data, judges, on_epoch=stop, **settings)
    resumed = small_model()
    train(resumed, data, judges, **settings)
    for one, other in zip(straight.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_training_stopped_before_the_last_epochs_keeps_its_best_one(small_model, fed, tmp_path):
    data, judges = fed
    stopped = train(
        small_model(), data, judges, epochs=9, average_last=2, should_stop=lambda record: record.epoch == 2
    )  # fmt: skip
    stopped.save(tmp_path / "history.csv")
    with (tmp_path / "history.csv").open() as stream:
        losses = [float(row["val_loss"]) for row in csv.DictReader(stream)]
    assert stopped.best_epoch == 1 + int(np.argmin(losses))


@pytest.mark.parametrize("other", [{"ema": 0.9}, {"early_stopping": 3}])
def test_two_ideas_of_the_last_weights_are_refused(other):
    with pytest.raises(ConfigError, match="average_last"):
        Recipe(average_last=3, **other)
