import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.nn.losses import build_loss, class_weights, log_loss, one_hot, weighted_targets


def test_log_weights_follow_the_formula_and_the_most_common_class_counts_once():
    counts = [500, 300, 150, 40, 10]
    expected = [1.0, max(1, np.log(1000 / 300)), np.log(1000 / 150), np.log(1000 / 40), np.log(100)]
    np.testing.assert_allclose(class_weights(counts, "log"), expected, rtol=1e-6)


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 2], [5, 10, 85])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(class_weights(np.bincount(labels), "balanced"), expected, rtol=1e-6)


@pytest.mark.parametrize("how", ["none", "balanced", "log", "effective"])
def test_a_class_without_pictures_gets_weight_one_and_changes_nothing(how):
    with_empty, without = class_weights([6, 0, 2], how), class_weights([6, 2], how)
    assert with_empty[1] == 1.0
    np.testing.assert_array_equal(with_empty[[0, 2]], without)


@pytest.mark.parametrize("how", [[1.0, 2.0], [1.0, -1.0, 2.0], [1.0, np.nan, 2.0], "log2"])
def test_weights_that_cannot_be_meant_are_refused(how):
    with pytest.raises(ConfigError, match="class_weight"):
        class_weights([3, 2, 1], how)


def test_explicit_weights_are_taken_as_they_are():
    np.testing.assert_array_equal(class_weights([3, 2, 1], (0.5, 0.0, 2.0)), np.float32([0.5, 0.0, 2.0]))


rows = st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=1, max_size=5)


@settings(deadline=None)  # the first call starts the backend
@given(rows, rows, st.lists(st.floats(0.1, 10), min_size=4, max_size=4))
def test_weighted_soft_targets_give_minus_sum_w_y_log_p(soft, scores, weights):
    size = min(len(soft), len(scores))
    y = np.float32(soft[:size]) / np.sum(soft[:size], axis=1, keepdims=True, dtype=np.float32)
    p = np.float32(scores[:size]) / np.sum(scores[:size], axis=1, keepdims=True, dtype=np.float32)
    targets, samples = weighted_targets(y, np.float32(weights))
    loss = samples * np.asarray(keras.losses.categorical_crossentropy(targets, p))
    np.testing.assert_allclose(loss, -(np.float32(weights) * y * np.log(p)).sum(axis=1), rtol=1e-4, atol=1e-5)


def test_smoothing_keeps_the_weight_of_the_class():
    targets, samples = weighted_targets(one_hot(np.array([2]), 4), np.float32([1, 1, 5, 1]), 0.2)
    np.testing.assert_allclose(targets, [[0.05, 0.05, 0.85, 0.05]], rtol=1e-6)
    assert samples.tolist() == [5.0]


def test_a_class_of_weight_zero_counts_nothing_and_divides_by_nothing():
    targets, samples = weighted_targets(one_hot(np.array([0, 1]), 2), np.float32([0, 1]))
    assert samples.tolist() == [0.0, 1.0]
    assert np.isfinite(targets).all()


def test_log_loss_of_hard_and_soft_labels():
    p = np.float32([[0.5, 0.5], [0.25, 0.75]])
    assert log_loss(p, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2)
    assert log_loss(p, np.float32([[1, 0], [0, 1]])) == pytest.approx(log_loss(p, np.array([0, 1])))


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999])
def test_effective_weights_are_those_of_the_paper(beta):
    counts = np.array([500.0, 40.0, 3.0])
    effective_numbers = np.array([sum(beta**power for power in range(int(count))) for count in counts])
    expected = 3 * (1 / effective_numbers) / (1 / effective_numbers).sum()
    np.testing.assert_allclose(class_weights(counts, "effective", beta), expected, rtol=1e-5)


def test_focal_loss_with_class_weights_and_soft_labels_is_the_formula():
    y = np.float32([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0]])
    p = np.float32([[0.6, 0.3, 0.1], [0.05, 0.9, 0.05]])
    weights, gamma = np.float32([0.5, 2.0, 3.0]), 2.0
    targets, samples = weighted_targets(y, weights)
    loss = samples * np.asarray(build_loss("focal", gamma)(targets, p))
    by_hand = [
        -(0.5 * 0.7 * (1 - 0.6) ** 2 * np.log(0.6) + 2.0 * 0.3 * (1 - 0.3) ** 2 * np.log(0.3)),
        -(3.0 * 1.0 * (1 - 0.05) ** 2 * np.log(0.05)),
    ]
    np.testing.assert_allclose(loss, by_hand, rtol=1e-5)


def test_focal_loss_without_gamma_is_cross_entropy_and_finite_at_the_ends():
    y, p = np.eye(3, dtype=np.float32), np.float32([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    focal, plain = build_loss("focal", 0.0)(y, p), build_loss("cross_entropy")(y, p)
    np.testing.assert_allclose(np.asarray(focal), np.asarray(plain), rtol=1e-5, atol=1e-6)
    assert np.isfinite(np.asarray(build_loss("focal", 0.5)(y, p))).all()


def test_unknown_losses_are_refused():
    with pytest.raises(ConfigError, match="cross_entropy or focal"):
        build_loss("hinge")
