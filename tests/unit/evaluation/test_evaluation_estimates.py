"""Estimates of the hidden score on generated data whose truth is known."""

import numpy as np
import pytest

from toolkit.errors import DataError
from toolkit.evaluation.estimates import (
    Calibration,
    KnownTest,
    agreement,
    combine,
    corrected,
    fit_mix,
    fit_reference,
    foretell,
    predictive_interval,
    rank,
    separate,
    signals,
    single_estimates,
    winkler,
)
from toolkit.evaluation.estimates.confidence import agreement_of_votes, soften
from toolkit.evaluation.estimates.scale import expit, logit, shortest
from toolkit.evaluation.estimates.transport import _assign, _assign_many, _places, transport

CLASSES = 5
FAMILIES = [name for name in "abcdefg" for _ in range(4)]


def network(pictures, sharpness, seed, pull=0.0, classes=CLASSES):
    """Labels, and calibrated probabilities for them; `pull` then drags all towards class 0, which spoils them."""
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.standard_normal((pictures, classes))
    probabilities = soften(np.exp(logits - logits.max(axis=1, keepdims=True)), 1.0)
    labels = np.array([rng.choice(classes, p=row) for row in probabilities])
    logits[:, 0] += pull
    return labels, soften(np.exp(logits - logits.max(axis=1, keepdims=True)), 1.0)


def accuracy(labels, probabilities):
    return float((probabilities.argmax(axis=1) == labels).mean())


def drawn_families(rng, families, tests=4, sd=0.8, within=0.5, centre=0.6):
    effects = centre + sd * rng.standard_normal(families)
    return expit(effects.repeat(tests) + within * rng.standard_normal(families * tests))


def test_the_interval_covers_new_families_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered, widths = [], []
    for seed in range(60):
        known = drawn_families(rng, 8)
        found = predictive_interval(0.95, known[:28], FAMILIES, 1000, seed)
        covered += [found.low <= value <= found.high for value in known[28:]]
        widths.append(found.high - found.low)
    assert 0.84 <= np.mean(covered) <= 0.99
    assert np.mean(widths) < 0.75


def test_more_families_make_the_interval_narrower_and_none_makes_it_wide():
    rng = np.random.default_rng(1)
    known = drawn_families(rng, 7, sd=0.2, within=0.2)
    many = predictive_interval(0.95, known, FAMILIES, 1000)
    few = predictive_interval(0.95, known[:8:4], ["a", "b"], 1000)
    none = predictive_interval(0.95, [], [], 1000)
    assert many.high - many.low < few.high - few.low < none.high - none.low
    assert 0 <= none.low < none.point < none.high <= 1


def test_the_interval_reaches_up_to_a_hidden_test_without_any_shift():
    found = predictive_interval(0.9, [0.3] * 12, [*"aaabbbcccddd"], 1000)
    assert found.low < 0.3 and found.high < 0.95
    near = predictive_interval(0.9, [0.88, 0.89, 0.87, 0.9], [*"abcd"], 1000)
    assert near.high >= 0.9


@pytest.mark.parametrize(
    ("clean", "values", "families", "pictures"),
    [(0.9, [0.5], [], 10), (1.2, [], [], 10), (0.9, [float("nan")], ["a"], 10), (0.9, [], [], 0)],
    ids=["family", "clean", "nan", "pictures"],
)
def test_the_interval_refuses_what_is_no_accuracy(clean, values, families, pictures):
    with pytest.raises(DataError, match="interval of the hidden score"):
        predictive_interval(clean, values, families, pictures)


def test_winkler_is_the_width_inside_and_grows_tenfold_and_more_outside():
    assert winkler(0.4, 0.6, 0.5) == pytest.approx(0.2)
    assert winkler(0.4, 0.6, 0.3) == pytest.approx(0.2 + 20 * 0.1)


def test_the_shortest_interval_leaves_out_the_long_tail():
    draws = np.random.default_rng(0).exponential(size=20_000)
    low, high = shortest(draws)
    assert low < 0.02 and high == pytest.approx(np.log(10), abs=0.1)


