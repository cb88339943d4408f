"""What every backbone must do, whatever its family: `make test` covers the smallest of each, the rest are slow."""

import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.nn import runtime
from toolkit.nn.backbones import BACKBONES, build_backbone
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import backbone_of, build_model, set_trainable
from toolkit.nn.prediction import predict
from toolkit.nn.runtime import compile_forward
from toolkit.nn.saving import load_model, save_model
from toolkit.nn.splitting import split_at
from toolkit.nn.stages import stage_starts
from toolkit.nn.training import train

FAST = ("efficientnet_lite0", "mobilenet_v3_small", "efficientnetv2_b0", "convnext_tiny", "tiny_vgg", "vit")
NAMES = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in BACKBONES]
K = 4


@pytest.fixture(scope="module", autouse=True)
def keras_started():
    runtime.setup()
    yield
    runtime.release()


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def size(name):
    """The smaller of the sizes in use that the architecture takes."""
    return 64 if BACKBONES[name].min_size <= 64 else 96


@pytest.fixture(scope="module")
def model(name, size):
    yield build_model(name, size, K, weights="none", units=(16,), unfreeze=0)
    runtime.release()


@pytest.fixture(scope="module")
def pictures(size):
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), np.uint8)
    ids = [str(number) for number in range(4)]
    return images, ids, lambda names: images[[int(name) for name in names]]


def test_it_predicts_probabilities_and_comes_back_from_disk_the_same(model, pictures, tmp_path):
    _, ids, read = pictures
    probabilities = predict(model, read, ids)
    assert probabilities.shape == (4, K)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    save_model(model, tmp_path / "model.keras")
    np.testing.assert_allclose(predict(load_model(tmp_path / "model.keras"), read, ids), probabilities, atol=1e-5)
    (tmp_path / "model.keras").unlink()  # the largest take more than a gigabyte


def test_its_last_layers_unfreeze_by_count(model):
    members = backbone_of(model).layers
    head = len([v for layer in model.layers[2:] for v in layer.trainable_variables])
    for count in (0, 3, 15, len(members)):
        set_trainable(model, count)
        behind = members[len(members) - count :]
        assert len(model.trainable_variables) == head + sum(len(layer.trainable_variables) for layer in behind)
        assert not any(layer.trainable_variables for layer in members[: len(members) - count])
    set_trainable(model, "all")
    assert len(model.trainable_variables) == head + sum(len(layer.trainable_variables) for layer in members)


def test_its_last_stages_unfreeze(model):
    body = backbone_of(model)
    starts = stage_starts(body)
    assert len(starts) >= 3
    for start, end in zip(starts, [*starts[1:], len(body.layers)], strict=True):
        assert any(layer.weights for layer in body.layers[start:end])
    for count in range(len(starts) + 2):
        set_trainable(model, f"stage:{count}")
        first = len(body.layers) if count == 0 else starts[max(0, len(starts) - count)]
        assert [layer.trainable for layer in body.layers] == [n >= first for n in range(len(body.layers))]


def test_normalisation_of_frozen_layers_keeps_its_averages_and_that_of_trained_ones_moves(model, pictures):
    images, *_ = pictures
    body = backbone_of(model)
    norms = [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]
    set_trainable(model, "stage:1")
    before = [np.asarray(norm.moving_mean).copy() for norm in norms]
    body(images.astype(np.float32), training=True)
    for norm, mean in zip(norms, before, strict=True):
        assert (np.asarray(norm.moving_mean) != mean).any() == norm.trainable


def test_it_builds_at_96_pixels_or_says_why_not(name):
    assert build_backbone(name, 96, "none").output_shape[0] is None
    if BACKBONES[name].min_size > 64:
        with pytest.raises(ConfigError, match="64"):
            build_backbone(name, 64, "none")


def test_one_step_trains_what_is_unfrozen_and_nothing_else(model, pictures):
    _, ids, read = pictures
    set_trainable(model, 6)
    members = backbone_of(model).layers
    frozen, behind = members[:-6], members[-6:]
    before = [value.copy() for layer in frozen for value in layer.get_weights()]
    last = [value.copy() for layer in behind for value in layer.get_weights()]
    feeder = Feeder.of_images(read, ids, np.arange(4) % K, n_classes=K, batch_size=4)
    train(model, feeder, epochs=1, optimizer="sgd", learning_rate=0.1)
    after = [value for layer in frozen for value in layer.get_weights()]
    for one, other in zip(before, after, strict=True):  # averages of frozen batch normalisation included
        np.testing.assert_array_equal(one, other)
    moved = [value for layer in behind for value in layer.get_weights()]
    assert not last or any((one != other).any() for one, other in zip(last, moved, strict=True))


@pytest.mark.parametrize("unfreeze", [10, "stage:1"])
def test_it_can_be_cut_for_cached_trials(model, pictures, unfreeze):
    images, *_ = pictures
    body = backbone_of(model)
    cut = split_at(body, unfreeze)
    found = compile_forward(cut.suffix)(compile_forward(cut.prefix)(images))
    expected = compile_forward(body)(images)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_it_consists_of_keras_own_layers(model):
    for layer in backbone_of(model).layers:
        assert type(layer).__module__.startswith("keras.src."), type(layer)


def test_pictures_that_are_too_small_are_an_error(name):
    smallest = BACKBONES[name].min_size
    with pytest.raises(ConfigError, match=f"at least {smallest} pixels"):
        build_backbone(name, smallest - 1, "none")


def test_frozen_it_computes_as_at_inference(model, pictures):
    images, *_ = pictures
    set_trainable(model, 0)
    body = backbone_of(model)
    np.testing.assert_allclose(
        np.asarray(body(images.astype(np.float32), training=True)),
        np.asarray(body(images.astype(np.float32), training=False)),
        rtol=1e-4,
        atol=1e-5,
    )
    assert isinstance(body, keras.Model)
