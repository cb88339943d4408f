import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from toolkit.errors import ConfigError, DataError
from toolkit.metrics import METRICS, calibration_error, metric, reliability, resampled, score, score_labels, wilson

NAMES = ("a", "b", "c", "d")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_scores_agree_with_scikit_learn(data):
    n = data.draw(st.integers(1, 40))
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    predicted = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    found = score_labels(labels, predicted, NAMES)
    occurring = np.unique(labels)
    for average in ("macro", "weighted"):
        expected = precision_recall_fscore_support(
            labels, predicted, labels=occurring, average=average, zero_division=0
        )
        ours = [getattr(found, f"{average}_{name}").value for name in ("precision", "recall", "f1")]
        assert ours == pytest.approx(expected[:3])
    assert np.array_equal(found.confusion, confusion_matrix(labels, predicted, labels=range(4)))
    assert found.accuracy.value == (labels == predicted).mean()


def test_log_loss_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 200)
    labels = rng.integers(0, 4, 200)
    found = score(labels, probabilities, NAMES)
    assert found.log_loss.value == pytest.approx(log_loss(labels, probabilities, labels=range(4)))
    assert found.log_loss.low < found.log_loss.value < found.log_loss.high


def test_wilson_interval_has_its_published_values():
    # Report E gives .79 for n = 1,365; the interval of 10 in 20 is in Newcombe (1998), table I, method 3.
    measured = wilson(10, 20)
    assert (measured.low, measured.high) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson(0, 5).low == 0.0
    assert wilson(5, 5).high == 1.0


def test_intervals_hold_the_value_and_shrink_with_more_pictures():
    rng = np.random.default_rng(1)
    small_labels, large_labels = rng.integers(0, 4, 100), rng.integers(0, 4, 10_000)
    small = score_labels(small_labels, np.where(rng.random(100) < 0.8, small_labels, 0), NAMES)
    large = score_labels(large_labels, np.where(rng.random(10_000) < 0.8, large_labels, 0), NAMES)
    for scores in (small, large):
        for name in ("accuracy", "macro_f1", "weighted_precision"):
            measured = getattr(scores, name)
            assert measured.low <= measured.value <= measured.high
    assert large.macro_f1.high - large.macro_f1.low < small.macro_f1.high - small.macro_f1.low


def test_the_bootstrap_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    truth = 0.8  # with two equally common classes and symmetric errors, macro F1 equals accuracy
    covered = 0
    for seed in range(200):
        labels = rng.integers(0, 2, 300)
        predicted = np.where(rng.random(300) < truth, labels, 1 - labels)
        measured = score_labels(labels, predicted, ("x", "y"), seed=seed).macro_f1
        covered += measured.low <= truth <= measured.high
    assert 180 <= covered <= 199


def test_a_calibrated_prediction_has_no_calibration_error_and_a_boastful_one_has():
    labels = np.array([0, 1] * 50)
    assert calibration_error(labels, np.tile([0.5001, 0.4999], (100, 1))) == pytest.approx(0, abs=1e-3)
    assert calibration_error(labels, np.tile([1.0, 0.0], (100, 1))) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("labels", "predicted", "message"),
    [([], [], "equal numbers"), ([0, 4], [0, 1], "0 to 3"), ([-1, 0], [0, 1], "labelled"), ([0], [0, 1], "equal")],
)
def test_what_cannot_be_scored_is_a_clear_error(labels, predicted, message):
    with pytest.raises(DataError, match=message):
        score_labels(np.array(labels, int), np.array(predicted, int), NAMES)


def test_probabilities_that_are_not_finite_are_a_clear_error():
    probabilities = np.full((3, 4), 0.25)
    probabilities[1, 2] = np.nan
    with pytest.raises(DataError, match="Row 1 of the probabilities is not finite"):
        score(np.array([0, 1, 2]), probabilities, NAMES)


def test_objectives_know_their_direction():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 50)
    good, bad = np.eye(4)[labels] * 0.9 + 0.025, np.full((50, 4), 0.25)
    for name in METRICS:
        objective = metric(name)
        better = objective.function(labels, good) > objective.function(labels, bad)
        assert better == (objective.direction == "maximize")
    with pytest.raises(ConfigError, match="accuracy"):
        metric("acuracy")


def test_a_reliability_diagram_holds_every_picture_once_and_its_gaps_are_the_error():
    rng = np.random.default_rng(4)
    probabilities = rng.dirichlet(np.full(4, 0.4), 500)
    labels = rng.integers(0, 4, 500)
    found = reliability(labels, probabilities)
    assert sum(found.counts) == 500
    right = np.dot(found.accuracy, found.counts)
    assert right == pytest.approx((probabilities.argmax(axis=1) == labels).sum())
    assert found.error == calibration_error(labels, probabilities)
    assert list(found.confidence) == sorted(found.confidence)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_an_interval_around_its_value_that_shrinks_with_more_pictures(name):
    rng = np.random.default_rng(5)

    def measured(n):
        labels = rng.integers(0, 3, n)
        probabilities = rng.dirichlet(np.ones(3), n) * 0.6 + np.eye(3)[labels] * 0.4
        return resampled(metric(name), labels, probabilities, resamples=60)

    few, many = measured(40), measured(1000)
    assert few.low <= few.value <= few.high
    assert many.high - many.low < few.high - few.low


def test_a_metric_of_rare_classes_can_be_resampled():
    labels = np.array([0] * 30 + [1])
    found = resampled(metric("auc"), labels, np.eye(2)[labels] * 0.5 + 0.25)
    assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)