def test_thresholds_and_confidence_are_exact_where_the_network_is_calibrated():
    labels, probabilities = network(4000, 2.0, 0)
    reference = fit_reference(probabilities, labels)
    assert reference.temperature == pytest.approx(1, abs=0.1)
    own = signals(reference, probabilities)
    assert own.thresholded_confidence == pytest.approx(reference.accuracy, abs=1e-3)
    assert own.thresholded_entropy == pytest.approx(reference.accuracy, abs=1e-3)
    assert own.confidence_difference == pytest.approx(reference.accuracy, abs=1e-9)
    harder_labels, harder = network(4000, 1.2, 1)
    told, truth = signals(reference, harder), accuracy(harder_labels, harder)
    assert truth < reference.accuracy - 0.1
    for value in (told.mean_confidence, told.confidence_difference, told.transport):
        assert value == pytest.approx(truth, abs=0.03)
    assert told.thresholded_confidence < own.thresholded_confidence - 0.1


def test_thresholds_are_exact_for_a_network_that_knows_what_it_does_not_know():
    sure, unsure = np.tile([0.9, 0.1, 0.0], (300, 1)), np.tile([0.4, 0.3, 0.3], (300, 1))
    labels = np.repeat([0, 1], [300, 300])  # right where it is sure, wrong elsewhere
    reference = fit_reference(np.concatenate([sure, unsure]), labels)
    told = signals(reference, np.concatenate([sure[:60], unsure[:240]]))
    assert told.thresholded_confidence == told.thresholded_entropy == pytest.approx(0.2)


def test_temperature_undoes_an_overconfident_network():
    labels, probabilities = network(4000, 1.5, 2)
    assert fit_reference(soften(probabilities, 0.5), labels).temperature == pytest.approx(2, abs=0.2)


def test_transport_sees_a_network_that_calls_everything_by_one_name():
    labels, probabilities = network(2000, 1.5, 3)
    spoiled_labels, spoiled = network(2000, 1.5, 4, pull=6.0)
    reference = fit_reference(probabilities, labels)
    told, truth = signals(reference, spoiled), accuracy(spoiled_labels, spoiled)
    assert told.mean_confidence > truth + 0.4
    assert told.transport < truth + 0.15
    assert told.class_distance > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_of_assigning_classes_find_the_same_optimum(seed):
    rng = np.random.default_rng(seed)
    values, places = rng.dirichlet(np.full(6, 0.3), 150), _places(rng.dirichlet(np.ones(6)), 150)
    one, other = _assign(values, places), _assign_many(values, places)
    assert np.bincount(one, minlength=6).tolist() == places.tolist()
    rows = np.arange(150)
    assert values[rows, one].sum() == pytest.approx(values[rows, other].sum())


def test_transport_draws_from_many_pictures_and_takes_many_classes():
    rng = np.random.default_rng(0)
    many = rng.dirichlet(np.ones(3), 3000)
    assert transport(many, np.ones(3) / 3) == pytest.approx(transport(many[:2000], np.ones(3) / 3), abs=0.03)
    assert transport(np.eye(80), np.full(80, 1 / 80)) == pytest.approx(1)


def test_agreement_is_the_accuracy_of_members_that_err_independently_and_evenly():
    same = np.eye(3)[None, [0, 1, 2, 0]].repeat(2, axis=0)
    assert agreement(same) == 1
    other = same.copy()
    other[1, 0] = np.eye(3)[1]
    assert agreement(other) == 0.75
    assert agreement(same[:1]) is None


@pytest.mark.parametrize("members", [2, 3, 5])
def test_a_majority_vote_is_taken_apart_again(members):
    from toolkit.ensembling.votes import majority

    each = np.stack([network(500, 3.0, seed)[1] for seed in range(members)])
    each[:, 0] = np.eye(CLASSES)[2]  # all members wholly sure
    mean, agreed = agreement_of_votes(majority(each), members)
    np.testing.assert_allclose(mean, each.mean(axis=0), atol=1e-5)
    assert agreed == pytest.approx(agreement(each))


