"""Folders of class folders."""

import unicodedata

import pytest

from toolkit.errors import DataError
from toolkit.sources import read_source
from toolkit.sources.files import is_image, list_images


def test_the_first_folder_is_the_class_and_the_path_the_id(touch):
    root = touch("dog/x/y/1.png", "cat/b.JPG", "cat/a.jpg", "cat/Thumbs.db", "cat/.hidden.png", ".git/x.png", "read.md")
    manifest = read_source(root)
    assert manifest.image_ids.tolist() == ["cat/a.jpg", "cat/b.JPG", "dog/x/y/1.png"]
    assert (manifest.labels.tolist(), manifest.classes) == ([0, 0, 1], ("cat", "dog"))


def test_class_folders_with_numbers_keep_their_order_and_spelling(touch):
    assert read_source(touch("10/a.png", "01/a.png", "2/a.png")).classes == ("01", "2", "10")


def test_class_folders_match_class_names_in_either_unicode_spelling(touch):
    root = touch(unicodedata.normalize("NFD", "café/a.png"))
    manifest = read_source(root, classes=("x", unicodedata.normalize("NFC", "café")))
    assert manifest.labels.tolist() == [1]
    assert manifest.locations()[0].file.is_file()


def test_links_inside_are_followed_loops_end_and_links_outside_are_errors(touch):
    base = touch("data/cat/a.png", "data/cat/b/c.png", "out/s.png")
    data = base / "data"
    (data / "cat" / "loop").symlink_to(data)
    (data / "dog").symlink_to(data / "cat" / "b")
    assert list_images(data) == ["cat/a.png", "cat/b/c.png", "dog/c.png"]
    (data / "leaving").symlink_to(base / "out")
    with pytest.raises(DataError, match=r"'leaving' .* is a link that leads out"):
        list_images(data)


def test_parts_of_a_data_set_are_not_taken_for_classes(touch):
    root = touch("train/cat/a.png", "train/dog/a.png", "test/cat/a.png")
    with pytest.raises(DataError, match=r"parts of a data set \(test, train\), not classes.*/train,"):
        read_source(root)
    assert read_source(root, classes=("train", "test")).labels.tolist() == [1, 0, 0]
    assert read_source(root / "test").classes == ("cat",)


def test_a_folder_around_the_class_folders_is_not_taken_for_the_only_class(touch):
    root = touch("images/cat/a.png", "images/dog/a.png")
    with pytest.raises(DataError, match=r"one folder, 'images'.* Name .*images as the source"):
        read_source(root)


def test_optional_labels_come_from_folders_of_known_classes_only(touch):
    root = touch("cat/a.png", "new/b.png", "c.png")
    assert read_source(root, labelled=False, classes=("dog", "cat")).labels.tolist() == [-1, 1, -1]
    assert read_source(root, labelled=False).labels.tolist() == [-1, -1, -1]
    assert read_source(root / "new", labelled=False, classes=("dog", "cat")).image_ids.tolist() == ["b.png"]


def test_a_name_that_is_no_unicode_is_a_clear_error(touch):
    root = touch("cat/a.png")
    try:
        (root / "cat" / b"\xff.png".decode(errors="surrogateescape")).touch()
    except OSError:
        pytest.skip("this file system has Unicode names only")
    with pytest.raises(DataError, match="not valid UTF-8"):
        read_source(root)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.png", True), ("x.y/a.JPeG", True), (".png", False), ("x/.png", False), ("png", False), ("a.png/b", False)],
)
def test_pictures_are_told_by_their_ending(name, expected):
    assert is_image(name) is expected
