"""Every target of `package` but the code zip of Codabench, on a finished contest, through the command line."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, toolkit
from PIL import Image

from toolkit.predictions import Predictions


@pytest.fixture(scope="module")
def contest(road, tmp_path_factory):
    """A copy of the finished contest with its hidden pictures as PNG files and a sample submission."""
    folder = tmp_path_factory.mktemp("targets") / "copy"
    shutil.copytree(road.folder, folder, symlinks=True)
    (folder / "test").mkdir()
    with np.load(folder / "contest" / "hidden.npz") as arrays:
        for index, picture in enumerate(arrays["images"]):
            Image.fromarray(picture).save(folder / "test" / f"t{index:03}.png")
    ids = [f"t{index:03}" for index in reversed(range(SMALL.hidden))]
    (folder / "sample_submission.csv").write_text("id,label\n" + "".join(f"{name},0\n" for name in ids))
    return folder


def package(contest, target, *assignments):
    chosen = [part for text in assignments for part in ("--set", text)]
    return toolkit("package", "-c", contest / "contest.yaml", "--target", target, "--json", *chosen)


def result(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def expected(contest):
    """The label of each test picture by `predict`."""
    output = contest / "p.npz"
    done = toolkit("predict", "-c", contest / "contest.yaml", "--data", contest / "test", "-o", output)
    assert done.returncode == 0, done.stderr
    made = Predictions.load(output)
    return dict(zip(made.image_id.tolist(), made.labels.tolist(), strict=True))


def test_kaggle_writes_what_predict_predicts_in_the_form_of_the_sample(contest, expected):
    found = result(
        package(contest, "kaggle", "package.test_source=test", "package.sample=sample_submission.csv",
                "package.competition=digits")
    )  # fmt: skip
    with Path(found["path"]).open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["id", "label"]
    assert [row[0] for row in rows[1:]] == [f"t{index:03}" for index in reversed(range(SMALL.hidden))]
    assert {f"{name}.png": int(label) for name, label in rows[1:]} == expected
    assert found["commands"] == [
        f'kaggle competitions submit digits -f {found["path"]} -m "small {found["path"][-16:-4]}"'
    ]
    card = json.loads(Path(found["card"]).read_text(encoding="utf-8"))
    assert card["sha256"] == found["sha256"] and card["code_fingerprint"] and card["config"]["name"] == "small"
    page = Path(found["card"].replace(".json", ".html")).read_text(encoding="utf-8")
    assert page.count("✓") == len(found["checks"])


@pytest.mark.slow
def test_packages_renew_batch_normalisation_as_the_ensemble_does_unless_told_otherwise(contest, expected, tmp_path):
    renew = "ensemble.batch_norm=target"
    done = toolkit("predict", "-c", contest / "contest.yaml", "--data", contest / "test", "-o", tmp_path / "p.npz",
                   "--set", renew)  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = Predictions.load(tmp_path / "p.npz")
    renewed = dict(zip(made.image_id.tolist(), made.labels.tolist(), strict=True))
    assert renewed != expected
    settings = ("package.test_source=test", "package.sample=sample_submission.csv", renew)
    told = ("package.batch_norm=train",)
    for more, labels, name in ((), renewed, "batch_norm: target"), (told, expected, "batch_norm"):
        found = result(package(contest, "kaggle", *settings, *more))
        with Path(found["path"]).open(encoding="utf-8") as stream:
            assert {f"{row['id']}.png": int(row["label"]) for row in csv.DictReader(stream)} == labels
        card = json.loads(Path(found["card"]).read_text(encoding="utf-8"))
        assert name in card["verified"]
        assert name in {check["name"] for check in found["checks"]}
    for setting, against in ((renew, "against evaluate"), ("package.batch_norm=target", "against train")):
        code = result(package(contest, "codabench", setting))
        told = {check["name"]: check["message"] for check in code["checks"]}
        assert against in told["batch_norm: target"]
        card = json.loads(Path(code["card"]).read_text(encoding="utf-8"))
        # Corrupted local tests are of the package only where it predicts as `evaluate` does.
        assert (card["scores"]["noisy"] is not None) == (setting == renew)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ids: [*ids, "more"], "no predicted picture, for example 'more'"),
        (lambda ids: ids[1:], "not asked for by the sample"),
        (lambda ids: [*ids, ids[0]], "more than once"),
    ],
    ids=["missing", "extra", "doubled"],
)
def test_a_sample_that_does_not_fit_the_pictures_is_an_error_and_nothing_is_written(contest, tmp_path, change, words):
    ids = [f"t{index:03}" for index in range(SMALL.hidden)]
    (tmp_path / "s.csv").write_text("id,label\n" + "".join(f"{name},0\n" for name in change(ids)))
    before = sorted((contest / "submissions").iterdir())
    done = package(contest, "kaggle", "package.test_source=test", f"package.sample={tmp_path / 's.csv'}")
    assert done.returncode == 1 and words in " ".join(done.stderr.split())
    assert sorted((contest / "submissions").iterdir()) == before


def test_results_are_zipped_as_the_example_names_them_and_without_metadata(contest, expected, tmp_path):
    np.save(tmp_path / "y_pred.npy", np.zeros(3, np.int32))
    found = result(
        package(contest, "codabench-results", "package.test_source=test", f"package.template={tmp_path / 'y_pred.npy'}")
    )
    with zipfile.ZipFile(found["path"]) as archive:
        assert archive.namelist() == ["y_pred.npy"]
        archive.extract("y_pred.npy", tmp_path / "out")
    labels = np.load(tmp_path / "out" / "y_pred.npy")
    assert labels.dtype == np.int32 and labels.tolist() == [expected[name] for name in sorted(expected)]


def test_a_target_without_test_pictures_or_example_says_what_to_set(contest):
    assert "package.template" in package(contest, "codabench-results").stderr
    assert "package.test_source" in package(contest, "kaggle", "package.sample=sample_submission.csv").stderr
    assert "codabench" in package(contest, "nowhere").stderr


@pytest.mark.slow
def test_half_the_bits_and_fewer_members_are_proven_and_their_cost_is_said(contest, road):
    whole = road.result["package"]["megabytes"]
    small = result(package(contest, "codabench", "package.float16=true", f"package.max_mb={0.4 * whole}",
                           "package.members=fit"))  # fmt: skip
    assert small["megabytes"] < 0.3 * whole
    named = [(cost["choice"], cost["float16"]) for cost in small["costs"]]
    assert named == [(choice, half) for half in (False, True) for choice in ("1", "2", "average")]
    chosen = next(cost for cost in small["costs"] if cost["chosen"])
    assert (chosen["choice"], chosen["float16"]) == ("1", True)
    assert small["worker_accuracy"] == pytest.approx(chosen["accuracy"]) == small["local_accuracy"]
    full, halved = small["costs"][1], small["costs"][4]
    assert full["difference"] == 0 and abs(halved["difference"]) <= 0.05
    card = json.loads(Path(small["card"]).read_text(encoding="utf-8"))
    assert card["scores"]["clean"] == pytest.approx(chosen["accuracy"]) and 0 <= card["scores"]["noisy"] <= 1
    assert any(check["name"] == "speed" for check in small["checks"])


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["savedmodel", "onnx"])
def test_exported_networks_are_proven_verified_and_the_same_bytes_again(contest, runtime):
    if runtime == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    first = result(package(contest, "codabench", f"package.runtime={runtime}"))
    checks = {check["name"]: check for check in first["checks"]}
    assert ", 0 of " in checks["same predictions as in training"]["message"]
    assert first["worker_accuracy"] == pytest.approx(first["local_accuracy"])
    verified = toolkit("verify", first["path"], "--json")
    assert verified.returncode == 0, verified.stderr
    Path(first["path"]).unlink()
    again = result(package(contest, "codabench", f"package.runtime={runtime}"))
    assert not again["reused"] and again["sha256"] == first["sha256"]


@pytest.mark.slow
def test_the_fewest_of_several_members_are_packed_and_every_number_is_costed(contest):
    tiny = ["model.backbone=tiny_vgg", "model.weights=none", "model.unfreeze=all", "model.head.layers=0",
            "train.epochs=2", "ensemble.tuned=never", "ensemble.vote=mean",
            "ensemble.members=[{seed: 1}, {seed: 2}, {train.epochs: 1}]"]  # fmt: skip
    found = result(package(contest, "codabench", *tiny, "package.members=fewest"))
    assert [cost["choice"] for cost in found["costs"]] == ["1", "2", "3", "4", "5", "6", "average"] * 2
    chosen = next(cost for cost in found["costs"] if cost["chosen"])
    assert chosen["members"] % 2 == 0 and not chosen["float16"], "each member with all of its folds"
    assert found["worker_accuracy"] == pytest.approx(chosen["accuracy"])


def test_what_does_not_fit_is_refused_with_what_would(contest):
    done = package(contest, "codabench", "package.max_mb=1")
    assert "package.float16: true" in done.stderr and "package.members: fit" in done.stderr
    done = package(contest, "codabench", "package.max_mb=1", "package.members=fit")
    assert "Not one model fits" in done.stderr


def test_a_hidden_test_too_large_for_the_time_is_foretold(contest):
    done = package(contest, "codabench", "package.hidden_images=100000000")
    assert done.returncode == 1 and "Too slow" in done.stderr


@pytest.mark.slow
def test_a_kernel_scores_in_kaggles_folders_what_evaluate_measured_and_verifies_by_itself(contest):
    found = result(
        package(contest, "kaggle-kernel", "package.owner=me", "package.competition=digits",
                "package.sample=sample_submission.csv")
    )  # fmt: skip
    passed = {check["name"] for check in found["checks"]}
    assert {"hidden rerun, inputs plain", "commit run, inputs by kind", "same accuracy as evaluate"} <= passed
    assert any(command.startswith("kaggle datasets create -p ") for command in found["commands"])
    again = toolkit("verify", found["path"], "--sample", contest / "sample_submission.csv", "--json")
    assert again.returncode == 0, again.stderr
    assert "package.owner" in package(contest, "kaggle-kernel").stderr