def shifted_tests(seed, pulls):
    """Local tests in which each family spoils the network its own way."""
    tests = [KnownTest("", *network(800, 2.0, seed))]
    for number, pull in enumerate(pulls):
        tests.append(KnownTest(f"family{number % 7}", *network(800, 1.0 + 0.12 * number, seed + number + 1, pull)))
    return tests


def test_all_signals_together_beat_confidence_and_tell_their_error():
    tests = shifted_tests(0, [0, 1, 2, 3, 1, 2, 0.5, 4, 0, 3, 1.5, 2.5, 0.2, 2])
    known = Calibration.of(tests)
    misses, baseline, covered = [], [], []
    for seed, pull in ((100, 0.3), (200, 1.2), (300, 2.2), (400, 3.2)):
        labels, probabilities = network(1000, 1.4, seed, pull)
        found = known.estimate(probabilities)
        combined, single = found.combined, found.single
        truth = accuracy(labels, probabilities)
        misses.append(abs(combined.point - truth))
        baseline.append(abs(single["mean confidence"].point - truth))
        covered.append(combined.low <= truth <= combined.high)
        assert combined.error is not None and combined.error < 0.1
    assert np.mean(misses) < 0.05 < np.mean(baseline)
    assert sum(covered) >= 3


@pytest.mark.parametrize("shifted", [0, 1, 3], ids=["none", "one", "three"])
def test_few_local_tests_still_give_an_estimate_and_few_make_it_vague(shifted):
    tests = shifted_tests(5, [1.0, 2.0, 0.5])[: shifted + 1]
    labels, probabilities = network(300, 1.4, 77, 1.0)
    found = Calibration.of(tests).estimate(probabilities)
    combined, single = found.combined, found.single
    assert 0 <= combined.low < combined.point < combined.high <= 1
    assert combined.high - combined.low > 0.15
    assert combined.low <= accuracy(labels, probabilities) <= combined.high
    assert (single["ATC"].error is None) == (shifted == 0)
    assert "GDE" not in single


def test_a_network_that_is_always_right_is_estimated_without_a_fuss():
    labels = np.arange(60) % 3
    tests = [KnownTest("", labels, np.eye(3)[labels]), KnownTest("blur", labels, np.eye(3)[labels])]
    combined = Calibration.of(tests).estimate(np.eye(3)[labels]).combined
    assert combined.point > 0.95 and combined.high <= 1


def test_one_class_and_one_picture_are_no_special_cases():
    tests = [KnownTest("", np.zeros(4, int), np.ones((4, 1)))]
    combined = Calibration.of(tests).estimate(np.ones((1, 1))).combined
    assert 0 < combined.low < combined.high <= 1


def test_estimates_refuse_other_classes_and_broken_probabilities():
    labels, probabilities = network(50, 1.0, 0)
    reference = fit_reference(probabilities, labels)
    with pytest.raises(DataError, match="classes"):
        signals(reference, np.full((5, 3), 1 / 3))
    with pytest.raises(DataError, match="finite"):
        signals(reference, np.full((5, CLASSES), np.nan))
    own = signals(reference, probabilities)
    with pytest.raises(DataError, match="at least one local test"):
        combine([], [], [], own, 10)
    assert "ATC" in single_estimates([own], [0.5], [""], own)


CELLS = ["clean", "blur@2", "blur@4", "noise@2", "noise@4", "fog@2", "fog@4"]
KINDS = ["", "blur", "blur", "noise", "noise", "fog", "fog"]


def models(count, seed):
    rng = np.random.default_rng(seed)
    table = expit(logit(np.array([0.93, 0.8, 0.5, 0.8, 0.55, 0.85, 0.6])) + 0.7 * rng.standard_normal((count, 7)))
    return np.asarray(table)


def test_planted_weights_are_found_again_from_many_scores():
    planted = np.array([0.0, 0.0, 0.7, 0.0, 0.3, 0.0, 0.0])
    table = models(12, 0)
    mix = fit_mix(CELLS, KINDS, table, table @ planted, 5000)
    assert mix.weights.sum() == pytest.approx(1)
    assert mix.weights[2] > 0.45 and mix.weights[2] == max(mix.weights)
    assert mix.weights[[0, 1, 3, 5, 6]].max() < 0.2
    low, high = mix.ends()
    assert (low <= mix.weights).all() and (mix.weights <= high).all()


