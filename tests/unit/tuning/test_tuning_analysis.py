"""What is compared where a pruner ended most trials."""

import numpy as np

from toolkit.tuning.analysis import analyse, comparable
from toolkit.tuning.records import StudyResult, TrialRecord
from toolkit.tuning.space import FloatRange

SPACE = {"rate": FloatRange(0.0, 1.0), "idle": FloatRange(0.0, 1.0)}


def trial(number, rate, idle, epochs, last, state="complete"):
    course = tuple((epoch, rate * epoch / last) for epoch in range(1, epochs + 1))
    value = course[-1][1] if state == "complete" else None
    return TrialRecord(number, state, value, {"rate": rate, "idle": idle}, {}, 1.0, curve=course)


def study(n, pruned, last=9):
    """The first `pruned` trials end after 2 to 5 epochs, the others after the last."""
    rng = np.random.default_rng(0)
    trials = []
    for number in range(n):
        stopped = number < pruned
        epochs = int(rng.integers(2, 6)) if stopped else last
        trials.append(trial(number, *rng.random(2), epochs, last, "pruned" if stopped else "complete"))
    return StudyResult(tuple(trials), trials[-1], "maximize")


def test_complete_trials_are_compared_at_their_end():
    found = comparable(study(20, 8))
    assert found.epochs is None
    assert len(found.scores) == 12
    assert found.scores[0] == study(20, 8).trials[8].value


def test_where_most_were_pruned_all_are_compared_where_they_were_pruned_first():
    found = comparable(study(30, 26))
    assert found.epochs == 2
    assert len(found.scores) == 30
    np.testing.assert_allclose(found.scores, [one["rate"] * 2 / 9 for one in found.parameters])
    told = analyse(found.parameters, found.scores, SPACE, keep={"rate": 0.1, "idle": 0.5}, epochs=found.epochs)
    assert (told.trials, told.epochs) == (30, 2)
    assert told.single["rate"].mean > 0.8 > 0.1 > told.single["idle"].mean
    rate = next(one for one in told.narrowed if one.name == "rate")
    assert rate.after.low <= 0.1 < 0.5 < rate.after.high


def test_one_that_failed_at_once_does_not_spoil_the_comparison():
    early = trial(0, 0.5, 0.5, 1, 9, "pruned")
    whole = StudyResult((early, *study(30, 26).trials), None, "maximize")
    found = comparable(whole)
    assert (found.epochs, len(found.scores)) == (2, 30)
