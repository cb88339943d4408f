"""Folders of Kaggle competitions."""

import pytest

from toolkit.errors import DataError, MissingFileError
from toolkit.sources import read_source
from toolkit.sources.kaggle import looks_like_kaggle


@pytest.mark.parametrize(
    "folder", ["train", "train_images", "images", "images/train", "jpeg/train", "Anything", "."], ids=str
)
@pytest.mark.parametrize("ending", ["", ".jpg"], ids=["without ending", "with ending"])
def test_training_pictures_are_found_wherever_they_usually_are(touch, table, folder, ending):
    root = touch(f"{folder}/a.jpg", f"{folder}/b.jpg", "test/c.jpg")
    table(f"id,label\na{ending},x\nb{ending},y\n", name="train.csv")
    manifest = read_source(root)
    assert manifest.image_ids.tolist() == [f"a{ending}", f"b{ending}"]
    assert all(place.file.is_file() for place in manifest.locations())


def test_paths_that_name_their_folder_are_found(touch, table):
    root = touch("train/train/a.jpg", "images/train/b.jpg")
    table("id,path,label\n1,images/train/b.jpg,x\n", name="Train.csv")
    assert read_source(root).locations()[0].file == root / "images" / "train" / "b.jpg"


def test_a_folder_with_a_training_table_is_never_read_as_class_folders(touch, table):
    root = touch("images/a.jpg", "practice/b.jpg")
    table("id,label\na,x\n", name="train.csv")
    assert read_source(root).classes == ("x",)
    assert not looks_like_kaggle(root)


def test_the_label_is_what_the_sample_submission_asks_for(touch, table):
    root = touch("train/a.jpg", "train/b.jpg")
    table("id,label,breed\na,1,pug\nb,2,boxer\n", name="train.csv")
    table("id,breed\nc,pug\n", name="sample_submission.csv")
    assert read_source(root).classes == ("boxer", "pug")
    assert read_source(root, label_column="label").classes == ("0", "1", "2")


def test_a_sample_submission_with_a_column_a_class_names_the_label_by_its_values(touch, table):
    root = touch("train/a.jpg", "train/b.jpg")
    table("id,breed,size\na,pug,3\nb,boxer,4\n", name="train.csv")
    table("id,boxer,poodle,pug\nc,.3,.3,.3\n", name="sample_submission.csv")
    assert read_source(root).classes == ("boxer", "pug")


def test_test_pictures_come_from_the_test_table_without_labels(touch, table):
    root = touch("train/a.jpg", "test/b.jpg", "test/c.jpg")
    table("id,label,patient\na,x,1\n", name="train.csv")
    table("id\nb\nc\n", name="test.csv")
    manifest = read_source(root, split="test", classes=("x", "y"), group_column="patient", label_column="label")
    assert manifest.image_ids.tolist() == ["b", "c"]
    assert manifest.labels.tolist() == [-1, -1]
    assert [place.file.parent.name for place in manifest.locations()] == ["test", "test"]


def test_the_placeholders_of_a_sample_submission_are_never_labels(touch, table):
    root = touch("train/a.jpg", "test/b.jpg")
    table("id,label\na,x\n", name="train.csv")
    table("id,label\nb,0\n", name="sample_submission.csv")
    assert read_source(root, split="test").labels.tolist() == [-1]
    with pytest.raises(DataError, match="labels are placeholders"):
        read_source(root, split="test", labelled=True)


def test_a_labelled_test_table_gives_its_labels(touch, table):
    root = touch("train/a.jpg", "test/b.jpg")
    table("id,label\na,x\n", name="train.csv")
    table("id,label\nb,y\n", name="test.csv")
    assert read_source(root, split="test", labelled=True, classes=("x", "y")).labels.tolist() == [1]


def test_a_test_folder_is_enough(touch, table):
    root = touch("train/a.jpg", "test/b.jpg")
    table("id,label\na,x\n", name="train.csv")
    assert read_source(root, split="test").image_ids.tolist() == ["b.jpg"]


def test_validation_pictures_are_never_those_of_the_test(touch, table):
    root = touch("train/a.jpg", "test/b.jpg")
    table("id,label\na,x\n", name="train.csv")
    table("id\nb\n", name="test.csv")
    with pytest.raises(MissingFileError, match=r"holds none of val\.csv"):
        read_source(root, split="val")


def test_named_columns_and_folders_are_not_searched_for(touch, table):
    root = touch("far/pictures/a.jpg")
    table("code,kind\na,x\n", name="train.csv")
    manifest = read_source(root, images=root / "far/pictures", id_column="code", label_column="kind")
    assert manifest.image_ids.tolist() == ["a"]


def test_pictures_in_no_folder_are_a_clear_error_that_says_where_was_looked(touch, table):
    root = touch("train/z.jpg", "other/y.jpg")
    table("id,label\na,x\n", name="train.csv")
    with pytest.raises(MissingFileError, match=r"such as 'a', are in none .* looked in train, \., other\. Set"):
        read_source(root)


def test_some_missing_pictures_are_counted(touch, table):
    root = touch("train/b.jpg")
    table("id,label\na,x\nb,x\nc,x\n", name="train.csv")
    with pytest.raises(MissingFileError, match=r"2 of 3 pictures .* 'a', 'c'; looked below .*train,"):
        read_source(root)


def test_a_path_that_escapes_is_an_error(touch, table):
    touch("k/train/b.jpg", "a.jpg")
    path = table("id,label\n../a.jpg,x\n", name="k/train.csv")
    with pytest.raises(DataError, match="leads out of"):
        read_source(path.parent)
