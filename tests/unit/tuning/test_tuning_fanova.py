"""Importances of functions whose shares of variance are known by calculation."""

import itertools

import numpy as np
import optuna
import pytest

from toolkit.errors import SearchError
from toolkit.tuning.fanova import Fanova, pooled
from toolkit.tuning.forest import grow
from toolkit.tuning.levels import levels, position
from toolkit.tuning.narrowing import narrower
from toolkit.tuning.ped_anova import ped_anova
from toolkit.tuning.space import Choice, FloatRange, IntRange

UNIT = FloatRange(0.0, 1.0)


def draws(n, names, seed=0):
    rng = np.random.default_rng(seed)
    return [dict(zip(names, row, strict=True)) for row in rng.uniform(size=(n, len(names))).tolist()]


def lattice(side, names):
    """Middles of a regular lattice: a forest without noise learns the function nearly exactly."""
    ticks = ((np.arange(side) + 0.5) / side).tolist()
    return [dict(zip(names, row, strict=True)) for row in itertools.product(ticks, repeat=len(names))]


def test_main_and_interaction_shares_of_a_product_are_those_of_the_calculation():
    # f = x·y on the unit square: Var E[f|x] = Var(x)/4 = 1/48 each, Var f = 1/9 − 1/16 = 7/144,
    # so each alone explains 3/7 and their interaction 1/7.
    rows = lattice(24, "xy")
    fitted = Fanova(rows, [row["x"] * row["y"] for row in rows], {"x": UNIT, "y": UNIT})
    single, pairs = fitted.single(), fitted.pairs()
    assert single["x"].mean == pytest.approx(3 / 7, abs=0.02)
    assert single["y"].mean == pytest.approx(3 / 7, abs=0.02)
    assert pairs["x", "y"].mean == pytest.approx(1 / 7, abs=0.02)


def test_a_pure_interaction_has_no_main_effect():
    # f = (x − ½)(y − ½): both marginals are constant, all of the variance is the pair's.
    rows = lattice(24, "xy")
    scores = [(row["x"] - 0.5) * (row["y"] - 0.5) for row in rows]
    fitted = Fanova(rows, scores, {"x": UNIT, "y": UNIT})
    assert max(share.mean for share in fitted.single().values()) < 0.03
    assert fitted.pairs()["x", "y"].mean > 0.94


def test_a_sum_has_shares_by_the_squares_of_its_factors_and_no_interaction():
    # f = 2x + y over four dimensions of which two do nothing: shares 4/5, 1/5, 0, 0.
    rows = draws(1500, "xyzw")
    fitted = Fanova(rows, [2 * row["x"] + row["y"] for row in rows], dict.fromkeys("xyzw", UNIT))
    single = fitted.single()
    assert list(single)[:2] == ["x", "y"]
    assert single["x"].mean == pytest.approx(0.8, abs=0.03)
    assert single["y"].mean == pytest.approx(0.2, abs=0.03)
    assert max(single["z"].mean, single["w"].mean) < 0.01
    assert max(share.mean for share in fitted.pairs().values()) < 0.02


def test_the_parts_of_a_tree_sum_to_its_variance():
    # In two dimensions, two main effects and one interaction are all there is.
    rng = np.random.default_rng(3)
    rows = rng.uniform(size=(80, 2))
    for tree in grow(rows, np.sin(7 * rows[:, 0]) * rows[:, 1] + rng.normal(size=80), trees=8, seed=0):
        parts = tree.main_variance(0) + tree.main_variance(1) + tree.interaction_variance(0, 1)
        assert parts == pytest.approx(tree.variance, rel=1e-9)


def test_single_shares_agree_with_optunas():
    rows = draws(150, "xyz", seed=5)
    scores = [np.sin(5 * row["x"]) + row["y"] ** 2 + 0.5 * row["x"] * row["z"] for row in rows]
    study = optuna.create_study()
    distributions = dict.fromkeys("xyz", optuna.distributions.FloatDistribution(0.0, 1.0))
    for row, score in zip(rows, scores, strict=True):
        study.add_trial(optuna.trial.create_trial(params=row, distributions=distributions, value=score))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    theirs = evaluator.evaluate(study)
    ours = Fanova(rows, scores, dict.fromkeys("xyz", UNIT), seed=0).single()
    # The same forest (seed and data), so the same figures but for rounding.
    assert {name: share.mean for name, share in ours.items()} == pytest.approx(theirs, abs=1e-6)


def test_logarithmic_dimensions_are_measured_by_their_logarithm():
    # f = log10 of the rate: its share beside an equally wide plain dimension is a half.
    rng = np.random.default_rng(0)
    rows = [{"rate": 10 ** rng.uniform(-4, -2), "x": rng.uniform()} for _ in range(800)]
    scores = [np.log10(row["rate"]) / 2 + row["x"] for row in rows]
    fitted = Fanova(rows, scores, {"rate": FloatRange(1e-4, 1e-2, log=True), "x": UNIT})
    assert fitted.single()["rate"].mean == pytest.approx(0.5, abs=0.04)


