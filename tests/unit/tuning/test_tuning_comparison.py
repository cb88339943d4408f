"""Methods under one budget of epochs, and the tests of report E."""

import math
from functools import partial

import pytest

from toolkit.errors import SearchError
from toolkit.proportions import Counted
from toolkit.tuning.comparison import Contest, compare
from toolkit.tuning.methods import Halving, asha, fixed_length
from toolkit.tuning.proposals import Fixed, Sampled, grid
from toolkit.tuning.space import Choice, Condition, FloatRange, IntRange, suggest

SPACE = {"rate": FloatRange(1e-4, 3e-2, log=True), "dropout": FloatRange(0.01, 0.4), "layers": Choice((9, 14, 18, 132))}


def learning(parameters, *, fold=0, seed=0, epochs=25):
    """A learning curve that rises towards a ceiling set by the parameters."""
    ceiling = 0.9 - 0.05 * (math.log10(parameters["rate"]) + 2.5) ** 2 - 0.2 * (parameters["dropout"] - 0.2) ** 2
    return ceiling * (1 - math.exp(-epochs / 4))


def draw(trial):
    return suggest(trial, SPACE)


def contest(name="a", evaluate=learning, **settings):
    return Contest(name, evaluate, draw, SPACE, **settings)


@pytest.mark.parametrize("method", ["grid", "random", "tpe", "asha"])
def test_every_method_spends_its_epochs_and_no_more(method):
    trained = []

    def counting(parameters, *, fold, seed, epochs):
        trained.append(epochs)
        return learning(parameters, epochs=epochs)

    found = compare([contest(evaluate=counting)], [method], budget=400)
    spent = found.cells[0].spent
    assert sum(trained) == spent.epochs
    assert spent.epochs == 400
    if method != "asha":
        assert (spent.sets, set(trained)) == (16, {25})
    else:
        assert set(trained) == {1, 4, 16}


def test_the_table_has_the_largest_difference_of_each_data_set():
    def flat(parameters, **where):
        return 0.5

    found = compare([contest("a"), contest("b", flat)], ["random", "tpe"], budget=200)
    scores = [found.cell("a", method).score for method in ("random", "tpe")]
    assert found.largest_difference("a") == pytest.approx(abs(scores[0] - scores[1]))
    assert found.largest_difference("b") == 0
    assert found.pairs() == []  # nothing was tested on other pictures


def test_winners_are_tested_on_other_pictures_with_intervals_and_z_tests():
    asked = []

    def test(parameters, epochs):
        asked.append(epochs)
        return Counted(1365 * (0.79 if len(asked) == 1 else 0.85), 1365)

    found = compare([contest(test=test)], ["grid", "asha"], budget=100)
    assert asked == [25, 16]
    low, high = found.cell("a", "grid").tested.wilson
    assert low < 0.79 < high
    (pair,) = found.pairs()
    assert (pair.one, pair.other) == ("grid", "asha")
    assert pair.test.z < 0
    assert pair.test.p < 0.001


def test_asha_promotes_the_best_quarter_and_resuming_saves_epochs():
    sets = [{"quality": quality} for quality in range(16)]

    def train(parameters, epochs):
        return float(parameters["quality"])

    found = asha(train, Fixed(sets[::-1]), budget=1000, halving=Halving())
    by_rung = {
        epochs: [t.parameters["quality"] for t in found.trainings if t.epochs == epochs] for epochs in (1, 4, 16)
    }
    assert (len(by_rung[1]), len(by_rung[4]), len(by_rung[16])) == (16, 4, 1)
    assert sorted(by_rung[4], reverse=True) == [15, 14, 13, 12]
    assert by_rung[16] == [15]
    assert found.epochs == 16 * 1 + 4 * 4 + 1 * 16
    resumed = asha(train, Fixed(sets[::-1]), budget=1000, halving=Halving(resumes=True))
    assert resumed.epochs == 16 * 1 + 4 * 3 + 1 * 12
    assert resumed.best.parameters == {"quality": 15}


def test_asha_promotes_asynchronously_a_set_that_was_stopped_before():
    # The best comes last: worse sets went on before it, and nothing waits for a full rung.
    found = asha(lambda parameters, epochs: float(parameters["q"]), Fixed([{"q": q} for q in range(8)]), budget=1000)
    order = [(t.parameters["q"], t.epochs) for t in found.trainings]
    assert order.index((3, 4)) < order.index((4, 1))
    assert order[-2:] == [(7, 4), (7, 16)]


def test_asha_ends_with_the_wanted_number_of_fully_trained_sets():
    proposer = Sampled(draw, "random", seed=3)
    found = asha(
        lambda parameters, epochs: learning(parameters, epochs=epochs),
        proposer,
        budget=10_000,
        halving=Halving(fully_trained=4),
    )
    assert sum(training.epochs == 16 for training in found.trainings) == 4
    assert found.best.epochs == 16


def test_rungs_follow_the_papers_formula():
    assert Halving().rungs == [1, 4, 16]
    assert Halving(stopping=1).rungs == [4, 16]
    assert Halving(shortest=2, longest=20, reduction=3).rungs == [2, 6, 18]
    with pytest.raises(SearchError, match="leaves no rung"):
        Halving(stopping=5)
    with pytest.raises(SearchError, match="reduction"):
        Halving(reduction=1)


def test_a_training_that_breaks_down_never_wins():
    def breaks(parameters, epochs):
        return float("nan") if parameters["rate"] > 1e-3 else learning(parameters, epochs=epochs)

    for method in (partial(fixed_length, epochs=25), asha):
        found = method(breaks, Sampled(draw, "random", seed=0), budget=400)
        assert math.isfinite(found.best.score)
        assert all(math.isfinite(score) for score in found.course()[1][-3:])
    with pytest.raises(SearchError, match="finite score"):
        _ = asha(lambda *_: float("nan"), Sampled(draw, "tpe", seed=0), budget=20).best


def test_a_grid_is_spread_over_the_space_and_knows_conditions():
    space = {"layers": IntRange(1, 2), "units.1": Choice((64, 128)), "rate": FloatRange(1e-4, 1e-2, log=True)}
    rules = (Condition("units.1", "layers", 2),)
    sets = grid(lambda trial: suggest(trial, space, rules), space, 16)
    assert len(sets) == len({str(one) for one in sets}) == 12  # 2·2·4 levels; width 2 does not exist with one layer
    assert {one["layers"] for one in sets} == {1, 2}
    assert all(("units.1" in one) == (one["layers"] == 2) for one in sets)
    assert min(one["rate"] for one in sets) == pytest.approx(1e-4)
    assert max(one["rate"] for one in sets) == pytest.approx(1e-2)


def test_unknown_methods_and_small_budgets_are_refused():
    with pytest.raises(SearchError, match="did you mean 'random'"):
        compare([contest()], ["rnadom"], budget=400)
    with pytest.raises(SearchError, match="budget of 20 epochs"):
        compare([contest()], ["grid"], budget=20)
