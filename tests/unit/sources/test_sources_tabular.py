"""Manifests of CSVs."""

import pytest

from toolkit.errors import DataError, MissingFileError
from toolkit.sources import read_source


def test_ids_paths_labels_and_groups_come_from_their_columns(touch, table):
    touch("p/a.png", "p/b.png")
    path = table("image_id,path,label,slide\nA,p/a.png,x,1\nB,p/b.png,y,\n")
    manifest = read_source(path, group_column="slide")
    assert manifest.table.to_dict("list") == {
        "image_id": ["A", "B"],
        "path": ["p/a.png", "p/b.png"],
        "label": [0, 1],
        "group_id": ["slide=1", "B"],
    }


def test_a_group_cannot_be_taken_for_an_image_id(touch, table):
    touch("1.png", "2.png")
    manifest = read_source(table("id,label,patient\n1,x,2\n2,y,\n"), group_column="patient")
    assert manifest.groups.tolist() == ["patient=2", "2"]


def test_named_columns_win_over_guessed_ones(touch, table):
    touch("k.png", "l.png")
    path = table("image_id,key,label,kind\n1,k,a,x\n2,l,a,y\n")
    manifest = read_source(path, id_column="key", path_column="key", label_column="kind")
    assert manifest.image_ids.tolist() == ["k", "l"]
    assert manifest.classes == ("x", "y")


def test_paths_start_from_the_images_folder(touch, table):
    touch("far/away/a.png")
    path = table("id,label\na,x\n", name="tables/t.csv")
    manifest = read_source(path, images=path.parents[1] / "far" / "away")
    assert manifest.locations()[0].file == path.parents[1] / "far" / "away" / "a.png"
    with pytest.raises(MissingFileError, match="1 of 1 pictures"):
        read_source(path)


def test_several_ids_may_share_a_picture(touch, table):
    touch("a.png")
    manifest = read_source(table("id,path,label\n1,a.png,x\n2,a.png,y\n"))
    assert manifest.table["path"].tolist() == ["a.png", "a.png"]


def test_doubled_ids_name_the_column_the_id_and_its_rows(touch, table):
    touch("a.png", "b.png")
    with pytest.raises(DataError, match=r"1 image ids in column 'id' .* more than once, for example 'a' \(rows 2, 4\)"):
        read_source(table("id,label\na,x\nb,x\na,y\n"))


@pytest.mark.parametrize("column", ["id", "path"])
def test_an_empty_id_or_path_names_its_row(touch, table, column):
    touch("a.png")
    empty = {"id": ",a.png,x", "path": "b,,x"}[column]
    with pytest.raises(DataError, match=rf"column '{column}' .* 1 empty cells \(rows 3\)"):
        read_source(table(f"id,path,label\na,a.png,x\n{empty}\n"))


def test_optional_labels_are_kept_where_they_are(touch, table):
    touch("a.png", "b.png", "c.png")
    path = table("id,label\na,2\nb,\nc,0\n")
    assert read_source(path, labelled=False).labels.tolist() == [2, -1, 0]
    assert read_source(path, labelled=False, classes=("x", "y", "z")).labels.tolist() == [2, -1, 0]
    with pytest.raises(DataError, match=r"rows 3\)"):
        read_source(path)


def test_whole_numbers_that_pandas_wrote_as_floats_are_whole_numbers_again(touch, table):
    touch("a.png", "b.png", "c.png")
    manifest = read_source(table("id,label\na,1.0\nb,\nc,0.0\n"), labelled=False)
    assert (manifest.labels.tolist(), manifest.classes) == ([1, -1, 0], ("0", "1"))


@pytest.mark.parametrize("labels", [{"labelled": False}, {"split": "test"}], ids=["asked", "a test"])
def test_a_table_without_labels_can_be_predicted_on(touch, table, labels):
    touch("a.png")
    manifest = read_source(table("id\na\n"), classes=("x", "y"), label_column="label", **labels)
    assert (manifest.labels.tolist(), manifest.classes) == ([-1], ("x", "y"))


def test_labels_of_a_test_are_required_where_the_caller_says_so(touch, table):
    touch("a.png")
    with pytest.raises(DataError, match=r"data\.label_column"):
        read_source(table("id\na\n"), split="test", labelled=True)


def test_an_unknown_column_is_an_error_whichever_it_is(touch, table):
    touch("a.png")
    path = table("id,path,label,patient\na,a.png,x,1\n")
    for name in ("id_column", "path_column", "label_column", "group_column"):
        with pytest.raises(DataError, match="has no column 'patent'; did you mean 'patient'"):
            read_source(path, **{name: "patent"})