def test_choices_and_whole_numbers_weigh_alike():
    # f = 1 for one of four choices: variance 3/16, all of it the choice's; the number of layers does nothing.
    space = {"kind": Choice(("a", "b", None, [1, 2])), "layers": IntRange(1, 3)}
    rows = [{"kind": kind, "layers": layers} for kind in space["kind"].values for layers in (1, 2, 3)] * 10
    fitted = Fanova(rows, [float(row["kind"] is None) for row in rows], space)
    assert fitted.single()["kind"].mean == pytest.approx(1.0, abs=1e-6)
    assert fitted.marginal("kind").mean == pytest.approx((0, 0, 1, 0), abs=1e-6)
    assert fitted.marginal("layers").values == (1, 2, 3)


def test_a_conditional_dimension_counts_only_where_it_exists():
    # With two layers the score is the width's, with one it is a half: the width explains
    # Var(E[f|w]) = Var(w/2) = 1/48, layers nothing alone, the pair E[(w−½)²]/4 = 1/48: half and half.
    rng = np.random.default_rng(1)
    rows = []
    for width in rng.uniform(size=1200).tolist():
        rows.append({"layers": 2, "width": width} if len(rows) % 2 else {"layers": 1})
    scores = [row.get("width", 0.5) for row in rows]
    fitted = Fanova(rows, scores, {"layers": IntRange(1, 2), "width": UNIT})
    single = fitted.single()
    assert single["layers"].mean < 0.02
    assert single["width"].mean == pytest.approx(0.5, abs=0.12)
    assert fitted.pairs()["layers", "width"].mean == pytest.approx(0.5, abs=0.12)


def test_pooling_removes_what_is_only_the_data_sets_difficulty():
    rows = {"easy": draws(200, "xy", 1), "hard": draws(200, "xy", 2)}
    scores = {
        "easy": [0.9 + 0.01 * row["x"] for row in rows["easy"]],
        "hard": [0.2 + 0.3 * row["x"] for row in rows["hard"]],
    }
    fitted = pooled(rows, scores, {"x": UNIT, "y": UNIT})
    assert fitted.single()["x"].mean > 0.97


def test_ped_anova_ranks_what_separates_the_best():
    rows = draws(200, "xyz", seed=2)
    found = ped_anova(rows, [-((row["x"] - 0.3) ** 2) for row in rows], dict.fromkeys("xyz", UNIT))
    assert next(iter(found)) == "x"
    assert sum(found.values()) == pytest.approx(1.0)


def test_a_narrower_space_keeps_the_best_and_drops_what_is_clearly_worse():
    rng = np.random.default_rng(0)
    rows = [
        {"rate": 10 ** rng.uniform(-5, -1), "kind": "abc"[rng.integers(3)], "idle": rng.uniform()} for _ in range(300)
    ]
    scores = [-((np.log10(row["rate"]) + 3) ** 2) - 5 * (row["kind"] == "c") + 0.3 * rng.normal() for row in rows]
    space = {"rate": FloatRange(1e-5, 1e-1, log=True), "kind": Choice(tuple("abc")), "idle": UNIT}
    found = {one.name: one for one in narrower(Fanova(rows, scores, space), keep={"rate": 2e-3})}
    rate = found["rate"].after
    assert 1e-5 < rate.low < 1e-3 < rate.high < 1e-1
    assert rate.low <= 2e-3 <= rate.high
    assert rate.log
    assert found["kind"].after.values == ("a", "b")
    assert found["idle"].after.high - found["idle"].after.low > 0.5
    minimised = narrower(Fanova(rows, [-score for score in scores], space), direction="minimize")
    assert next(one for one in minimised if one.name == "kind").after.values == ("a", "b")


@pytest.mark.parametrize(
    ("dimension", "count", "expected"),
    [
        (FloatRange(0.0, 0.5), 3, [0.0, 0.25, 0.5]),
        (FloatRange(1e-4, 1e-2, log=True), 3, [1e-4, 1e-3, 1e-2]),
        (FloatRange(0.0, 1.0, step=0.25), 9, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (IntRange(1, 3), 5, [1, 2, 3]),
        (IntRange(8, 128, log=True), 5, [8, 16, 32, 64, 128]),
        (IntRange(0, 10, step=5), 2, [0, 10]),
        (Choice(("a", "b", "c")), 2, ["a", "c"]),
        (Choice(("a", "b", "c")), 1, ["b"]),
        (FloatRange(0.3, 0.3), 4, [0.3]),
    ],
    ids=str,
)
def test_levels_are_evenly_spread(dimension, count, expected):
    assert levels(dimension, count) == pytest.approx(expected) if not isinstance(expected[0], str) else expected
    places = [position(dimension, value) for value in levels(dimension, count)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)


def test_too_few_trials_are_refused():
    with pytest.raises(SearchError, match="at least 4 trials"):
        Fanova([{"x": 0.5}], [1.0], {"x": UNIT})
    with pytest.raises(SearchError, match="at least 6 trials"):
        ped_anova([{"x": 0.5}], [1.0], {"x": UNIT})
