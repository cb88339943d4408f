import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import DataError, LeakError
from toolkit.folds import check_no_leak, given_folds, given_holdout, holdout, make_folds


def data(n=300, k=3, group_size=1, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.array([f"g{index // group_size}" for index in range(n)], dtype=object)
    labels = rng.integers(0, k, n)
    return [f"i{index:04d}" for index in range(n)], labels, groups


@settings(max_examples=40, deadline=None)
@given(n=st.integers(60, 200), folds=st.integers(2, 5), size=st.integers(1, 4), seed=st.integers(0, 99))
def test_folds_are_a_partition_that_never_parts_a_group(n, folds, size, seed):
    ids, labels, groups = data(n, 2, size, seed)
    made = make_folds(ids, labels, groups, folds, seed)
    seen = []
    for index in range(folds):
        train, inside = made.split(index)
        assert sorted(train + inside) == ids
        lookup = dict(zip(ids, groups, strict=True))
        assert not {lookup[name] for name in train} & {lookup[name] for name in inside}
        seen += inside
    assert sorted(seen) == ids


def test_folds_are_stratified_and_do_not_depend_on_row_order():
    ids, labels, groups = data()
    made = make_folds(ids, labels, groups, 3, 5)
    for index in range(3):
        counts = np.bincount(labels[made.fold == index], minlength=3) / np.bincount(labels)
        assert np.abs(counts - 1 / 3).max() < 0.05
    order = np.random.default_rng(1).permutation(len(ids))
    other = make_folds([ids[row] for row in order], labels[order], groups[order], 3, 5)
    assert np.array_equal(other.fold, made.fold[order])
    assert not np.array_equal(make_folds(ids, labels, groups, 3, 6).fold, made.fold)


def test_a_class_with_too_few_groups_is_a_clear_error():
    ids, labels, groups = data(20, 2)
    labels[:] = 0
    labels[:2] = 1
    with pytest.raises(DataError, match=r"Class 1 has only 2 .* fewer than the 3 folds"):
        make_folds(ids, labels, groups, 3, 0)
    with pytest.raises(DataError, match="Class 'monocyte' has only 2"):
        make_folds(ids, labels, groups, 3, 0, ["lymphocyte", "monocyte"])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(80, 300), share=st.floats(0.1, 0.5), size=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_holdout_keeps_groups_whole_and_comes_near_its_share(n, share, size, seed):
    ids, labels, groups = data(n, 3, size, seed)
    development, held = holdout(ids, labels, groups, share, seed)
    assert sorted(development + held) == ids
    lookup = dict(zip(ids, groups, strict=True))
    assert not {lookup[name] for name in development} & {lookup[name] for name in held}
    assert abs(len(held) / n - share) < 0.1


def test_a_holdout_is_stratified_and_does_not_depend_on_row_order():
    ids, labels, groups = data(600, 4)
    _, held = holdout(ids, labels, groups, 0.25, 3)
    inside = np.isin(ids, held)
    assert np.abs(np.bincount(labels[inside]) / np.bincount(labels) - 0.25).max() < 0.02
    order = np.random.default_rng(1).permutation(len(ids))
    _, other = holdout([ids[row] for row in order], labels[order], groups[order], 0.25, 3)
    assert set(other) == set(held)


@pytest.mark.parametrize(("patients", "share"), [(6, 0.3), (6, 0.15), (10, 0.3), (12, 0.25)])
def test_a_holdout_of_few_large_mixed_groups_comes_as_near_its_share_as_whole_groups_allow(patients, share):
    groups = np.repeat([f"patient {index}" for index in range(patients)], 100)
    labels = np.random.default_rng(patients).integers(0, 4, len(groups))
    ids = [f"i{index:04d}" for index in range(len(groups))]
    for seed in range(5):
        development, held = holdout(ids, labels, groups, share, seed)
        assert abs(len(held) / len(ids) - share) <= 0.5 / patients + 1e-9
        assert set(labels[np.isin(ids, development)]) == set(range(4))


def test_every_class_keeps_a_picture_for_training():
    ids = ["a", "b", "c", "d"]
    development, _ = holdout(ids, np.array([0, 0, 0, 1]), np.array(ids, object), 0.5, 0)
    assert "d" in development


def test_a_holdout_of_one_group_is_a_clear_error():
    with pytest.raises(DataError, match="would be empty"):
        holdout(["a", "b"], np.array([0, 1]), np.array(["g", "g"], object), 0.5, 0)


def test_a_leak_is_an_error_that_names_a_group():
    with pytest.raises(LeakError, match="for example 'g2'"):
        check_no_leak(["g1", "g2"], ["g2", "g3"], "fold 0")


def test_own_folds_are_taken_in_the_order_of_their_names():
    ids, labels, groups = data(12, 2)
    made = given_folds(ids, labels, groups, ["10", "9", "2"] * 4)
    assert made.n_splits == 3
    assert made.fold.tolist() == [2, 1, 0] * 4


@pytest.mark.parametrize(
    ("names", "labels", "groups", "error", "words"),
    [
        (["0", "1"] * 4, [0, 1] * 4, ["a"] * 8, LeakError, "'a'"),
        (["0"] * 8, [0, 1] * 4, list("abcdefgh"), DataError, "two folds"),
        (["0", "1"] * 4, [0, 1] * 4, list("abcdefgh"), DataError, "Class 'x' is in the fold '0' .* alone"),
        (["0", "1"] * 4, [0] * 8, list("abcdefgh"), DataError, r"one class \('x'\)"),
    ],
    ids=["leak", "one fold", "class in one fold alone", "one class"],
)
def test_own_folds_that_cannot_be_are_clear_errors(names, labels, groups, error, words):
    ids = [str(number) for number in range(8)]
    with pytest.raises(error, match=words):
        given_folds(ids, np.array(labels), np.array(groups, object), names, ["x", "y"])


def test_an_own_holdout_is_the_one_marked_and_must_not_part_a_group():
    ids, _, groups = data(6, 2)
    marked = np.array([0, 1, 0, 0, 1, 0], bool)
    assert given_holdout(ids, groups, marked) == ([ids[0], ids[2], ids[3], ids[5]], [ids[1], ids[4]])
    with pytest.raises(LeakError, match="holdout_column"):
        given_holdout(ids, np.array(["g"] * 6, object), marked)
    with pytest.raises(DataError, match="marks 0 of 6"):
        given_holdout(ids, groups, np.zeros(6, bool))


def test_one_class_is_nothing_to_tell_apart():
    ids, labels, groups = data(20, 2)
    with pytest.raises(DataError, match="nothing to tell apart"):
        make_folds(ids, np.zeros_like(labels), groups, 2, 0)
