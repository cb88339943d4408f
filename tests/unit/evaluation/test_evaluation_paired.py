"""Tests of paired differences, against values computed by hand and against what they promise under simulation."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_ind, ttest_rel

from toolkit.evaluation.paired import (
    Spread,
    holm,
    mcnemar,
    over_both,
    over_pictures,
    over_runs,
    paired_bootstrap,
    pictures_needed,
    smallest_seen,
)


def answers(gained, lost, both=0, neither=0):
    one = np.repeat([False, True, True, False], [gained, lost, both, neither])
    other = np.repeat([True, False, True, False], [gained, lost, both, neither])
    return one, other


def alone(n):
    return np.arange(n)


@pytest.mark.parametrize(
    ("gained", "lost", "exact", "mid"),
    [
        (1, 0, 1.0, 0.5),
        (5, 0, 2 / 32, 1 / 32),
        (9, 1, 22 / 1024, 12 / 1024),  # 2·(1 + 10)/1024, less the 10/1024 of the outcome itself
        (3, 3, 1.0, 1 - 20 / 64 / 2),
        (0, 0, 1.0, 1.0),
    ],
)
def test_mcnemar_gives_the_binomial_values_worked_out_by_hand(gained, lost, exact, mid):
    for pair in ((gained, lost), (lost, gained)):
        found = mcnemar(*answers(*pair, both=40, neither=7))
        assert (found.gained, found.lost) == pair
        assert found.exact == pytest.approx(exact)
        assert found.mid == pytest.approx(mid)


def test_exact_mcnemar_is_the_binomial_test_of_the_disagreements_and_mid_p_is_smaller():
    for gained, lost in ((30, 18), (260, 207), (1, 14)):
        found = mcnemar(*answers(gained, lost, both=500))
        assert found.exact == pytest.approx(binomtest(gained, gained + lost).pvalue)
        assert found.mid < found.exact


def test_holm_corrects_by_rank_and_never_reorders():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_error_over_pictures_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 80)) < [[0.8], [0.9]]
    found = over_pictures(other.astype(float) - one, alone(80))
    assert found.p == pytest.approx(ttest_rel(other.astype(float), one.astype(float)).pvalue)


def test_copies_of_every_picture_make_nothing_surer():
    gaps = np.repeat([1.0, -1.0, 0.0], [14, 4, 42])
    once = over_pictures(gaps, alone(60))
    thrice = over_pictures(np.tile(gaps, 3), np.tile(alone(60), 3))
    assert (thrice.error, thrice.freedom) == pytest.approx((once.error, once.freedom))
    assert over_pictures(np.tile(gaps, 3), alone(180)).error < 0.6 * once.error
    ends = paired_bootstrap(np.tile(gaps, 3), np.tile(alone(60), 3))
    assert ends == pytest.approx(paired_bootstrap(gaps, alone(60)), abs=0.005)


def test_the_bootstrap_interval_agrees_with_the_normal_one_on_many_pictures():
    gaps = np.repeat([1.0, -1.0, 0.0], [300, 200, 4500])
    low, high = paired_bootstrap(gaps, alone(5000))
    half = 1.96 * gaps.std() / math.sqrt(5000)
    assert (low, high) == pytest.approx((0.02 - half, 0.02 + half), abs=4e-4)


def test_errors_over_runs_are_those_of_students_and_welchs_tests():
    one, other = [0.80, 0.82, 0.79, 0.81], [0.83, 0.84, 0.80, 0.86]
    assert over_runs(one, other, matched=True).p == pytest.approx(ttest_rel(other, one).pvalue)
    welch = ttest_ind(other, one, equal_var=False)
    assert over_runs(one, other, matched=False).p == pytest.approx(welch.pvalue)


def test_errors_of_pictures_and_runs_add_up():
    both = over_both(Spread(0.02, 0.003, 999), Spread(0.02, 0.004, 2))
    assert both.error == pytest.approx(0.005)
    assert both.freedom == pytest.approx(0.005**4 / (0.003**4 / 999 + 0.004**4 / 2))
    assert Spread(0.0, 0.0, 5).p == 1
    assert Spread(0.1, 0.0, 5).p == 0


def test_pictures_needed_follow_from_the_formula_of_paired_proportions():
    # 12 % gained and 8 % lost: a difference of .04 with variance .2 − .04² a picture; (1.96 + .8416)² = 7.849.
    n = 1000
    gaps = np.repeat([1.0, -1.0, 0.0], [120, 80, 800])
    pictures = over_pictures(gaps, alone(n))
    assert pictures_needed(0.04, pictures, n) == pytest.approx(7.849 * (0.2 - 0.0016) / 0.0016, rel=0.002)
    assert smallest_seen(pictures) == pytest.approx(2.8016 * math.sqrt(0.1984 / n), rel=0.002)
    assert pictures_needed(0.04, pictures, n, Spread(0.04, 0.02, 4)) == math.inf


def test_a_difference_is_found_with_the_power_that_was_stated():
    rng = np.random.default_rng(1)
    shares = [0.12, 0.08, 0.8]
    n = round(pictures_needed(0.04, Spread(0.04, math.sqrt(0.1984 / 1000), 999), 1000))
    draws = rng.multinomial(n, shares, 2000)
    found = [mcnemar(*answers(gained, lost)).mid < 0.05 for gained, lost, _ in draws]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("n", [60, 400])
def test_equal_classifiers_differ_in_five_percent_of_the_cases_and_no_more(n):
    rng = np.random.default_rng(n)
    easy = rng.random((4000, n))  # both find the same pictures easy: their answers go together
    one, other = (rng.random((4000, n)) < 0.5 + 0.48 * easy for _ in range(2))
    tests = [mcnemar(a, b) for a, b in zip(one, other, strict=True)]
    mid, exact = (np.mean([getattr(test, name) < 0.05 for test in tests]) for name in ("mid", "exact"))
    assert exact <= mid
    assert 0.035 <= mid <= 0.056
    assert exact <= 0.05


def test_equal_configurations_of_several_seeds_differ_in_at_most_five_percent_of_the_cases():
    rng = np.random.default_rng(5)
    false, over_pictures_alone = [], []
    for _ in range(1500):
        skill = rng.normal(0.85, 0.02, (2, 3, 1))  # each training is a little better or worse
        right = (rng.random((2, 3, 300)) < skill).astype(float)
        gaps = right[1].mean(axis=0) - right[0].mean(axis=0)
        pictures = over_pictures(gaps, alone(300))
        runs = over_runs(*right.mean(axis=2), matched=False)
        false.append(over_both(pictures, runs).p < 0.05)
        over_pictures_alone.append(pictures.p < 0.05)
    assert np.mean(false) <= 0.05
    assert np.mean(over_pictures_alone) > 0.1  # why the seeds must count


def test_holm_keeps_the_chance_of_any_false_finding_among_dependent_tests():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(800):
        answers_of_four = rng.random((4, 200)) < 0.5 + 0.45 * rng.random(200)
        p = [mcnemar(answers_of_four[a], answers_of_four[b]).mid for a in range(4) for b in range(a)]
        hits += min(holm(p)) < 0.05
    assert hits / 800 <= 0.05
