"""What is not packed, what halving keeps, and permuted labels told from wrong ones."""

import numpy as np
import pytest

from toolkit.errors import SubmissionError
from toolkit.submission.halving import halve
from toolkit.submission.permutation import judge_order
from toolkit.submission.scan import refuse_unsafe


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kaggle.json", "{}"),
        ("notes.txt", '{"username": "me", "key": "' + "0a" * 16 + '"}'),
        ("model.py", "TOKEN = 'ghp_" + "a" * 36 + "'"),
        ("deep/id_rsa", "x"),
        ("a.txt", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("settings.ipynb", "hf_" + "A" * 34),
    ],
)
def test_secrets_are_never_packed(tmp_path, name, text):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(SubmissionError, match=f"{name} looks like a secret"):
        refuse_unsafe(tmp_path, 500)


def test_links_and_too_much_are_never_packed_but_the_rest_is(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"w" * 3000)
    (tmp_path / "monkey.json").write_text('{"key": "value"}')
    refuse_unsafe(tmp_path, 0.01)
    with pytest.raises(SubmissionError, match=r"package\.max_mb"):
        refuse_unsafe(tmp_path, 0.002)
    (tmp_path / "link").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(SubmissionError, match="symbolic link"):
        refuse_unsafe(tmp_path, 500)


def test_half_the_bits_load_as_float32_and_predict_nearly_the_same(tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(16, 3), keras.layers.BatchNormalization(), keras.layers.Flatten(),
              keras.layers.Dense(200), keras.layers.Dense(3, activation="softmax")]  # fmt: skip
    network = keras.Sequential([keras.Input((12, 12, 3)), *layers])
    network.layers[1].moving_variance.assign(np.full(16, 1e9))
    network.save(tmp_path / "a.keras")
    halve(tmp_path / "a.keras", tmp_path / "b.keras")
    halve(tmp_path / "a.keras", tmp_path / "c.keras")
    assert (tmp_path / "b.keras").read_bytes() == (tmp_path / "c.keras").read_bytes()
    assert (tmp_path / "b.keras").stat().st_size < 0.6 * (tmp_path / "a.keras").stat().st_size
    again = keras.models.load_model(tmp_path / "b.keras")
    assert {weight.dtype for weight in again.weights} == {"float32"}
    assert np.asarray(again.layers[1].moving_variance).max() == pytest.approx(1e9)
    pictures = np.random.default_rng(0).random((5, 12, 12, 3), np.float32)
    np.testing.assert_allclose(again.predict(pictures, verbose=0), network.predict(pictures, verbose=0), atol=1e-3)


def test_what_is_no_model_cannot_be_halved(tmp_path):
    (tmp_path / "a.keras").write_bytes(b"no zip")
    with pytest.raises(SubmissionError, match="toolkit ensemble"):
        halve(tmp_path / "a.keras", tmp_path / "b.keras")


@pytest.fixture
def truth():
    return np.random.default_rng(0).integers(0, 5, 300)


def wrong(labels, share, seed=1):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(labels)) < share, rng.integers(0, 5, len(labels)), labels)


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 0), (1, 0, 2, 3, 4), (4, 3, 2, 1, 0)], ids=["cycle", "swap", "reverse"])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_permutation_that_scores_far_better_is_named(truth, order, share):
    check = judge_order(truth, np.asarray(order)[wrong(truth, share)])
    assert not check.ok
    assert f"{order[0]} → 0" in check.message and "data.classes" in check.message


def test_bad_predictions_are_not_taken_for_permuted_ones(truth):
    rng = np.random.default_rng(2)
    for seed in range(200):
        assert judge_order(truth, wrong(truth, 1.0, seed)).ok
        assert judge_order(rng.integers(0, 10, 40), rng.integers(0, 10, 40)).ok
    assert judge_order(truth, np.full(300, 3)).ok
    assert judge_order(truth, np.full(300, 99)).ok
    assert judge_order(truth, wrong(truth, 0.5)).ok
    assert judge_order(np.array([0]), np.array([1])).ok
