"""Networks that are trained from scratch, and their options."""

import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError, WeightsError
from toolkit.nn.backbones import build_backbone
from toolkit.nn.heads import backbone_of, build_model, set_trainable
from toolkit.nn.tiny_vgg import drop_block


def test_tiny_vgg_has_the_published_number_of_parameters():
    model = build_model(
        "tiny_vgg", 64, 5, weights="none", layers=0, feature_dropout=0.4, pooling="flatten", unfreeze="all"
    )
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == 12_605
    assert model.count_params() - 12_605 == 120  # averages of batch normalisation


def test_drop_block_hides_squares_at_the_asked_rate_and_keeps_the_scale():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((31, 31, 12))
    model = keras.Model(inputs, drop_block(inputs, 0.1, 5, "db"))
    ones = np.ones((32, 31, 31, 12), np.float32)
    np.testing.assert_array_equal(np.asarray(model(ones, training=False)), ones)
    dropped = np.asarray(model(ones, training=True))
    assert dropped.mean() == pytest.approx(1.0, abs=1e-4)
    hidden = dropped == 0
    assert hidden.mean() == pytest.approx(0.095, abs=0.015)  # squares may overlap
    neighbours = np.mean(hidden[:, 1:] & hidden[:, :-1]) / hidden.mean()
    assert neighbours > 0.7  # of a square of 5, four cells in five have their neighbour hidden as well
    for picture, channel in np.argwhere(hidden.any(axis=(1, 2)))[:20]:
        rows, columns = np.nonzero(hidden[picture, :, :, channel])
        assert len(rows) >= 25 and rows.max() - rows.min() >= 4 and columns.max() - columns.min() >= 4


def test_drop_block_sleeps_in_frozen_networks():
    model = build_model("tiny_vgg", 64, 3, weights="none", unfreeze=0)
    body = backbone_of(model)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
    plain = np.asarray(body(pictures, training=False))
    np.testing.assert_allclose(np.asarray(body(pictures, training=True)), plain, atol=1e-5)
    set_trainable(model, "all")
    assert np.abs(np.asarray(body(pictures, training=True)) - plain).max() > 0.01


def test_a_vision_transformer_is_built_as_its_options_say():
    options = {"patch_size": 16, "width": 48, "heads": 3, "blocks": 2, "mlp_units": [96, 48], "dropout": 0.2}
    body = build_backbone("vit", 96, "none", options)
    assert body.output_shape == (None, 6, 6, 48)
    names = [layer.name for layer in body.layers]
    assert sum(name.endswith("_attention") for name in names) == 2
    assert body.get_layer("encoder0_attention").num_heads == 3
    assert body.get_layer("encoder1_dense_1").units == 96
    assert body.get_layer("patch_embedding").count_params() == 16 * 16 * 3 * 48 + 36 * 48


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("vit", {"patchsize": 8}, "did you mean 'patch_size'"),
        ("vit", {"patch_size": 7}, "must divide"),
        ("vit", {"heads": 5}, "heads 5 must divide"),
        ("vit", {"mlp_units": [128, 32]}, "width 64, not 32"),
        ("vit", {"blocks": "many"}, "do not suit vit"),
        ("tiny_vgg", {"dropblock_size": 4}, "odd size"),
        ("tiny_vgg", {"dropblock_size": 33}, "31 × 31"),
        ("vgg16", {"width": 3}, "vgg16 has no options"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_options_that_do_not_fit_are_refused(name, options, says):
    with pytest.raises(ConfigError, match=says):
        build_backbone(name, 64, "none", options)


@pytest.mark.parametrize("name", ["tiny_vgg", "vit"])
@pytest.mark.parametrize("weights", ["packaged", "imagenet"])
def test_networks_trained_from_scratch_say_that_they_have_no_weights(name, weights):
    with pytest.raises(WeightsError, match=f"{name}.*`model.weights` to none"):
        build_backbone(name, 64, weights)
