from dataclasses import astuple

import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError, TrainingError
from toolkit.nn.feeding import Feeder
from toolkit.nn.losses import class_weights
from toolkit.nn.prediction import predict
from toolkit.nn.training import Validation, train


@pytest.fixture
def data(make_pictures):
    pictures, judges = make_pictures(60, 16), make_pictures(30, 16, seed=1)
    feeder = Feeder.of_images(pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=16)
    return feeder, Validation(judges.read, judges.ids, judges.labels)


def test_training_learns_and_reports_every_epoch(small_model, data, tmp_path):
    progress, seen = [], []
    history = train(
        small_model(), *data, epochs=15, optimizer="adam", learning_rate=0.05, schedule="cosine",
        on_epoch=seen.append, on_progress=lambda *steps: progress.append(steps),
    )  # fmt: skip
    assert history.best.val_accuracy > 0.9
    assert history.records[-1].loss < history.records[0].loss
    assert list(history.records) == seen
    assert progress == [(step, 60) for step in range(1, 61)]
    history.save(tmp_path / "history.csv")
    header, first, *_ = (tmp_path / "history.csv").read_text().splitlines()
    assert header == (
        "epoch,phase,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds,images_per_second,batch_size,accumulate"
    )
    assert first.startswith("1,training,")


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_the_best_epoch_is_put_back(small_model, data, monitor):
    model = small_model()
    history = train(model, *data, epochs=6, optimizer="sgd", learning_rate=3.0, monitor=monitor)
    values = [getattr(record, monitor) for record in history.records]
    best = int(np.argmin(values) if monitor == "val_loss" else np.argmax(values))
    assert history.best_epoch == best + 1
    judges = data[1]
    accuracy = (predict(model, judges.read, judges.image_ids).argmax(axis=1) == judges.labels).mean()
    assert accuracy == pytest.approx(history.best.val_accuracy)


def test_early_stopping_counts_epochs_without_improvement(small_model, data):
    model = small_model()
    history = train(model, *data, epochs=50, optimizer="sgd", learning_rate=3.0, early_stopping=2)
    assert history.stopped_early
    assert len(history.records) == history.best_epoch + 2


def test_a_caller_can_stop_training_after_an_epoch(small_model, data):
    history = train(small_model(), *data, epochs=50, should_stop=lambda record: record.epoch == 3)
    assert len(history.records) == 3
    assert history.stopped_early


def test_without_validation_the_last_epoch_counts(small_model, data):
    history = train(small_model(), data[0], epochs=3, early_stopping=1)
    assert history.best_epoch == len(history.records) == 3


def test_the_loss_is_the_weighted_cross_entropy_of_the_formula(small_model, make_pictures):
    pictures = make_pictures(9, 16)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2])
    feeder = Feeder.of_images(pictures.read, pictures.ids, labels, n_classes=3, batch_size=9)
    weights = class_weights(np.bincount(labels), "log")
    model = small_model()
    rows = feeder.order(0)[0]
    probabilities = np.asarray(model(pictures.images[rows], training=True))
    smooth = np.eye(3)[labels[rows]] * 0.9 + 0.1 / 3
    expected = -(weights[labels[rows]] * (smooth * np.log(probabilities)).sum(axis=1)).mean()
    history = train(small_model(), feeder, epochs=1, class_weight=weights, label_smoothing=0.1)
    assert history.records[0].loss == pytest.approx(expected, rel=1e-4)


def test_frozen_layers_do_not_move(small_model, data):
    model = small_model()
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    norm.trainable = False
    before = [value.copy() for value in norm.get_weights()]
    train(model, *data, epochs=2, optimizer="lion", learning_rate=0.01)
    for one, other in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loss_that_is_not_a_number_names_epoch_step_and_learning_rate(small_model, make_pictures):
    pictures = make_pictures(40, 16)
    labels = np.eye(3, dtype=np.float32)[pictures.labels]
    labels[39] = np.nan
    feeder = Feeder.of_images(pictures.read, pictures.ids, labels, n_classes=3, batch_size=8)
    step = int(np.argmax((feeder.order(0) == 39).any(axis=1))) + 1
    with pytest.raises(TrainingError, match=rf"epoch 1, step {step}, at a learning rate of 0\.001"):
        train(small_model(), feeder, epochs=3)


def test_unknown_monitors_are_refused(small_model, data):
    with pytest.raises(ConfigError, match="val_loss or val_accuracy"):
        train(small_model(), *data, epochs=1, monitor="val_f1")


class StoppedError(Exception):
    pass


def stop_after(epoch):
    def on_epoch(record):
        if record.epoch == epoch:
            raise StoppedError

    return on_epoch


def test_an_interrupted_training_goes_on_where_it_was(small_model, data, tmp_path):
    settings = {"epochs": 5, "optimizer": "adam", "learning_rate": 0.05, "checkpoint_dir": tmp_path / "state"}
    with pytest.raises(StoppedError):
        train(small_model(dropout=0.5), *data, **settings, on_epoch=stop_after(2))
    done = []
    resumed = small_model(seed=9, dropout=0.5)  # its own start must not matter
    history = train(resumed, *data, **settings, on_epoch=lambda record: done.append(record.epoch))
    assert done == [3, 4, 5]
    straight = small_model(dropout=0.5)
    expected = train(straight, *data, **(settings | {"checkpoint_dir": None}))
    np.testing.assert_allclose(
        [astuple(record)[2:6] for record in history.records],
        [astuple(record)[2:6] for record in expected.records],
        rtol=1e-3,
    )


def test_a_finished_training_is_not_repeated(small_model, data, tmp_path):
    settings = {"epochs": 3, "checkpoint_dir": tmp_path / "state"}
    first = small_model()
    history = train(first, *data, **settings)
    again = small_model(seed=5)
    assert train(again, *data, **settings, on_epoch=stop_after(1)) == history
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_state_of_other_settings_is_not_taken_up(small_model, data, tmp_path):
    with pytest.raises(StoppedError):
        train(small_model(), *data, epochs=4, checkpoint_dir=tmp_path / "state", on_epoch=stop_after(2))
    history = train(small_model(), *data, epochs=3, checkpoint_dir=tmp_path / "state")
    assert [record.epoch for record in history.records] == [1, 2, 3]


def test_a_damaged_state_means_starting_anew(small_model, data, tmp_path):
    folder = tmp_path / "state"
    with pytest.raises(StoppedError):
        train(small_model(), *data, epochs=3, checkpoint_dir=folder, on_epoch=stop_after(2))
    next(folder.glob("state-*.npz")).write_bytes(b"rubbish")
    assert len(train(small_model(), *data, epochs=3, checkpoint_dir=folder).records) == 3


def test_only_the_newest_state_is_kept(small_model, data, tmp_path):
    with pytest.raises(StoppedError):
        train(small_model(), *data, epochs=4, checkpoint_dir=tmp_path, on_epoch=stop_after(3))
    assert len(list(tmp_path.glob("state-*"))) == len(list(tmp_path.glob("best-*"))) == 1
