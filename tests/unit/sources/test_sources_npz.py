"""Arrays in `.npz` files."""

import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.errors import DataError, ToolkitError
from toolkit.sources import read_source

IMAGES = np.zeros((3, 4, 5, 3), np.uint8)


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "d.npz", **arrays)
        return tmp_path / "d.npz"

    return write


@pytest.mark.parametrize(
    "images", [IMAGES, IMAGES[..., :1], IMAGES[..., 0], IMAGES / 255.0], ids=lambda a: str(a.shape)
)
def test_rows_are_named_by_number_and_located_in_their_array(save, images):
    path = save(images=images, labels=[2, 0, 1])
    manifest = read_source(path)
    assert manifest.image_ids.tolist() == ["00000", "00001", "00002"]
    assert manifest.table["path"].tolist() == ["d.npz::images::0", "d.npz::images::1", "d.npz::images::2"]
    assert (manifest.locations()[2].file, manifest.locations()[2].row) == (path, 2)
    assert manifest.labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_parts_of_medmnist_are_read_apart(save, split):
    arrays = {}
    for number, part in enumerate(("train", "val", "test")):
        arrays |= {f"{part}_images": IMAGES[: number + 1], f"{part}_labels": np.full((number + 1, 1), number)}
    manifest = read_source(save(**arrays), split=split, classes=("a", "b", "c"))
    number = ("train", "val", "test").index(split)
    assert manifest.image_ids.tolist() == [f"{split}/{row:05d}" for row in range(number + 1)]
    assert set(manifest.labels) == {number}
    assert manifest.locations()[0].array == f"{split}_images"


def test_training_pictures_are_never_passed_off_as_a_test(save):
    with pytest.raises(DataError, match=r"holds no pictures for 'test'.* Expected test_images"):
        read_source(save(images=IMAGES, labels=[0, 1, 0]), split="test")


@pytest.mark.parametrize(
    ("labels", "indices", "classes"),
    [
        (np.array([b"owl", b"cat", b"owl"]), [1, 0, 1], ("cat", "owl")),
        (np.array(["02", "10", "02"]), [0, 1, 0], ("02", "10")),
        (np.array([1.0, 0.0, 2.0], np.float32), [1, 0, 2], ("0", "1", "2")),
        (np.array([[0], [2], [1]], np.uint8), [0, 2, 1], ("0", "1", "2")),
        (np.eye(5)[[1, 1, 3]], [1, 1, 3], ("0", "1", "2", "3", "4")),
        (np.eye(4, dtype=bool)[[3, 0, 0]], [3, 0, 0], ("0", "1", "2", "3")),
    ],
    ids=["bytes", "texts", "floats", "columns", "one-hot", "one-hot of truths"],
)
def test_labels_of_any_type_are_understood(save, labels, indices, classes):
    manifest = read_source(save(images=IMAGES, labels=labels))
    assert (manifest.labels.tolist(), manifest.classes) == (indices, classes)


def test_one_hot_labels_take_the_names_of_the_classes(save):
    path = save(images=IMAGES, labels=np.eye(3)[[2, 0, 1]])
    assert read_source(path, classes=("x", "y", "z")).labels.tolist() == [2, 0, 1]
    with pytest.raises(DataError, match=r"one-hot over 3 classes, but `data\.classes` names 2"):
        read_source(path, classes=("x", "y"))


def test_absent_labels_are_errors_or_unlabelled(save):
    path = save(images=IMAGES, labels=[1.0, np.nan, 0.0])
    with pytest.raises(DataError, match=r"absent labels \(rows 1\)"):
        read_source(path)
    assert read_source(path, labelled=False).labels.tolist() == [1, -1, 0]
    assert read_source(save(images=IMAGES), labelled=False).labels.tolist() == [-1] * 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES, "labels": np.array([[1, 1], [0, 1], [1, 0]])}, "not one-hot"),
        ({"images": IMAGES, "labels": np.array([[2, -1], [0, 1], [1, 0]])}, "not one-hot"),
        ({"images": IMAGES, "labels": np.zeros((3, 1, 1))}, r"shape \(3, 1, 1\)"),
        ({"images": IMAGES, "labels": np.eye(2)}, r"shape \(2, 2\)"),
        ({"images": IMAGES, "labels": np.array(1)}, r"shape \(\)"),
        ({"images": IMAGES, "labels": np.array([1, "a", None], object)}, "'labels' .* Python objects"),
        ({"images": IMAGES.astype(str), "labels": [0, 1, 2]}, "expected numbers"),
        ({"images": np.zeros((0, 4, 4)), "labels": np.zeros(0)}, r"shape \(0, 4, 4\)"),
        ({"images": np.zeros((3, 0, 4)), "labels": [0, 1, 2]}, r"shape \(3, 0, 4\)"),
        ({"images": np.zeros((3, 16)), "labels": [0, 1, 2]}, r"shape \(3, 16\)"),
        ({"train_images": IMAGES}, "Expected one named train_labels"),
    ],
    ids=[
        "several labels", "no one", "deep labels", "other length", "scalar", "objects", "texts", "empty", "no height",
        "flat", "medmnist without labels",
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_clear_errors(save, arrays, message):
    path = save(**arrays)
    with pytest.raises(DataError, match=message) as error:
        read_source(path)
    assert str(path) in str(error.value)


def test_other_files_in_the_archive_are_passed_over(save):
    path = save(images=IMAGES, labels=[0, 1, 0])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.txt", "hello")
    assert len(read_source(path)) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_but_never_a_crash(tmp_path, data):
    path = tmp_path / "c.npz"
    np.savez_compressed(path, images=IMAGES, labels=np.arange(3))
    content = bytearray(path.read_bytes())
    for _ in range(3):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        read_source(path)
    except ToolkitError as error:
        assert str(path) in str(error)
