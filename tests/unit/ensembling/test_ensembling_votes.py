import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from toolkit.ensembling.votes import combine, majority, mean
from toolkit.errors import ConfigError, DataError


def test_every_small_vote_is_won_by_most_votes_then_by_mean_probability():
    levels = [np.array(p) / sum(p) for p in itertools.product((1, 2, 5), repeat=3) if len(set(p)) == 3]
    for members in itertools.product(levels, repeat=3):
        stacked = np.stack(members)[:, None, :]
        votes = Counter(int(member.argmax()) for member in members)
        average = np.mean(members, axis=0)
        most = max(votes.values())
        leaders = [label for label, count in votes.items() if count == most]
        best = max(average[label] for label in leaders)
        winner = int(majority(stacked)[0].argmax())
        assert winner in leaders
        assert average[winner] == pytest.approx(best)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(2, 4)), elements=st.floats(0.01, 1))
)
def test_a_vote_is_a_distribution(raw):
    probabilities = raw / raw.sum(axis=2, keepdims=True)
    for combined in (majority(probabilities), mean(probabilities)):
        assert combined.dtype == np.float32
        assert combined.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert (combined >= 0).all()


def test_a_single_member_decides_alone():
    probabilities = np.array([[[0.2, 0.8], [0.6, 0.4]]])
    assert majority(probabilities).argmax(axis=1).tolist() == [1, 0]


def test_unknown_votes_and_wrong_shapes_are_errors():
    with pytest.raises(ConfigError, match="majority, mean"):
        combine("median", np.ones((1, 1, 2)))
    with pytest.raises(DataError, match="members, pictures, classes"):
        mean(np.ones((3, 2)))
    with pytest.raises(DataError, match=r"Member 1 .* not finite"):
        majority(np.stack([np.full((2, 2), 0.5), np.full((2, 2), np.nan)]))
