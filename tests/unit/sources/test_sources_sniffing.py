"""Data sets that nobody has described."""

import numpy as np
import pytest

from toolkit.errors import DataError, MissingFileError
from toolkit.sources import read_source, sniff


def test_the_training_table_of_a_folder_is_chosen_and_a_labelled_test_noticed(touch, table):
    root = touch("images/a.jpg", "images/b.jpg", "practice_test/c.jpg")
    table("image_id,path,label,class_name\n1,images/a.jpg,1,owl\n2,images/b.jpg,0,pug\n", name="train.csv")
    table("image_id,path,label\n3,practice_test/c.jpg,1\n", name="practice_test.csv")
    table("image_id,true_label\n1,1\n", name="ground_truth.csv")
    found = sniff(root)
    assert (found.source, found.format, found.images) == (root / "train.csv", "csv", None)
    assert (found.id_column, found.path_column, found.label_column) == ("image_id", "path", "label")
    assert found.test == root / "practice_test.csv"
    assert any("ground_truth.csv" in note for note in found.notes)


def test_names_beside_whole_numbers_become_the_classes(touch, table):
    touch("a.jpg", "b.jpg", "c.jpg")
    found = sniff(table("id,label,kind\na,1,alpha\nb,0,zeta\nc,1,alpha\n"))
    assert (found.label_column, found.classes, found.counts) == ("label", ("zeta", "alpha"), (1, 2))


def test_names_beside_numbers_with_gaps_become_the_labels_in_the_order_of_the_numbers(touch, table):
    path = table("id,label,class_name\na,1,owl\nb,5,cat\nc,1,owl\n")
    touch("a.jpg", "b.jpg", "c.jpg")
    found = sniff(path)
    assert (found.label_column, found.classes) == ("class_name", ("owl", "cat"))
    assert read_source(path, label_column="class_name", classes=found.classes).labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "rows",
    ["a,0,owl\nb,1,owl\nc,1,owl", "a,0,owl\nb,0,cat\nc,1,pug", "a,0,5\nb,1,6\nc,1,6", "a,0,\nb,1,x\nc,1,x"],
    ids=["one name for two", "two names for one", "numbers", "absent"],
)
def test_columns_that_are_not_one_name_a_number_are_no_class_names(touch, table, rows):
    touch("a.jpg", "b.jpg", "c.jpg")
    found = sniff(table(f"id,label,class_name\n{rows}\n"))
    assert (found.label_column, found.classes) == ("label", ("0", "1"))


def test_the_picture_folder_beside_a_table_is_found(touch, table):
    root = touch("masks/z.png", "pictures/a.png", "pictures/b.png")
    found = sniff(table("id,label\na,x\nb,y\n"))
    assert found.images == root / "pictures"
    assert found.path_column is None


def test_columns_that_could_be_groups_are_suggested_unless_they_say_nothing(touch, table):
    touch("a.jpg", "b.jpg", "c.jpg")
    found = sniff(table("id,label,Patient ID,slide,group,video\na,x,1,1,g,1\nb,y,1,2,g,1\nc,x,2,3,g,2\n"))
    assert found.group_column == "Patient ID"
    assert any("'video'" in note and "'slide'" not in note for note in found.notes)


def test_class_folders_below_parts_are_found_with_their_test(touch):
    root = touch("archive/train/cat/a.png", "archive/train/dog/b.png", "archive/test/cat/c.png")
    found = sniff(root)
    assert (found.source, found.format, found.classes) == (root / "archive" / "train", "folder", ("cat", "dog"))
    assert found.test == root / "archive" / "test"


def test_a_test_folder_with_other_classes_or_none_is_no_test(touch):
    root = touch("train/cat/a.png", "train/dog/b.png", "test/c.png", "val/owl/d.png")
    assert sniff(root).test is None


def test_a_folder_around_class_folders_is_opened_and_stray_tables_are_left_alone(touch, table):
    root = touch("pics/cat/a.png", "pics/dog/b.png", "LICENSE")
    table("file_a,file_b\n1,2\n", name="pairs.csv")
    table('broken,"', name="broken.csv")
    assert sniff(root).source == root / "pics"


def test_kaggle_folders_are_recognised_with_the_label_that_is_asked_for(touch, table):
    root = touch("train/a.jpg", "train/b.jpg", "test/c.jpg")
    table("id,breed\na,pug\nb,owl\n", name="train.csv")
    table("id,breed\nc,pug\n", name="sample_submission.csv")
    found = sniff(root)
    assert (found.source, found.format, found.label_column) == (root, "kaggle", "breed")
    assert (found.classes, found.test) == (("owl", "pug"), None)


def test_what_is_suggested_reads_the_same(touch, table):
    touch("pictures/a.png", "pictures/b.png", "pictures/c.png")
    path = table("id;label;class_name;patient\na;1;x;7\nb;0;y;7\nc;1;x;8\n")
    found = sniff(path)
    manifest = read_source(
        found.source,
        format=found.format,
        images=found.images,
        id_column=found.id_column,
        path_column=found.path_column,
        label_column=found.label_column,
        group_column=found.group_column,
        classes=found.classes,
    )
    assert (len(manifest), manifest.classes) == (found.pictures, found.classes)
    assert tuple(manifest.class_counts()) == found.counts


def test_unusual_counts_are_noted_in_plain_words(touch, table):
    touch(*(f"{index}.png" for index in range(8)))
    rows = "\n".join(f"{index},{0 if index < 6 else index - 4}" for index in range(8))
    notes = sniff(table(f"id,label\n{rows}\n")).notes
    assert "Classes are imbalanced: 1 to 6 pictures." in notes
    assert "1 class numbers have no pictures." in notes


def test_the_parts_of_an_npz_that_are_not_training_are_noted(tmp_path):
    pictures, labels = np.zeros((2, 3, 3), np.uint8), np.arange(2)
    np.savez(tmp_path / "m.npz", train_images=pictures, train_labels=labels, test_images=pictures, test_labels=labels)
    found = sniff(tmp_path)
    assert (found.source, found.format) == (tmp_path / "m.npz", "npz")
    assert any("test_images" in note for note in found.notes)


def test_what_could_mean_several_things_or_nothing_is_a_clear_error(touch, table, tmp_path):
    root = touch("data/a.png")
    table("id,label\na,x\n", name="data/one.csv")
    table("id,label\na,y\n", name="data/two.csv")
    with pytest.raises(DataError, match=r"several CSV files .* \(one\.csv, two\.csv\)"):
        sniff(root / "data")
    with pytest.raises(DataError, match="no column that looks like labels"):
        sniff(table("id,weight\na,2\n", name="data/three.csv"))
    with pytest.raises(MissingFileError, match="There is no data"):
        sniff(root / "nowhere")
