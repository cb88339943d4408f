"""The Codabench zip: what is in it, its bytes, what is refused."""

import json
import time
import zipfile

import pytest

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission.checks import inspect, open_archive
from toolkit.submission.codabench import build_zip

SETTINGS = {"class_names": ("ant", "bee"), "image_size": 16}


@pytest.fixture
def models(tmp_path):
    """Files of the form that Keras writes; what is in them matters to Keras alone."""
    paths = []
    for index in range(3):
        path = tmp_path / "ensemble" / f"fold{index}" / "model.keras"
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": "3.4.1"}))
            archive.writestr("model.weights.h5", bytes([index]) * 1000)
        paths.append(path)
    return paths


def test_the_zip_is_flat_and_passes_its_own_checks(models, tmp_path):
    built = build_zip(models, tmp_path / "out" / "mine.zip", **SETTINGS)
    texts = ("metadata", "model.py", "ensemble.json", "requirements.txt")
    assert built.members == (*texts, "fold0.keras", "fold1.keras", "fold2.keras")
    with open_archive(built.path) as archive:
        assert archive.namelist() == list(built.members)
        assert [check.message for check in inspect(archive, 500) if not check.ok] == []
        assert archive.read("fold2.keras") == models[2].read_bytes()
        assert b"keras==3.4.1" in archive.read("requirements.txt")
    assert built.bytes == built.path.stat().st_size


def test_the_same_models_give_the_same_bytes_at_another_time_and_place(models, tmp_path):
    first = build_zip(models, tmp_path / "a.zip", **SETTINGS)
    time.sleep(2.1)  # a zip counts in steps of two seconds
    for model in models:
        model.touch()
    second = build_zip(models, tmp_path / "elsewhere" / "b.zip", **SETTINGS)
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()
    assert build_zip(models, tmp_path / "c.zip", **SETTINGS, vote="mean").sha256 != first.sha256


def test_model_py_is_valid_python_for_names_and_titles_of_any_kind(models, tmp_path):
    names = ('say "hi"', "naïve\\path", "$dollar", "two\nlines")
    built = build_zip(models, tmp_path / "a.zip", class_names=names, image_size=16, title='He said """no"""\n\\')
    with zipfile.ZipFile(built.path) as archive:
        source = archive.read("model.py").decode()
    compile(source, "model.py", "exec")
    assert f"CLASS_NAMES = {names!r}" in source
    assert "${" not in source


def test_model_py_imports_nothing_but_numpy_keras_and_the_standard_library(models, tmp_path):
    built = build_zip(models, tmp_path / "a.zip", **SETTINGS)
    with zipfile.ZipFile(built.path) as archive:
        lines = archive.read("model.py").decode().splitlines()
    assert {line.split()[1] for line in lines if line.startswith(("import ", "from "))} == {
        "json",
        "os",
        "numpy",
        "keras",
    }


def test_no_models_is_an_error_that_names_the_next_command(tmp_path):
    with pytest.raises(SubmissionError, match="toolkit ensemble"):
        build_zip([], tmp_path / "a.zip", **SETTINGS)


def test_a_missing_or_foreign_model_file_is_named(models, tmp_path):
    with pytest.raises(MissingFileError, match=r"gone\.keras"):
        build_zip([*models, tmp_path / "gone.keras"], tmp_path / "a.zip", **SETTINGS)
    models[1].write_bytes(b"not a zip")
    with pytest.raises(SubmissionError, match="fold1"):
        build_zip(models, tmp_path / "a.zip", **SETTINGS)


def test_too_large_a_zip_is_refused_with_advice_and_leaves_nothing_behind(models, tmp_path):
    with pytest.raises(SubmissionError, match=r"package\.max_mb = 0\.001.*Use fewer folds"):
        build_zip(models, tmp_path / "out" / "a.zip", **SETTINGS, max_mb=0.001)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("values", [(1,), (4, 4), (0, 1, 2)])
def test_label_values_must_be_one_a_class_and_different(models, tmp_path, values):
    with pytest.raises(SubmissionError, match=r"data\.classes"):
        build_zip(models, tmp_path / "a.zip", **SETTINGS, label_values=values)
