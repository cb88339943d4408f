"""The table of a Kaggle submission: in the very form of the sample, or not written."""

import numpy as np
import pytest

from toolkit.errors import SubmissionError
from toolkit.sources.table import read_table
from toolkit.submission.sample import read_form
from toolkit.submission.table import fill, judge, labels_of, match_ids, write_table

NAMES = ("ant", "bee", "cat")
PROBABILITIES = np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
IDS = ("b.png", "a.png", "c.png")


@pytest.fixture
def form_of(tmp_path):
    def form(text, names=NAMES, values="auto"):
        path = tmp_path / "sample_submission.csv"
        path.write_text(text)
        return read_form(path, names, values)

    return form


@pytest.mark.parametrize(
    ("sample", "names", "written"),
    [
        ("id,label\na,ant\nc,ant\nb,ant\n", NAMES, "id,label\na,ant\nc,cat\nb,bee\n"),
        ("id,label\na,0\nc,0\nb,0\n", NAMES, "id,label\na,0\nc,2\nb,1\n"),
        ("label,image_id\n0,a.png\n0,b.png\n0,c.png\n", NAMES, "label,image_id\n0,a.png\n1,b.png\n2,c.png\n"),
        ("id,label\na,3\nb,3\nc,3\n", ("3", "5", "8"), "id,label\na,3\nb,5\nc,8\n"),
        ("id,label\na,0\nb,0\nc,0\n", ("3", "5", "8"), "id,label\na,3\nb,5\nc,8\n"),
        ("id,label\na,1\nb,1\nc,1\n", ("01", "02", "10"), "id,label\na,1\nb,2\nc,10\n"),
        ("id,cat,ant,bee\na,0.3,0.3,0.3\nb,0.3,0.3,0.3\nc,0.3,0.3,0.3\n", NAMES,
         "id,cat,ant,bee\na,0.100000,0.800000,0.100000\nb,0.200000,0.100000,0.700000\nc,0.600000,0.200000,0.200000\n"),
        ("id,class_0,class_1,class_2\na,.3,.3,.3\nb,.3,.3,.3\nc,.3,.3,.3\n", NAMES,
         "id,class_0,class_1,class_2\na,0.800000,0.100000,0.100000\nb,0.100000,0.700000,0.200000\n"
         "c,0.200000,0.200000,0.600000\n"),
        ("id,Ant,Bee,Cat\na,1,0,0\nb,1,0,0\nc,1,0,0\n", NAMES, "id,Ant,Bee,Cat\na,1,0,0\nb,0,1,0\nc,0,0,1\n"),
    ],
    ids=["names", "indices", "id last", "integer names", "placeholder is no class", "padded names", "columns",
         "numbered columns", "one-hot"],
)  # fmt: skip
def test_ids_order_columns_and_form_are_those_of_the_sample(form_of, tmp_path, sample, names, written):
    form = form_of(sample, names)
    checks = write_table(tmp_path / "submission.csv", form, fill(form, IDS, PROBABILITIES))
    assert (tmp_path / "submission.csv").read_text() == written
    assert [check.message for check in checks if not check.ok] == []
    by_id = dict(zip(form.ids, labels_of(form, read_table(tmp_path / "submission.csv")), strict=True))
    assert {name.removesuffix(".png"): label for name, label in by_id.items()} == {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize(("column", "expected"), [("label", "0.900000"), ("no", "0.100000")])
def test_one_probability_a_picture_is_that_of_the_class_named_or_of_the_second(form_of, column, expected):
    form = form_of(f"id,{column}\na,0.5\n", ("no", "yes"))
    assert fill(form, ["a.jpg"], np.array([[0.1, 0.9]]))[column] == [expected]


def test_the_kind_of_value_can_be_said_where_the_sample_misleads(form_of):
    text = "id,label\na,0\n"
    assert form_of(text, ("no", "yes")).values == "indices"
    assert form_of(text, ("no", "yes"), "probabilities").values == "probabilities"
    assert form_of(text, ("no", "yes"), "names").spelling == ("no", "yes")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,label\na,ant\na,ant\n", "'a' more than once"),
        ("id,label\na,?\n", "package.values"),
        ("id,label\na,0.5\n", "package.values"),
        ("id\na\n", "only the column"),
        ("id,x,y\na,0,0\n", "not the 3 classes"),
        ("id,x,y,z\na,0,0,0\n", "not the 3 classes"),
    ],
)
def test_a_sample_of_no_known_form_is_a_clear_error(form_of, text, words):
    with pytest.raises(SubmissionError, match=words):
        form_of(text)


