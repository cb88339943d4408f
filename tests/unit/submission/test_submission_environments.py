"""Environments with a contest's versions, and clean ones without this toolkit."""

import subprocess

import pytest

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission.environments import Pins, clean_python, find_python, parse_pins


def test_versions_are_read_and_named():
    pins = parse_pins("tensorflow=2.17.1, keras==3.4.1,python=3.11")
    assert pins == Pins("2.17.1", "3.4.1", "3.11")
    assert pins.requirements[0].endswith("==2.17.1") and pins.requirements[1] == "keras==3.4.1"
    assert pins.words == "TensorFlow 2.17.1, Keras 3.4.1, Python 3.11"


@pytest.mark.parametrize("text", ["torch=2", "keras", "tensorflow=latest"])
def test_what_cannot_be_read_is_shown_with_an_example(text):
    with pytest.raises(SubmissionError, match=r"tensorflow=2\.17\.1"):
        parse_pins(text)


def test_a_python_that_is_not_there_is_named():
    with pytest.raises(MissingFileError, match=r"Python 2\.0"):
        find_python("2.0")


def test_a_clean_environment_has_the_packages_but_not_this_toolkit(tmp_path):
    python = clean_python(tmp_path / "clean")
    seen = "import numpy, pip, importlib.util as u; print(bool(u.find_spec('keras')), bool(u.find_spec('toolkit')))"
    done = subprocess.run([python, "-c", seen], capture_output=True, text=True, cwd=tmp_path, env={})
    assert done.stdout.split() == ["True", "False"], done.stderr
