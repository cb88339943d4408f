"""Class shares of a target that differ from those of training."""

import numpy as np
import pytest

from toolkit.evaluation.estimates import Calibration, KnownTest, confusion, estimate_shares, redraw
from toolkit.evaluation.estimates.confidence import fit_reference, signals, soften
from toolkit.evaluation.estimates.shares import called_shares, class_confidence, distance, overcalled_fall

CLASSES = 5
PULLS = (0.3, 1.5, 2.5, 0.8, 2.0, 1.0, 3.0, 0.5)


def network(pictures, sharpness, seed, pull=0.0, towards=0):
    """Labels, and probabilities for them; `pull` drags all towards one class, as corruptions do."""
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.standard_normal((pictures, CLASSES))
    probabilities = normalised(logits)
    labels = (probabilities.cumsum(axis=1) < rng.random((pictures, 1))).sum(axis=1).clip(max=CLASSES - 1)
    logits[:, towards] += pull
    return labels, soften(normalised(logits), 1.0 + 0.3 * pull)


def normalised(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def calibration():
    tests = [KnownTest("", *network(600, 3.5, 0))]
    for number, pull in enumerate(PULLS):
        family = f"family{number // 2}"
        tests += [KnownTest(family, *network(600, 3.0 - 0.15 * number, 10 + number, pull, number % CLASSES))]
    return Calibration.of(tests)


def targets(concentration):
    for seed in range(8):
        labels, probabilities = network(2000, 2.6, 100 + seed, 0.5 * (seed % 3), seed % CLASSES)
        rows = redraw(labels, concentration, 500, np.random.default_rng(seed))
        yield labels[rows], probabilities[rows]


def misses(calibration, concentration):
    """Errors of the combined estimate and of optimal transport, coverage, and probability of other shares."""
    rows = []
    for labels, probabilities in targets(concentration):
        truth = (probabilities.argmax(axis=1) == labels).mean()
        found = calibration.estimate(probabilities)
        rows.append([abs(found.combined.point - truth), abs(found.single["COT"].point - truth),
                     found.combined.low <= truth <= found.combined.high, found.shares.differ])  # fmt: skip
    return np.mean(rows, axis=0)


def test_with_other_class_shares_the_estimate_is_nearer_than_transport_and_still_covers(calibration):
    combined, transport, covered, differ = misses(calibration, 1.0)
    assert combined < 0.75 * transport
    assert covered >= 0.8
    assert differ > 0.7


def test_with_the_usual_class_shares_the_estimate_is_near_and_suspects_less(calibration):
    combined, _, covered, differ = misses(calibration, 1e5)
    assert combined < 0.05
    assert covered >= 0.8
    assert differ < misses(calibration, 1.0)[3] - 0.2


def test_a_calibration_holds_every_local_test_as_it_is_and_with_other_shares(calibration):
    tests = 1 + len(PULLS)
    assert len(calibration.confusions) == tests and len(calibration.signals) == len(calibration.redrawn) == 3 * tests
    assert not any(calibration.redrawn[:tests]) and all(calibration.redrawn[tests:])
    assert calibration.families[tests : tests + 4] == ("", "", "family0", "family0")
    again = calibration.estimate(network(200, 2.0, 5)[1])
    assert again == calibration.estimate(network(200, 2.0, 5)[1])


def test_shares_are_found_through_the_confusion_where_corruptions_do_not_hide_them():
    labels, probabilities = network(4000, 3.5, 0)
    called = probabilities.argmax(axis=1)
    matrix = confusion(called, labels, CLASSES)
    known, true = np.full(CLASSES, 0.2), np.array([0.5, 0.3, 0.1, 0.05, 0.05])
    found = estimate_shares(matrix @ true, known, np.stack([matrix] * 3), ["", "a", "b"], 1000)
    np.testing.assert_allclose(found.point, true, atol=0.08)
    assert found.differ > 0.95 and found.seem_other
    assert all(low <= share <= high for low, share, high in zip(found.low, true, found.high, strict=True))
    assert sum(found.point) == pytest.approx(1)
    same = estimate_shares(matrix @ known, known, np.stack([matrix] * 3), ["", "a", "b"], 1000)
    assert same.differ < 0.2 and not same.seem_other


def test_predictions_that_local_tests_distort_as_much_are_no_sign_of_other_shares():
    known = np.full(CLASSES, 0.2)
    confusions = [np.eye(CLASSES)]
    for target in range(CLASSES):
        distorted = 0.6 * np.eye(CLASSES)
        distorted[target] += 0.4
        confusions.append(distorted)
    odd = np.array([0.44, 0.14, 0.14, 0.14, 0.14])
    families = ["", *"abcde"]
    unsure = estimate_shares(odd, known, np.stack(confusions), families, 1000)
    certain = estimate_shares(odd, known, np.stack([np.eye(CLASSES)] * 6), families, 1000)
    assert unsure.differ < 0.6 < 0.95 < certain.differ
    assert abs(unsure.point[0] - 0.2) < abs(certain.point[0] - 0.2)
    assert unsure.high[0] - unsure.low[0] > certain.high[0] - certain.low[0]


def test_a_class_without_local_pictures_and_a_single_class_are_taken():
    labels = np.array([0, 1, 0, 1, 3])
    matrix = confusion(labels, labels, 4)
    assert matrix[:, 2].tolist() == [0, 0, 0, 0]
    known = np.bincount(labels, minlength=4) / 5
    found = estimate_shares(known, known, matrix[None], [""], 5)
    assert found.point[2] == pytest.approx(0, abs=1e-6) and found.differ < 0.5
    alone = estimate_shares(np.ones(1), np.ones(1), np.ones((1, 1, 1)), [""], 1)
    assert alone.point == (1.0,) and alone.differ == pytest.approx(0.5)


def test_redrawn_rows_have_the_drawn_shares_of_the_classes_that_occur():
    labels = np.repeat([0, 2, 3], [500, 40, 5])
    shares = [called_shares(labels[redraw(labels, 1e6, 3000, np.random.default_rng(seed))], 4) for seed in range(3)]
    np.testing.assert_allclose(np.mean(shares, axis=0), [1 / 3, 0, 1 / 3, 1 / 3], atol=0.02)
    uneven = called_shares(labels[redraw(labels, 0.5, 3000, np.random.default_rng(0))], 4)
    assert distance(uneven, np.array([1 / 3, 0, 1 / 3, 1 / 3])) > 0.1


def test_a_class_that_is_frequent_is_named_as_surely_as_ever_and_a_suggested_one_less_so():
    labels, probabilities = network(4000, 3.0, 0)
    reference = fit_reference(probabilities, labels)
    rows = np.concatenate([np.flatnonzero(labels == 0)[:600], np.flatnonzero(labels != 0)[:300]])
    frequent = signals(reference, probabilities[rows])
    suggested = signals(reference, network(900, 1.0, 1, pull=1.5)[1])
    assert frequent.class_distance > 0.25 and suggested.class_distance > 0.25
    assert frequent.overcalled_fall > -0.2 and suggested.overcalled_fall < -0.4


def test_overcalled_fall_weighs_classes_by_how_much_too_often_they_are_named():
    surest, called = np.array([0.9, 0.7, 0.6]), np.array([0, 0, 1])
    confidence = class_confidence(surest, called, 3)
    assert confidence.tolist() == pytest.approx([0.8, 0.6, surest.mean()])
    known = np.full(3, 1 / 3)
    assert overcalled_fall(known, known, confidence, confidence * 0.9) == 0
    fall = overcalled_fall(np.array([2 / 3, 1 / 3, 0]), known, np.array([0.5, 0.1, 0.1]), np.array([0.8, 0.9, 0.9]))
    assert fall == pytest.approx(-np.log(4))
    assert called_shares(np.array([], int), 4).tolist() == [0.25] * 4