def test_three_scores_foretell_the_others_and_cover_them():
    rng = np.random.default_rng(2)
    misses, covered, naive = [], [], []
    for seed in range(8):
        planted = rng.dirichlet(np.full(7, 0.5))
        table = models(5, seed)
        truth = table @ planted
        mix = fit_mix(CELLS, KINDS, table[:3], truth[:3], 1000)
        for row in (3, 4):
            found = foretell(mix, "next", table[row], 1000).estimate
            misses.append(abs(found.point - truth[row]))
            naive.append(abs(table[row, 0] - truth[row]))
            covered.append(found.low <= truth[row] <= found.high)
    assert np.mean(misses) < 0.06 < np.mean(naive)
    assert np.mean(covered) >= 0.75


def test_without_scores_the_mix_is_the_prior_with_all_families_alike():
    mix = fit_mix(CELLS, KINDS, np.empty((0, 7)), [], 1000)
    np.testing.assert_allclose([mix.weights[0], mix.weights[1:3].sum()], [0.25, 0.25], atol=0.02)
    alone = foretell(mix, "first", models(1, 0)[0], 1000)
    assert alone.beats is None and alone.gain is None
    assert alone.estimate.high - alone.estimate.low > 0.15


def test_the_better_candidate_ranks_first_and_likelier_beats_the_best():
    table = models(3, 4)
    mix = fit_mix(CELLS, KINDS, table, table.mean(axis=1), 1000)
    better, worse = np.minimum(table[0] + 0.1, 1), np.maximum(table[0] - 0.1, 0)
    ranked = rank([foretell(mix, "worse", worse, 1000), foretell(mix, "better", better, 1000)])
    assert [row.name for row in ranked] == ["better", "worse"]
    assert ranked[0].beats > ranked[1].beats and ranked[0].gain > ranked[1].gain


def test_scores_that_no_mix_explains_widen_the_answer_instead_of_failing():
    table = models(3, 5)
    mix = fit_mix(CELLS, KINDS, table, [0.02, 0.99, 0.01], 1000)
    found = foretell(mix, "next", table[0], 1000).estimate
    assert 0 <= found.low <= found.point <= found.high <= 1


def test_a_mix_refuses_percentages_and_gaps():
    with pytest.raises(DataError, match="fractions"):
        fit_mix(CELLS, KINDS, models(1, 0), [87.0], 1000)
    with pytest.raises(DataError, match="one family each"):
        fit_mix(CELLS, KINDS[:2], models(1, 0), [0.8], 1000)


def test_shifted_features_are_told_apart_and_equal_ones_are_not():
    rng = np.random.default_rng(0)
    ours, alike, other = (rng.standard_normal((150, 8)) for _ in range(3))
    other[:75] += 2.5  # half of the target pictures give it away
    same, apart = separate(ours, alike), separate(ours, other)
    assert same.low < 0.5 < same.high
    assert apart.low > 0.6
    assert (apart.rows[:50] < 75).mean() > 0.9
    with pytest.raises(DataError, match="needs 10 of each"):
        separate(ours[:5], other)


def test_errors_of_past_estimates_correct_the_next_one_more_so_for_a_similar_model():
    alike, unlike = np.full((4, 6), 0.7), np.vstack([np.full((3, 6), 0.7), np.full((1, 6), 0.2)])
    near = corrected(0.8, [0.8, 0.82, 0.78], [0.6, 0.62, 0.58], alike, 1000)
    far = corrected(0.8, [0.8, 0.82, 0.78], [0.6, 0.62, 0.58], unlike, 1000)
    assert near.low < 0.6 < near.high and near.point < far.point < 0.8
    assert near.high - near.low < far.high - far.low
    untouched = corrected(0.8, [], [], alike[:1], 1000)
    assert untouched.point == pytest.approx(0.8)
    with pytest.raises(DataError, match="one row of local tests"):
        corrected(0.8, [0.8], [0.6], alike[:1], 1000)
