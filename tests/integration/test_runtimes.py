"""Packages run in the versions of TensorFlow and Keras that a contest has, not only in ours."""

import shutil

import numpy as np
import pytest

from toolkit.console import Console
from toolkit.nn import runtime
from toolkit.steps.package_formats import convert
from toolkit.steps.proving import same_probabilities
from toolkit.submission.bundle import write_bundle
from toolkit.submission.codabench import build_zip
from toolkit.submission.environments import Pins, runtime_python
from toolkit.submission.verify import run_worker

CLASSES = ("ant", "bee", "cat", "dog")
CONTEST = Pins(tensorflow="2.17.1", keras="3.4.1", python="3.11")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two small networks of kinds that differ, pictures, and what the networks predict in this process."""
    runtime.setup()
    from toolkit.nn.heads import build_model
    from toolkit.nn.prediction import predict
    from toolkit.nn.saving import save_model

    folder = tmp_path_factory.mktemp("networks")
    pictures = np.random.default_rng(0).integers(0, 256, (40, 48, 48, 3), dtype=np.uint8)
    ids = [str(index) for index in range(len(pictures))]
    paths, rows = [], []
    for index, (backbone, pooling) in enumerate((("efficientnet_lite0", "gem"), ("tiny_vgg", "avg"))):
        model = build_model(backbone, 48, len(CLASSES), weights="packaged" if index == 0 else "none", pooling=pooling,
                            unfreeze="all", seed=index)  # fmt: skip
        paths.append(folder / f"{backbone}.keras")
        save_model(model, paths[-1])
        rows.append(predict(model, lambda names: pictures[[int(name) for name in names]], ids))
    return paths, pictures, np.stack(rows).mean(axis=0)


def run(trained, folder, form, python=None, **settings):
    paths, pictures, expected = trained
    files = convert(paths, form, folder / "networks", float16=False, console=Console(quiet=True))
    built = build_zip(files, folder / "a.zip", class_names=CLASSES, image_size=48, vote="mean", form=form, **settings)
    bundle = write_bundle(folder / "bundle", pictures, expected.argmax(axis=1), class_names=CLASSES, title="t",
                          keep_probabilities=True)  # fmt: skip
    further = {} if python is None else {"python": str(python)}
    return run_worker(built.path, bundle, **further)


def agrees(result, trained):
    assert [check.message for check in result.failures] == [], result.log
    check = same_probabilities(result.probabilities, trained[2], "there")
    assert check.ok, check.message
    assert result.scores["accuracy"] == 1.0
    print(check.message)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["keras", "weights", "savedmodel"])
def test_every_form_predicts_here_what_the_training_process_predicts(trained, tmp_path, form):
    agrees(run(trained, tmp_path, form), trained)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["weights", "savedmodel"])
def test_a_package_predicts_in_tensorflow_2_17_and_keras_3_4_what_it_predicts_here(trained, tmp_path, form):
    agrees(run(trained, tmp_path, form, runtime_python(CONTEST)), trained)


@pytest.mark.slow
def test_a_keras_file_of_ours_fails_there_and_the_versions_are_named(trained, tmp_path):
    failed = run(trained, tmp_path, "keras", runtime_python(CONTEST)).failures
    assert any(check.name == "versions" and "3.4.1" in check.message for check in failed)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["savedmodel", "onnx"])
def test_exported_networks_are_the_same_bytes_whatever_the_process_did_before(trained, tmp_path, form):
    if form == "onnx":
        pytest.importorskip("tf2onnx")
    import tensorflow as tf

    zips = []
    for place in ("here", "there"):
        files = convert(trained[0][1:], form, tmp_path / place, float16=False, console=Console(quiet=True))
        zips.append(build_zip(files, tmp_path / f"{place}.zip", class_names=CLASSES, image_size=48, form=form).sha256)
        tf.function(lambda x: x + 1)(tf.constant(1.0))  # TensorFlow counts it
    assert zips[0] == zips[1]


@pytest.mark.slow
def test_onnx_predicts_what_the_training_process_predicts(trained, tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    agrees(run(trained, tmp_path, "onnx"), trained)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["keras", "weights"])
def test_renewed_batch_normalisation_follows_the_pictures(trained, tmp_path, form):
    plain = run(trained, tmp_path / "plain", form).probabilities
    renewed = run(trained, tmp_path / "renewed", form, batch_norm="target")
    assert "ingestion" not in {check.name for check in renewed.failures}, renewed.log
    assert np.isfinite(renewed.probabilities).all() and np.abs(renewed.probabilities - plain).max() > 0.01


@pytest.mark.slow
def test_an_environment_is_built_once(tmp_path):
    python = runtime_python(CONTEST)
    notes = []
    assert runtime_python(CONTEST, on_note=notes.append) == python and not notes
    assert shutil.which(str(python))
