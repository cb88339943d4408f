import keras
import numpy as np
import pytest

from toolkit.config import Config
from toolkit.nn.backbones import build_backbone
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import backbone_of, build_model
from toolkit.nn.phases import train_phases
from toolkit.nn.splitting import build_trial_model, split_at
from toolkit.steps.networks import training_phases, training_settings

TRANSFER = {"epochs": 1, "batch_size": 6, "learning_rate": 0.01}


def config(**train):
    return Config(data={"source": "pictures"}, train={"epochs": 1, "batch_size": 4, **train})


def trained_layers(model):
    return sum(bool(layer.trainable_variables) for layer in backbone_of(model).layers)


def test_one_phase_leaves_the_layers_as_they_are(make_pictures):
    pictures = make_pictures(8)
    data = Feeder.of_images(pictures.read, pictures.ids, pictures.labels, n_classes=3)
    (phase,) = training_phases(config(accumulate=2), keras.Sequential([keras.layers.Dense(3)]), data, 7, 15)
    assert (phase.name, phase.epochs, phase.data.batch_size, phase.data.accumulate) == ("training", 7, 4, 2)


@pytest.mark.parametrize("cached", [False, True])
def test_transfer_freezes_the_backbone_and_fine_tuning_frees_its_last_layers(make_pictures, cached):
    pictures = make_pictures(12)
    settings = config(transfer=TRANSFER, layer_decay=0.9, ema=0.9)
    if cached:
        cut = split_at(build_backbone("efficientnet_lite0", 32, "none"), 8)
        model, unfreeze = build_trial_model(cut, 3, layers=0), "all"

        def read(names):
            return np.asarray(cut.prefix(pictures.read(names)))
    else:
        model, unfreeze = build_model("efficientnet_lite0", 32, 3, weights="none", layers=0, unfreeze=8), 8
        read = pictures.read
    data = Feeder(lambda names, epoch: read(names), pictures.ids, pictures.labels, 3)
    counts, body = [], [np.array(value) for value in backbone_of(model).get_weights()]
    same = []

    def on_epoch(record):
        counts.append((record.phase, trained_layers(model) > 0, record.batch_size))
        pairs = zip(body, backbone_of(model).get_weights(), strict=True)
        same.append(all(np.array_equal(*pair) for pair in pairs))

    phases = training_phases(settings, model, data, 1, unfreeze)
    train_phases(model, phases, on_epoch=on_epoch, **training_settings(settings, np.array([4, 4, 4])))
    assert counts == [("transfer", False, 6), ("fine-tuning", True, 4)]
    assert same == [True, False]


@pytest.mark.parametrize("how", ["none", "balanced", "log", "effective"])
def test_balanced_sampling_leaves_nothing_to_the_class_weights(how):
    found = training_settings(config(sampling="balanced", class_weight=how), np.array([90, 9, 0, 1]))
    np.testing.assert_allclose(found["class_weight"], 1.0, rtol=1e-6)
    explicit = training_settings(config(sampling="balanced", class_weight=(1, 2, 3, 4)), np.array([90, 9, 0, 1]))
    np.testing.assert_array_equal(explicit["class_weight"], [1, 2, 3, 4])
