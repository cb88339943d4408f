"""Sweeps around a tuned set: what is better is taken, what is noise is not."""

import numpy as np
import pytest

from toolkit.errors import SearchError
from toolkit.tuning.judging import Ledger
from toolkit.tuning.modification import gain_with_lower_end, modify, most_and_least
from toolkit.tuning.space import Choice, FloatRange

SPACE = {"dropout": FloatRange(0.0, 0.5), "batch": Choice((16, 32, 64)), "rate": FloatRange(1e-4, 1e-2, log=True)}
TUNED = {"dropout": 0.124, "batch": 32, "rate": 1e-3}
IMPORTANCES = {"rate": 0.2, "dropout": 0.7, "batch": 0.1}


def textile(parameters, *, fold, seed, epochs):
    """Best at dropout 0.4, as in the report's second table; folds differ in difficulty."""
    return 0.9 - 0.8 * abs(parameters["dropout"] - 0.4) - 0.05 * fold


def noise(spread, seed):
    rng = np.random.default_rng(seed)

    def evaluate(parameters, *, fold, seed, epochs):
        return 0.8 - 0.05 * fold + spread * rng.normal()

    return evaluate


def test_the_most_and_the_least_important_are_swept_alone():
    swept = most_and_least(IMPORTANCES, TUNED)
    assert swept == {"dropout": "most important", "batch": "least important"}
    found = modify(textile, SPACE, TUNED, swept, folds=3)
    for step in found.steps:
        changed = [name for name in TUNED if step.judged.parameters[name] != TUNED[name]]
        assert changed == [step.name]
    assert [step.value for step in found.steps if step.name == "batch"] == [16, 64]


def test_a_clear_gain_is_taken():
    manual = {"dropout": 0.0, "batch": 16, "rate": 1e-3}
    found = modify(textile, SPACE, TUNED, most_and_least(IMPORTANCES, TUNED), folds=5, manual=manual)
    assert found.accepted.name == "dropout"
    assert found.accepted.value == pytest.approx(0.4)
    assert found.manual.mean < found.tuned.mean < found.modified.mean
    assert found.modified.parameters == {**TUNED, "dropout": found.accepted.value}
    assert found.tuned.sd == pytest.approx(0.05 * np.std(range(5), ddof=1))


def test_a_loss_is_improved_downwards():
    def loss(parameters, **where):
        return 1 - textile(parameters, **where)

    found = modify(loss, SPACE, TUNED, {"dropout": "most important"}, folds=4, direction="minimize")
    assert found.accepted.value == pytest.approx(0.4)
    assert found.modified.mean < found.tuned.mean


def test_noise_is_rarely_taken_for_a_gain():
    taken = 0
    for seed in range(200):
        found = modify(noise(0.02, seed), SPACE, TUNED, most_and_least(IMPORTANCES, TUNED), folds=5)
        best = max(found.steps, key=lambda step: step.gain)
        assert best.gain > 0 or found.accepted is None
        taken += found.accepted is not None
    assert taken <= 0.05 * 200


def test_the_lower_end_is_that_of_nadeau_and_bengio():
    scores, reference = [0.9, 0.8, 0.85, 0.95], [0.8, 0.75, 0.85, 0.8]
    differences = np.array([0.1, 0.05, 0.0, 0.15])
    gain, low = gain_with_lower_end(scores, reference, level=0.05, direction="maximize")
    assert gain == pytest.approx(0.075)
    # t with 3 degrees of freedom, one-sided 95 %: 2.3534.
    assert low == pytest.approx(0.075 - 2.3534 * differences.std(ddof=1) * np.sqrt(1 / 4 + 1 / 3), abs=1e-5)


def test_a_training_that_breaks_down_is_never_taken():
    def breaks(parameters, *, fold, seed, epochs):
        return float("nan") if parameters["dropout"] > 0.3 else 0.5 - 0.01 * fold

    found = modify(breaks, SPACE, TUNED, {"dropout": "most important"}, folds=3)
    assert found.accepted is None
    assert found.modified == found.tuned


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path):
    asked = []

    def dies(parameters, *, fold, seed, epochs):
        asked.append((parameters["dropout"], fold))
        if len(asked) == 7:
            raise KeyboardInterrupt
        return textile(parameters, fold=fold, seed=seed, epochs=epochs)

    def start():
        return modify(Ledger(dies, tmp_path / "l.jsonl"), SPACE, TUNED, {"dropout": "most important"}, folds=3)

    with pytest.raises(KeyboardInterrupt):
        start()
    with (tmp_path / "l.jsonl").open("a") as stream:
        stream.write('\n{"parameters": {"dro')  # a crash in the middle of a line
    found = start()
    whole = modify(textile, SPACE, TUNED, {"dropout": "most important"}, folds=3)
    assert found == whole
    assert len(asked) == len(set(asked)) + 1


def test_impossible_sweeps_are_refused():
    with pytest.raises(SearchError, match="at least 2 folds"):
        modify(textile, SPACE, TUNED, {}, folds=1)
    with pytest.raises(SearchError, match="no dimension"):
        modify(textile, SPACE, TUNED, {"colour": "most important"}, folds=2)
    with pytest.raises(SearchError, match="nothing to sweep"):
        most_and_least({"units": 1.0}, TUNED)
