"""Result submissions: the example's name, format and kind of value; no metadata."""

import io
import json
import zipfile

import numpy as np
import pytest

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission.results import read_template, write_results

NAMES = ("ant", "bee", "cat")
IDS = ["1.png", "0.png"]
PROBABILITIES = np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])


@pytest.fixture
def written(tmp_path):
    """The one file in the zip that an example of these bytes leads to."""

    def write(name, data, **settings):
        example = tmp_path / name
        example.write_bytes(data if isinstance(data, bytes) else data.encode())
        template = read_template(example, NAMES, tmp_path)
        path = tmp_path / "out" / "results.zip"
        assert all(check.ok for check in write_results(template, path, IDS, PROBABILITIES, NAMES, **settings))
        with zipfile.ZipFile(path) as archive:
            (only,) = archive.namelist()
            return only, archive.read(only)

    return write


def array(values, save=np.save, **arrays):
    stream = io.BytesIO()
    save(stream, *([] if arrays else [values]), **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "example", "expected"),
    [
        ("answer.txt", "ant\nant\n", b"bee\nant\n"),
        ("answer.predict", "0\n0\n0\n", b"1\n0\n"),
        ("p.json", "[0, 0]", b"[1, 0]\n"),
        ("p.json", '{"0": "ant", "1": "ant"}', b'{"0": "ant", "1": "bee"}\n'),
        ("p.csv", "id,label\n0,ant\n1,ant\n", b"id,label\n0,ant\n1,bee\n"),
    ],
)
def test_texts_follow_the_example(written, name, example, expected):
    assert written(name, example) == (name, expected)


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (np.zeros(2, np.uint8), np.array([1, 0], np.uint8)),
        (np.zeros((2, 1), np.int64), np.array([[1], [0]])),
        (np.eye(3)[[0, 0]], np.eye(3)[[1, 0]]),
        (np.full((2, 3), 0.3, np.float32), PROBABILITIES.astype(np.float32)),
        (np.array(["ant", "ant"]), np.array(["bee", "ant"])),
    ],
    ids=["labels", "column", "one-hot", "probabilities", "names"],
)
def test_arrays_keep_shape_and_dtype_of_the_example(written, example, expected):
    made = np.load(io.BytesIO(written("p.npy", array(example))[1]))
    np.testing.assert_array_equal(made, expected)
    assert made.dtype == expected.dtype
    _, data = written("p.npz", array(None, np.savez, guess=example))
    np.testing.assert_array_equal(np.load(io.BytesIO(data))["guess"], expected)


def test_label_values_and_zipped_examples_are_taken_over(written, tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("y.npy", array(np.zeros(2, int)))
    name, data = written("example.zip", stream.getvalue(), label_values=(3, 5, 8))
    assert name == "y.npy" and np.load(io.BytesIO(data)).tolist() == [5, 3]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [("p.json", "7", "neither a list"), ("p.json", json.dumps(["dog"]), "'dog' is neither a class"),
     ("p.npy", array(np.zeros((2, 4))), "neither"), ("p.npy", array(np.zeros(2, complex)), "dtype"),
     ("p.txt", "", "empty"), ("p.npz", array(None, np.savez, a=np.zeros(2), b=np.zeros(2)), "2 arrays")],
)  # fmt: skip
def test_an_example_of_no_known_format_is_a_clear_error(written, name, data, words):
    with pytest.raises(SubmissionError, match=words):
        written(name, data)


def test_no_example_is_an_error_that_names_the_setting(tmp_path):
    with pytest.raises(MissingFileError, match=r"package\.template"):
        read_template(tmp_path / "gone.csv", NAMES, tmp_path)


def test_values_that_are_not_finite_are_not_written(tmp_path):
    (tmp_path / "p.txt").write_text("ant\n")
    template = read_template(tmp_path / "p.txt", NAMES, tmp_path)
    with pytest.raises(SubmissionError, match="NaN"):
        write_results(template, tmp_path / "r.zip", IDS, PROBABILITIES * np.nan, NAMES)
    assert not (tmp_path / "r.zip").exists()
