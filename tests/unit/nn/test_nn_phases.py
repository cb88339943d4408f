import keras
import numpy as np
import pytest

from toolkit.nn.feeding import Feeder
from toolkit.nn.phases import Phase, train_phases
from toolkit.nn.training import Validation


@pytest.fixture
def setting(small_model, make_pictures):
    pictures = make_pictures(40, 16)
    model = small_model()
    body = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.BatchNormalization)]

    def prepare(trainable):
        def set_body():
            for layer in body:
                layer.trainable = trainable

        return set_body

    def feed(size):
        return Feeder.of_images(pictures.read, pictures.ids, pictures.labels, n_classes=3, batch_size=size)

    phases = [
        Phase("transfer", feed(20), 3, prepare(False), {"learning_rate": 0.05}),
        Phase("fine-tuning", feed(8), 2, prepare(True)),
    ]
    return model, body, phases, Validation(pictures.read, pictures.ids, pictures.labels)


def test_the_head_is_trained_first_and_then_everything(setting, tmp_path):
    model, body, phases, judges = setting
    before = [value.copy() for layer in body for value in layer.get_weights()]
    seen = {}

    def on_epoch(record):
        values = [value for layer in body for value in layer.get_weights()]
        seen[record.epoch] = all(np.array_equal(*pair) for pair in zip(before, values, strict=True))

    steps = []
    history = train_phases(
        model, phases, judges, learning_rate=0.01, on_epoch=on_epoch, on_progress=lambda *pair: steps.append(pair)
    )
    assert seen == {1: True, 2: True, 3: True, 4: False, 5: False}
    assert [record.phase for record in history.records] == ["transfer"] * 3 + ["fine-tuning"] * 2
    assert [record.epoch for record in history.records] == [1, 2, 3, 4, 5]
    assert [record.batch_size for record in history.records] == [20] * 3 + [8] * 2
    assert history.records[0].learning_rate == 0.05
    assert history.records[-1].learning_rate == 0.01
    assert history.best.phase == "fine-tuning"
    assert steps == [(done, 16) for done in range(1, 17)]
    history.save(tmp_path / "history.csv")
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["phase"] + ["transfer"] * 3 + ["fine-tuning"] * 2


def test_fine_tuning_starts_from_the_best_transfer_epoch_and_other_orders_of_pictures(setting):
    model, _, phases, judges = setting
    orders = []

    def load(names, epoch):
        orders.append((epoch, tuple(names)))
        return judges.read(names)

    recorded = [
        Phase(p.name, Feeder(load, p.data.image_ids, p.data.labels, 3, 8, workers=1), p.epochs, p.prepare)
        for p in phases
    ]
    train_phases(model, recorded, judges)
    assert sorted({epoch for epoch, _ in orders}) == [0, 1, 2, 3, 4]
