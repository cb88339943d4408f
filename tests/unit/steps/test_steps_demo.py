import csv
from collections import Counter

import numpy as np
import pytest

from toolkit.errors import UnreadableImageError
from toolkit.images import read_image
from toolkit.manifest import Location
from toolkit.steps.demo_contest import Amounts, build_contest
from toolkit.steps.demo_truth import Truth, compare, read_truth

AMOUNTS = Amounts(genuine=100, hidden=20, exact=6, conflicts=4, near=6, flipped=0.05, outliers=3)


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    return build_contest(tmp_path_factory.mktemp("demo"), AMOUNTS)


def rows(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_contest_holds_what_it_says(contest):
    kinds = Counter(row["kind"] for row in rows(contest.truth))
    assert kinds == {
        "genuine": 95,
        "label_error": 5,
        "exact_duplicate": 6,
        "label_conflict": 4,
        "near_duplicate": 6,
        "outlier": 3,
        "unreadable": 3,
    }
    with np.load(contest.hidden) as arrays:
        assert arrays["images"].shape == (20, 64, 64, 3)
        assert arrays["labels"].shape == (20,)


def test_copies_are_what_the_truth_says_of_them(contest):
    path = {row["image_id"]: contest.train.parent / row["path"] for row in rows(contest.train)}
    label = {row["image_id"]: row["label"] for row in rows(contest.train)}
    truth = rows(contest.truth)
    original = {row["source"]: row["image_id"] for row in truth if row["kind"] in ("genuine", "label_error")}
    for row in truth:
        name, kind = row["image_id"], row["kind"]
        if kind == "unreadable":
            with pytest.raises(UnreadableImageError):
                read_image(Location(path[name]))
            continue
        first = original[row["source"]]
        same = np.array_equal(read_image(Location(path[name])), read_image(Location(path[first])))
        if kind in ("exact_duplicate", "label_conflict"):
            assert same
            assert (label[name] == label[first]) == (kind == "exact_duplicate")
        if kind in ("near_duplicate", "outlier"):
            assert not same
            assert label[name] == label[first]


def test_the_hidden_pictures_are_other_digits_than_those_trained_on(contest):
    from toolkit.steps.demo_contest import _digits

    digits, _ = _digits()
    sources = {int(row["source"]) for row in rows(contest.truth)} - {-1}
    with np.load(contest.hidden) as arrays:
        hidden = arrays["images"]
    trained = {digits[index].tobytes() for index in sources}
    assert not trained & {image.tobytes() for image in hidden}


def test_building_again_changes_nothing_and_a_half_built_contest_is_built_anew(tmp_path):
    first = build_contest(tmp_path, AMOUNTS)
    before = first.train.read_bytes(), first.hidden.read_bytes()
    build_contest(tmp_path, AMOUNTS)
    (tmp_path / "contest" / "DONE").unlink()
    first.train.unlink()
    again = build_contest(tmp_path, AMOUNTS)
    assert again.train.read_bytes() == before[0]
    with np.load(again.hidden) as arrays:
        assert len(arrays["images"]) == 20


def test_precision_and_recall_are_those_of_the_truth(contest):
    truth = read_truth(contest.truth)
    perfect = [(name, kind) for kind, names in truth.pictures.items() for name in names]
    assert all(found.precision == found.recall == 1 for found in compare(truth, perfect))
    made_up = Truth({"outlier": {"a", "b"}}, {"outlier": {"c"}})
    found = {row.kind: row for row in compare(made_up, [("a", "outlier"), ("c", "outlier"), ("d", "outlier")])}
    assert (found["outlier"].precision, found["outlier"].recall) == (0.5, 0.5)
    assert found["near_duplicate"].precision is None
