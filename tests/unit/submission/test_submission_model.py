"""The class inside a package: the pictures it accepts, how it resizes, how it votes."""

import importlib.util
import json
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from toolkit.errors import SubmissionError
from toolkit.submission.model_code import describe_ensemble, write_code

CLASSES = ("ant", "bee", "cat")


class Fixed:
    """A member of the vote whose answer depends on the mean of the pictures alone."""

    def __init__(self, rows):
        self.rows = np.asarray(rows, np.float32)
        self.shapes = set()

    def predict_on_batch(self, batch):
        self.shapes.add(batch.shape)
        return self.rows[batch.mean(axis=(1, 2, 3)).round().astype(int) % len(self.rows)]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Render model.py with given settings and import it; its members are given, not loaded."""
    folder = tmp_path_factory.mktemp("rendered")

    def load(members=(), owner=None, views=("identity",), vote="majority", blend=None, **settings_):
        place = folder / str(len(list(folder.iterdir())))
        place.mkdir()
        owner = [0] * len(members) if owner is None else owner
        named = [f"{index}.keras" for index in range(len(members))]
        described = describe_ensemble(named, owner, blend or {"vote": vote}, views) | {"members": []}
        values = {
            "image_size": 12, "resize_mode": "squash", "output": "labels", "input_range": "auto",
            "label_values": (0, 1, 2), "class_names": CLASSES,
        }  # fmt: skip
        code = write_code(described, "keras", "train", title="A test.", **(values | settings_))
        (place / "model.py").write_text(code)
        (place / "ensemble.json").write_text(json.dumps(described))
        spec = importlib.util.spec_from_file_location(f"model_{place.name}", place / "model.py")
        module = importlib.util.module_from_spec(spec)
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            spec.loader.exec_module(module)
        finally:
            sys.dont_write_bytecode = before
        model = module.Model()
        model.networks, model.owner = list(members), list(owner)
        return module, model

    return load


@pytest.fixture(scope="module")
def plain(template):
    return template()[0]


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 90), width=st.integers(1, 90), size=st.integers(1, 70), axis=st.sampled_from((1, 2)),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_each_resized_axis_equals_pillow_bit_for_bit(plain, height, width, size, axis, seed):
    pictures = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    target = (size, height) if axis == 2 else (width, size)
    expected = [np.asarray(Image.fromarray(picture).resize(target, Image.Resampling.BILINEAR)) for picture in pictures]
    np.testing.assert_array_equal(plain.resample(pictures, axis, size), expected)


@pytest.mark.parametrize("shape", [(28, 28), (1, 7), (7, 1), (333, 97), (12, 500), (600, 800), (12, 12), (11, 13)])
def test_squashing_equals_pillow_bit_for_bit(plain, shape):
    pictures = np.random.default_rng(0).choice(np.array([0, 1, 127, 254, 255], np.uint8), (2, *shape, 3))
    expected = []
    for picture in pictures:  # one axis a call, as Pillow's own order of the two depends on its version
        wide = Image.fromarray(picture).resize((12, shape[0]), Image.Resampling.BILINEAR)
        expected.append(np.asarray(wide.resize((12, 12), Image.Resampling.BILINEAR)))
    np.testing.assert_array_equal(plain.resize(pictures), expected)


@pytest.mark.parametrize("mode", ["squash", "pad", "crop"])
@pytest.mark.parametrize("size", [12, 33])
def test_pictures_are_resized_as_for_training(template, mode, size):
    images = pytest.importorskip("toolkit.images")
    module, _ = template(resize_mode=mode, image_size=size)
    rng = np.random.default_rng(1)
    for height, width in [(28, 28), (1, 40), (40, 1), (31, 57), (57, 31), (size, size), (size, 2 * size), (200, 90)]:
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        np.testing.assert_array_equal(module.resize(picture[None])[0], images.resize(picture, size, mode))


@pytest.mark.parametrize("mode", ["pad", "crop"])
def test_padding_keeps_everything_and_cropping_fills_everything(template, mode):
    module, _ = template(resize_mode=mode)
    square = module.resize(np.full((1, 20, 40, 3), 200, np.uint8))[0]
    assert (square[0] == 0).all() == (mode == "pad")
    assert (square[6] == 200).all()


def test_all_forms_of_the_same_pictures_are_prepared_alike(plain):
    grey = np.random.default_rng(2).integers(0, 256, (5, 17, 23), dtype=np.uint8)
    expected = plain.prepare(np.repeat(grey[..., None], 3, axis=3), False)
    assert expected.shape == (5, 12, 12, 3) and expected.dtype == np.uint8
    forms = {
        "grey": (grey, False), "one channel": (grey[..., None], False), "int64": (grey.astype(np.int64), False),
        "float 0-255": (grey.astype(np.float32), False), "float 0-1": (grey / 255, True),
        "half 0-255": (grey.astype(np.float16), False), "single 0-1": ((grey / 255).astype(np.float32), True),
    }  # fmt: skip
    for name, (pictures, unit_range) in forms.items():
        np.testing.assert_array_equal(plain.prepare(pictures, unit_range), expected, err_msg=name)


@pytest.mark.parametrize(
    ("input_range", "highest", "dtype", "unit"),
    [("auto", 1.0, np.float32, True), ("auto", 1.5, np.float32, False), ("auto", 1, np.uint8, False),
     ("0-1", 3.0, np.float64, True), ("0-255", 0.5, np.float64, False)],
)  # fmt: skip
def test_the_range_of_floats_is_told_as_configured(template, input_range, highest, dtype, unit):
    module, _ = template(input_range=input_range)
    pictures = np.zeros((2, 4, 4), dtype)
    pictures[1, 2, 2] = highest
    assert module.is_unit_range(pictures) == module.is_unit_range(list(pictures)) == unit


def test_dark_uint8_pictures_are_never_taken_for_the_range_0_to_1(template):
    module, model = template([Fixed(np.eye(3))], input_range="0-1")
    assert model.predict(np.ones((2, 12, 12), np.uint8)).tolist() == [1, 1]
    assert module.prepare(np.ones((1, 12, 12)), True).min() == 255


def test_pictures_of_several_sizes_are_accepted(template):
    _, model = template([Fixed(np.eye(3))])
    pictures = [np.full((8, 9, 3), 1, np.uint8), np.full((30, 4), 2, np.uint8), np.full((5, 5, 1), 3, np.uint8)]
    mixed = np.empty(3, object)
    mixed[:] = pictures
    assert model.predict(pictures).tolist() == model.predict(mixed).tolist() == [1, 2, 0]


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4, 2), (2, 3, 4, 4, 3)])
def test_other_shapes_are_refused_with_the_shapes_accepted(template, shape):
    with pytest.raises(ValueError, match=r"\(n, h, w, 3\)"):
        template([Fixed(np.eye(3))])[1].predict(np.zeros(shape, np.uint8))


def test_a_majority_wins_over_a_higher_mean_and_the_mean_decides_ties(template):
    sure, unsure = [[0.98, 0.01, 0.01]], [[0.3, 0.36, 0.34]]
    pictures = np.zeros((1, 12, 12), np.uint8)
    majority = [Fixed(sure), Fixed(unsure), Fixed(unsure)]
    assert template(majority)[1].predict(pictures).tolist() == [1]
    assert template(majority, vote="mean")[1].predict(pictures).tolist() == [0]
    assert template([Fixed(unsure), Fixed(sure)])[1].predict(pictures).tolist() == [0]


def test_outputs_are_labels_one_hot_rows_or_probabilities_that_agree(template):
    members = [Fixed(np.random.default_rng(seed).dirichlet(np.ones(3), 7)) for seed in range(3)]
    pictures = np.broadcast_to(np.arange(7, dtype=np.uint8)[:, None, None], (7, 12, 12))
    labels = template(members)[1].predict(pictures)
    one_hot = template(members, output="one_hot")[1].predict(pictures)
    probabilities = template(members, output="probabilities")[1].predict(pictures)
    assert labels.shape == (7,) and labels.dtype == np.int64
    assert one_hot.shape == (7, 3) and (one_hot.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(one_hot.argmax(axis=1), labels)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), labels)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert template(members, label_values=(3, 5, 8))[1].predict(pictures).tolist() == [(3, 5, 8)[i] for i in labels]


def test_the_vote_equals_the_ensemble_steps(template):
    votes = pytest.importorskip("toolkit.ensembling.votes")
    rows = np.random.default_rng(3).dirichlet(np.ones(3), (4, 50)).astype(np.float32)
    pictures = np.broadcast_to(np.arange(50, dtype=np.uint8)[:, None, None], (50, 12, 12))
    ours = template([Fixed(member) for member in rows], output="probabilities")[1].predict(pictures)
    np.testing.assert_allclose(ours, votes.combine("majority", rows), atol=1e-6)


def test_networks_see_one_batch_shape_and_every_picture_is_answered_in_order(template):
    member = Fixed(np.eye(3))
    _, model = template([member])
    levels = np.arange(150) % 97
    labels = model.predict(np.broadcast_to(levels.astype(np.uint8)[:, None, None], (150, 12, 12)))
    assert labels.tolist() == (levels % 3).tolist()
    assert member.shapes == {(64, 12, 12, 3)}
    assert model.predict(np.zeros((0, 12, 12, 3), np.uint8)).shape == (0,)


def test_fit_trains_nothing_and_returns_the_model(template):
    _, model = template([Fixed(np.eye(3))])
    assert model.fit(np.zeros((2, 28, 28)), np.zeros(2)) is model
    assert model.fit(None, None).predict(np.ones((2, 28, 28), np.uint8)).tolist() == [1, 1]


def test_memory_does_not_grow_with_the_number_of_pictures(template):
    _, model = template([Fixed(np.eye(3))], image_size=32)
    pictures = np.broadcast_to(np.float32(7), (2_000, 96, 96, 3))  # 221 MB if it were copied
    tracemalloc.start()
    try:
        model.predict(pictures)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150e6


OWNER = (0, 0, 1, 1)
LEARNED = {
    "majority": {}, "mean": {}, "geometric": {}, "rank": {},
    "weighted": {"weights": [0.25, 0.75]},
    "stack": {"coefficients": np.random.default_rng(1).normal(size=(6, 3)).tolist(), "intercept": [0.1, 0.0, -0.2]},
}  # fmt: skip


@pytest.mark.parametrize("further", [{}, {"temperatures": [0.5, 2.0], "prior": [2.0, 0.5, 1.0]}], ids=["", "learned"])
@pytest.mark.parametrize("vote", LEARNED)
def test_every_blend_is_reproduced_to_the_bit_that_decides(template, vote, further):
    blending = pytest.importorskip("toolkit.ensembling.blending")
    rng = np.random.default_rng(0)
    members = [Fixed(rng.dirichlet(np.ones(3), 50)) for _ in OWNER]
    pictures = np.repeat(rng.integers(0, 50, 150), 12 * 12 * 3).reshape(-1, 12, 12, 3).astype(np.uint8)
    blend = blending.Blend.from_dict({"vote": vote, **LEARNED[vote], **further})
    expected = blend.combine(np.stack([member.predict_on_batch(pictures) for member in members]), OWNER)
    model = template(members, owner=OWNER, blend=blend.to_dict(), output="probabilities")[1]
    np.testing.assert_allclose(model.predict(pictures), expected, atol=1e-6)
    np.testing.assert_array_equal(model.predict(pictures).argmax(axis=1), expected.argmax(axis=1))


def test_temperature_and_prior_come_before_and_after_the_vote(template):
    member = Fixed([[0.8, 0.1, 0.1]])
    blend = {"vote": "mean", "temperatures": [2.0], "prior": [0.25, 1.0, 1.0]}
    found = template([member], blend=blend, output="probabilities")[1].predict(np.zeros((1, 12, 12, 3), np.uint8))[0]
    soft = np.sqrt([0.8, 0.1, 0.1]) / np.sqrt([0.8, 0.1, 0.1]).sum()
    moved = soft * [0.25, 1, 1]
    np.testing.assert_allclose(found, moved / moved.sum(), rtol=1e-6)


class Corner:
    """A network that answers with the values of three corners of each picture."""

    def predict_on_batch(self, batch):
        values = np.stack([batch[:, 0, 0, 0], batch[:, 0, -1, 0], batch[:, -1, 0, 0]], axis=1) + 1.0
        return values / values.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("view", "change"),
    [
        ("horizontal_flip", np.fliplr), ("vertical_flip", np.flipud), ("rotate_90", np.rot90),
        ("rotate_180", lambda x: np.rot90(x, 2)), ("rotate_270", lambda x: np.rot90(x, 3)),
    ],
)  # fmt: skip
def test_a_view_shows_the_network_the_changed_picture(template, view, change):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), dtype=np.uint8)
    changed = np.stack([change(picture) for picture in pictures])
    plain = template([Corner()], vote="mean", output="probabilities")[1].predict
    both = template([Corner()], vote="mean", views=("identity", view), output="probabilities")[1].predict(pictures)
    np.testing.assert_allclose(both, (plain(pictures) + plain(changed)) / 2, atol=1e-6)
    assert not np.allclose(plain(pictures), plain(changed))


@pytest.mark.parametrize(
    "blend",
    [
        {"vote": "loudest"},
        {"vote": "mean", "volume": 3},
        {"vote": "weighted", "weights": [1.0, 2.0]},
        {"vote": "stack", "coefficients": [[1, 0, 0]] * 6, "intercept": [0, 0, 0]},
    ],
)
def test_a_blend_that_does_not_fit_what_is_packed_is_refused(blend):
    with pytest.raises(SubmissionError):
        describe_ensemble(["a.keras", "b.keras"], [0, 0], blend, ["identity"])
