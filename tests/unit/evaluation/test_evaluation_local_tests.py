import numpy as np
import pytest

from toolkit.evaluation.local_tests import (
    LocalTest,
    by_corruption,
    mean_accuracy,
    noisy,
    pooled_confusion,
    recalls,
    surest_mistakes,
    worst_class,
)
from toolkit.evaluation.subset import stratified
from toolkit.metrics import score_labels

NAMES = ("a", "b", "c")
LABELS = np.repeat([0, 1, 2], [6, 3, 1])


def local_test(name, severity, wrong, overlaps=False):
    predicted = LABELS.copy()
    predicted[:wrong] = 1
    return LocalTest(name, "noise", severity, score_labels(LABELS, predicted, NAMES), 0.5, overlaps)


def test_the_noisy_score_is_told_with_and_without_what_training_practised():
    tests = [local_test("x", 1, 2), local_test("x", 3, 4), local_test("y", 1, 0, overlaps=True)]
    found = noisy(tests, [test.scores.accuracy.value for test in tests])
    assert found.all == pytest.approx((0.8 + 0.6 + 1.0) / 3)
    assert found.without_overlap == pytest.approx(0.7)
    practised = [local_test("y", 1, 0, overlaps=True)]
    assert noisy(practised, [1.0]).without_overlap is None


def test_tests_of_a_corruption_are_taken_together():
    tests = [local_test("x", 5, 4), local_test("y", 1, 0), local_test("x", 1, 2)]
    grouped = by_corruption(tests)
    assert [test.label for test in grouped["x"]] == ["x 1", "x 5"]
    mean = mean_accuracy(grouped["x"])
    assert mean.low < mean.value < mean.high
    assert mean.value == pytest.approx(0.7)
    # The same pictures twice are no more pictures.
    assert mean_accuracy(grouped["y"] * 2) == mean_accuracy(grouped["y"])
    assert pooled_confusion(tests).sum() == 30
    assert pooled_confusion(tests)[0].tolist() == [12, 6, 0]


def test_a_class_without_pictures_is_not_the_worst_class():
    scores = score_labels(np.array([0, 0, 1]), np.array([0, 1, 1]), NAMES)
    assert worst_class(scores) == ("a", 0.5)
    assert np.isnan(recalls(scores)[2])


def test_the_surest_mistakes_come_first_and_each_picture_once():
    ids = ["p", "q", "r"]
    first = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    second = np.array([[0.05, 0.95], [0.6, 0.4], [0.9, 0.1]])
    found = surest_mistakes(np.array([0, 1, 1]), ids, {"one": first, "two": second}, limit=5)
    assert [(mistake.image_id, mistake.test) for mistake in found] == [("p", "two"), ("r", "two"), ("q", "one")]
    assert found[0].confidence == pytest.approx(0.95)
    assert (found[0].true, found[0].predicted) == (0, 1)
    assert len(surest_mistakes(np.array([0, 1, 1]), ids, {"one": first}, limit=1)) == 1


@pytest.mark.parametrize("n", [3, 4, 10, 57, 100])
def test_a_subset_has_the_wanted_size_and_every_class_its_share(n):
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    rows = stratified(labels, n, seed=1)
    assert len(rows) == n
    assert len(set(rows.tolist())) == n
    counts = np.bincount(labels[rows], minlength=3)
    assert (counts >= 1).all()
    assert np.abs(counts - n * np.array([0.6, 0.3, 0.1])).max() < 1.01
    assert np.array_equal(rows, stratified(labels, n, seed=1))


def test_a_subset_of_all_is_all_and_rare_classes_never_vanish():
    labels = np.array([0, 1, 1, 2])
    assert stratified(labels, None, 0).tolist() == [0, 1, 2, 3]
    assert stratified(labels, 9, 0).tolist() == [0, 1, 2, 3]
    assert set(labels[stratified(labels, 1, 0)]) == {0, 1, 2}