@pytest.mark.parametrize(
    ("wanted", "ids", "words"),
    [
        (["a", "d"], ["a.png"], "'d'"),
        (["a"], ["a.png", "d.png"], "not asked for by the sample, for example 'd.png'"),
        (["a", "a"], ["a.png"], "more than once"),
        (["a"], ["a.png", "a.jpg"], "fits several pictures"),
        (["a", "a.png"], ["a.png"], "no predicted picture|the one picture"),
        (["a"], [], "there are none"),
    ],
    ids=["missing", "extra", "doubled", "two endings", "one picture for two", "no pictures"],
)
def test_ids_that_do_not_fit_the_pictures_are_errors(wanted, ids, words):
    with pytest.raises(SubmissionError, match=words):
        match_ids(wanted, ids)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [(["a", "b"], ["b", "a"]), (["a.png", "b.png"], ["b", "a"]), (["a", "b"], ["test/b.png", "test/a.jpg"]),
     (["1.2", "1.3"], ["1.3.png", "1.2.png"])],
    ids=["equal", "ending in the sample", "folder and ending in the pictures", "dots that are no ending"],
)  # fmt: skip
def test_ids_are_found_with_or_without_folder_and_ending(wanted, ids):
    assert match_ids(wanted, ids) == [1, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.2])
def test_probabilities_that_are_none_are_refused(form_of, value):
    broken = PROBABILITIES.copy()
    broken[1, 1] = value
    with pytest.raises(SubmissionError, match="NaN, infinite or outside"):
        fill(form_of("id,label\na,ant\nb,ant\nc,ant\n"), IDS, broken)


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"id": ["a", "b", "d"]}, "ids", "1 ids are missing, for example 'c'"),
        ({"id": ["a", "b", "b"]}, "ids", "there more than once"),
        ({"id": ["a.png", "b.png", "c.png"]}, "ids", "file ending"),
        ({"id": ["b", "a", "c"]}, "order", "another order, from row 1"),
        ({"ant": ["0.5", "nan", "1"]}, "values", "'nan' in the column 'ant' is no number"),
        ({"ant": ["0.5", "", "1"]}, "values", "no number"),
        ({"ant": ["0.5", "1.5", "1"]}, "values", "1.5 in the column 'ant' is outside"),
        ({"ant": ["0.5", "0.9", "1"]}, "values", "sum 1"),
        ({"more": ["1", "1", "1"]}, "columns", "Use these, in this order"),
    ],
)
def test_each_mistake_in_a_table_is_found_and_nothing_is_written(form_of, tmp_path, change, name, words):
    third = ",0.333,0.333,0.334\n"
    form = form_of(f"id,ant,bee,cat\na{third}b{third}c{third}")
    good = {key: list(values) for key, values in form.table.columns.items()}
    assert all(check.ok for check in judge(form, good))
    failed = {check.name: check.message for check in judge(form, good | change) if not check.ok}
    assert set(failed) == {name} and words in failed[name]
    with pytest.raises(SubmissionError, match="not written"):
        write_table(tmp_path / "submission.csv", form, good | change)
    assert not (tmp_path / "submission.csv").exists()


def test_a_label_that_is_no_class_is_found(form_of):
    form = form_of("id,label\na,ant\nb,bee\n")
    (failed,) = [check for check in judge(form, {"id": ["a", "b"], "label": ["ant", "1"]}) if not check.ok]
    assert "'1'" in failed.message and "ant, bee, cat" in failed.message
