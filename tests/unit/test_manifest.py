from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Location, Manifest, locate
from toolkit.predictions import Predictions

names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_saved_manifest_reads_back_to_the_same(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("manifest")
    ids = data.draw(st.lists(names, min_size=1, max_size=8, unique=True))
    classes = data.draw(st.lists(names, min_size=1, max_size=4, unique=True))
    labels = data.draw(st.lists(st.integers(-1, len(classes) - 1), min_size=len(ids), max_size=len(ids)))
    groups = data.draw(st.lists(st.one_of(st.just(""), names), min_size=len(ids), max_size=len(ids)))
    paths = [f"p/{index}.png" for index in range(len(ids))]
    manifest = Manifest.build(folder, classes, ids, paths, labels, groups)
    manifest.save(folder / "m.csv")
    again = Manifest.load(folder / "m.csv", folder, classes)
    assert again.table.to_dict("list") == manifest.table.to_dict("list")


def build(ids=("a", "b"), labels=(0, 1), **settings):
    return Manifest.build(Path("/data"), ("x", "y"), ids, [f"{name}.png" for name in ids], labels, **settings)


def test_doubled_ids_are_an_error():
    with pytest.raises(DataError, match="1 image ids occur more than once, for example 'a'"):
        build(ids=("a", "a"))


def test_labels_outside_the_classes_are_an_error():
    with pytest.raises(DataError, match=r"0 to 2, but there are 2 classes"):
        build(labels=(0, 2))


def test_select_follows_the_order_asked_and_rejects_unknown_ids():
    assert build().select(["b", "a"]).labels.tolist() == [1, 0]
    with pytest.raises(DataError, match="'z'"):
        build().select(["z"])


def test_a_row_of_an_npz_is_located_and_a_file_of_that_name_wins(tmp_path):
    assert locate(tmp_path, "d/x.npz::images::12") == Location(tmp_path / "d/x.npz", "images", 12)
    assert locate(tmp_path, "a::b.png") == Location(tmp_path / "a::b.png")


def test_the_fingerprint_follows_content_and_labels_not_places():
    base = build().fingerprint(["h1", "h2"])
    moved = Manifest.build(Path("/else"), ("x", "y"), ("b", "a"), ("q/b.png", "q/a.png"), (1, 0))
    assert moved.fingerprint(["h2", "h1"]) == base
    assert build(labels=(0, 0)).fingerprint(["h1", "h2"]) != base
    assert build(groups=("g", "g")).fingerprint(["h1", "h2"]) != base
    assert build().fingerprint(["h1", "other"]) != base


def test_predictions_survive_saving(tmp_path):
    made = Predictions.build(["ü 1", "02"], np.array([[0.25, 0.75], [1, 0]]), ["x", "01"])
    made.save(tmp_path / "p.npz")
    again = Predictions.load(tmp_path / "p.npz")
    assert again.image_id.tolist() == ["ü 1", "02"]
    assert again.class_names == ("x", "01")
    assert again.probabilities.dtype == np.float32
    assert again.labels.tolist() == [1, 0]
    assert again.select(["02"]).probabilities.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        (["a", "a"], np.full((2, 2), 0.5), "more than once"),
        (["a", "b"], np.full((2, 2), np.nan), "NaN"),
        (["a"], np.full((2, 2), 0.5), "do not fit"),
    ],
)
def test_broken_predictions_are_an_error(ids, values, message):
    with pytest.raises(DataError, match=message):
        Predictions.build(ids, values, ["x", "y"])


def test_a_file_that_holds_no_predictions_is_a_clear_error(tmp_path):
    with pytest.raises(MissingFileError):
        Predictions.load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"not an archive")
    with pytest.raises(DataError, match="not a predictions file"):
        Predictions.load(tmp_path / "bad.npz")
