"""From labels to indices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import DataError
from toolkit.sources.labels import index_column, index_labels, is_absent

PRESENT = st.text(min_size=1, max_size=8).filter(lambda text: not is_absent(text))


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        (["7", "0", "3", "1"], ("0", "1", "2", "3", "4", "5", "6", "7"), [7, 0, 3, 1]),
        (["8", "0", "3", "1"], ("0", "1", "3", "8"), [3, 0, 2, 1]),
        (["0"], ("0",), [0]),
        (["10", "01", "2"], ("01", "2", "10"), [2, 0, 1]),
        (["-1", "-10", "2"], ("-10", "-1", "2"), [1, 0, 2]),
        (["3.0", "0.0", "1.0", "2"], ("0", "1", "2", "3"), [3, 0, 1, 2]),
        (["1.0", "1.5", "2.0"], ("1.0", "1.5", "2.0"), [0, 1, 2]),
        (["01.0", "10"], ("01", "10"), [0, 1]),
        (["cat", "1"], ("1", "cat"), [1, 0]),
        (["²", "1"], ("1", "²"), [1, 0]),
        (["9" * 40, "1"], ("1", "9" * 40), [1, 0]),
        ([" cat", "cat"], ("cat",), [0, 0]),
    ],
    ids=[
        "half of the indices empty: numbers",
        "more than half empty: names",
        "one class",
        "leading zeros sort by value and stay",
        "negative numbers are names",
        "point zero is dropped from whole numbers",
        "point zero stays beside fractions",
        "point zero after a leading zero",
        "numbers among names",
        "a digit that is no number",
        "serial numbers",
        "blanks around names",
    ],
)
def test_without_class_names_the_labels_fix_the_order(labels, classes, indices):
    found, names = index_labels(labels, None, "t.csv")
    assert names == classes
    assert found.tolist() == indices
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        (["b", "a"], ("b", "a"), [0, 1]),
        (["1", "0"], ("b", "a"), [1, 0]),
        (["1.0", "0.0"], ("b", "a"), [1, 0]),
        (["10", "2"], ("2", "10"), [1, 0]),
        (["1.0", "1.5"], ("1.5", "1.0"), [1, 0]),
        (["e\u0301"], ("x", "\u00e9"), [1]),
    ],
    ids=["names", "indices", "indices as floats", "names that are numbers", "names with a point", "unicode spelling"],
)
def test_with_class_names_labels_are_names_or_else_indices(labels, classes, indices):
    assert index_labels(labels, classes, "t.csv")[0].tolist() == indices


@pytest.mark.parametrize("labels", [["2"], ["-1"], ["a", "0"], ["c"]], ids=["too large", "negative", "mixed", "other"])
def test_labels_outside_the_classes_are_an_error(labels):
    with pytest.raises(DataError, match=r"t\.csv holds 1 labels that `data\.classes` does not name"):
        index_labels(labels, ("a", "b"), "t.csv")


def test_a_misspelt_label_is_told_its_nearest_class():
    with pytest.raises(DataError, match=r"'neutrophyl'.* Did you mean 'neutrophil'"):
        index_labels(["neutrophyl"], ("monocyte", "neutrophil"), "t.csv")


def test_both_unicode_spellings_are_one_class():
    indices, names = index_labels(["e\u0301", "\u00e9"], None, "t.csv")
    assert (indices.tolist(), names) == ([0, 0], ("\u00e9",))


@pytest.mark.parametrize("text", ["", " ", "nan", "NaN", "NA", "n/a", "null", "None", "<NA>"])
def test_spellings_of_nothing_are_absent_and_an_error_names_their_rows(text):
    with pytest.raises(DataError, match=r"t\.csv has 1 absent labels \(rows 9\)"):
        index_column(["a", text], None, "t.csv", [5, 9], required=True)
    indices, names = index_column(["a", text], None, "t.csv", [5, 9], required=False)
    assert (indices.tolist(), names) == ([0, -1], ("a",))


def test_the_error_names_the_first_five_rows_only():
    with pytest.raises(DataError, match=r"7 absent labels \(rows 0, 1, 2, 3, 4, …\)"):
        index_column([""] * 7, None, "t.csv", range(7), required=True)


def test_a_class_may_be_called_none_if_the_classes_say_so():
    indices, _ = index_column(["none", "scratch", ""], ("none", "scratch"), "t.csv", [2, 3, 4], required=False)
    assert indices.tolist() == [0, 1, -1]
    with pytest.raises(DataError, match=r"If 'none' is a class, name it in `data\.classes`"):
        index_column(["none", "scratch"], None, "t.csv", [2, 3], required=True)


@given(st.lists(PRESENT, min_size=1, max_size=30))
def test_indices_fit_the_names_and_ignore_the_row_order(labels):
    indices, names = index_labels(labels, None, "t.csv")
    assert len(set(names)) == len(names)
    assert ((indices >= 0) & (indices < len(names))).all()
    again, same = index_labels(labels[::-1], None, "t.csv")
    assert same == names
    assert again[::-1].tolist() == indices.tolist()


@given(st.lists(PRESENT, min_size=1, max_size=30))
def test_the_names_that_were_found_give_the_same_indices_when_they_are_set(labels):
    indices, names = index_labels(labels, None, "t.csv")
    assert index_labels(labels, names, "t.csv")[0].tolist() == indices.tolist()


@given(st.sets(st.integers(0, 40), min_size=1))
def test_whole_numbers_keep_their_value_unless_most_indices_were_empty(values):
    indices, names = index_labels([str(value) for value in sorted(values)], None, "t.csv")
    empty = max(values) + 1 - len(values)
    if empty > (max(values) + 1) / 2:
        assert names == tuple(str(value) for value in sorted(values))
    else:
        assert indices.tolist() == sorted(values)
        assert len(names) == max(values) + 1
