"""Predictions of several members are joined on names, and what cannot be joined is said."""

import numpy as np
import pytest

from toolkit.ensembling.checks import align
from toolkit.errors import DataError
from toolkit.predictions import Predictions

ROWS = np.random.default_rng(0).dirichlet(np.ones(3), 5)
IDS = list("vwxyz")


def test_pictures_and_classes_in_another_order_are_joined_by_name():
    one = Predictions.build(IDS, ROWS, ("a", "b", "c"))
    other = Predictions.build(IDS[::-1], ROWS[::-1][:, [2, 0, 1]], ("c", "a", "b"))
    joined = align([one, other], ["x", "v"])
    assert joined.shape == (2, 2, 3)
    assert joined[0] == pytest.approx(ROWS[[2, 0]])
    assert joined[0].tolist() == joined[1].tolist()


def test_members_of_other_classes_missing_pictures_or_no_probabilities_are_refused():
    one = Predictions.build(IDS, ROWS, ("a", "b", "c"))
    with pytest.raises(DataError, match=r"Member 1 .* other classes than member 0.*'c', 'd'"):
        align([one, Predictions.build(IDS, ROWS, ("a", "b", "d"))], IDS)
    with pytest.raises(DataError, match=r"Member 1 .*1 pictures have no prediction, for example 'z'"):
        align([one, Predictions.build(IDS[:4], ROWS[:4], ("a", "b", "c"))], IDS)
    with pytest.raises(DataError, match="Member 1, picture 0"):
        align([one, Predictions.build(IDS, 2 * ROWS, ("a", "b", "c"))], IDS)
    with pytest.raises(DataError, match="no members"):
        align([], IDS)
    with pytest.raises(DataError, match="more than once"):
        Predictions.build(["v", "v"], ROWS[:2], ("a", "b", "c"))
