"""Foretelling whether the hidden test is predicted in time."""

import pytest

from toolkit.steps.proving import foretell, label_values

LOG = "noise\nloaded in 2.00 s, predicted {} pictures in {} s\n"


@pytest.mark.parametrize(
    ("pictures", "seconds", "hidden", "ok", "words"),
    [
        (1000, "10.00", None, True, "100 pictures/s here: 800 in 12.5 s"),
        (1000, "10.00", 700, True, "9 s of 12.5 s for 700"),
        (1000, "10.00", 900, False, "Too slow"),
        (100, "10.00", 500, True, "at least 10 pictures/s here: at most 52 s"),
        (100, "10.00", 5000, False, "Too slow"),
        (1000, "0.00", 700, True, "100000 pictures/s"),
    ],
    ids=["unknown size", "in time", "too slow", "few pictures prove little", "but not everything", "no time at all"],
)
def test_the_time_of_the_hidden_test_is_foretold(pictures, seconds, hidden, ok, words):
    found = foretell(LOG.format(pictures, seconds), hidden, 12.5)
    assert found.ok == ok and words in found.message


def test_nothing_is_foretold_from_another_program():
    assert foretell("done", 10, 600) is None


@pytest.mark.parametrize(
    ("classes", "values"),
    [(("3", "5"), [3, 5]), (("03", "5"), None), (("ant", "5"), None), (("-1", "1"), None), (("²", "1"), None)],
)
def test_classes_that_are_numbers_keep_their_value(classes, values):
    assert label_values(classes) == values
