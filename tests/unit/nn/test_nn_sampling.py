from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.nn.feeding import Feeder
from toolkit.nn.sampling import balanced


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 60), st.integers(0, 4), st.integers(0, 3))
def test_classes_come_equally_often(counts, slots, epoch, seed):
    classes = np.repeat(np.arange(len(counts)) * 2, counts)  # classes 1, 3, … have no pictures
    rows = balanced(classes, slots, seed, epoch)
    drawn = Counter(classes[rows].tolist())
    every = [drawn[label] for label in np.unique(classes)]
    assert len(rows) == slots
    assert max(every) - min(every) <= 1
    np.testing.assert_array_equal(rows, balanced(classes, slots, seed, epoch))


def test_no_picture_comes_again_before_all_others_of_its_class_have_come():
    classes = np.repeat([0, 1, 2], [50, 7, 3])
    rows = np.concatenate([balanced(classes, 30, 5, epoch) for epoch in range(20)])
    for label, size in ((0, 50), (1, 7), (2, 3)):
        mine = rows[classes[rows] == label]
        for start in range(0, len(mine) - size + 1, size):
            assert sorted(mine[start : start + size]) == np.flatnonzero(classes == label).tolist()


def test_each_batch_of_a_balanced_feeder_is_balanced():
    labels = np.repeat([0, 1], [90, 10])
    names = [str(number) for number in range(100)]
    feeder = Feeder(lambda ids, _: np.zeros(len(ids)), names, labels, 2, 8, sampling="balanced")
    for rows in feeder.order(3):
        assert labels[rows].sum() == 4
    soft = Feeder(lambda ids, _: np.zeros(len(ids)), names, np.eye(2)[labels], 2, 8, sampling="balanced")
    np.testing.assert_array_equal(soft.order(3), feeder.order(3))
