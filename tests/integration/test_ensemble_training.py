"""Members, repeats, pseudo-labels, parallel folds: real trainings of a tiny network on a tiny contest."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from PIL import Image

from toolkit.nn.prediction import predict_views
from toolkit.nn.saving import load_model
from toolkit.predictions import Predictions
from toolkit.steps.ensemble import ensemble_step, trained_ensemble
from toolkit.steps.evaluate import evaluate_step
from toolkit.steps.predict import predict_step
from toolkit.steps.project import Project

SETTINGS = {
    "name": "tiny",
    "data": {"source": "train.csv", "image_size": 32, "holdout": 0.2},
    "clean": {"backbone": "tiny_vgg", "weights": "none", "outliers": False, "label_errors": False, "quality": False,
              "duplicates": False},
    "model": {"backbone": "tiny_vgg", "weights": "none", "unfreeze": "all", "head": {"layers": 1, "units": [8]},
              "backbone_options": {"dropblock_rate": 0.0}},
    "augment": {"policy": {"name": "none"}},
    "train": {"epochs": 1, "batch_size": 8, "learning_rate": 0.01, "deterministic": True, "early_stopping": 0},
    "ensemble": {"folds": 2},
}  # fmt: skip


def pictures(count, seed):
    """Noise in which a third is redder, greener or bluer."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 160, (count, 32, 32, 3))
    images[np.arange(count), :, :, labels] += 95
    return images.astype(np.uint8), labels


@pytest.fixture
def contest(tmp_path):
    images, labels = pictures(45, 0)
    rows = ["path,label"]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(tmp_path / f"{number:02d}.png")
        rows.append(f"{number:02d}.png,{'rgb'[label]}")
    (tmp_path / "train.csv").write_text("\n".join(rows) + "\n")

    def write(name="contest", train=None, **ensemble):
        settings = {**SETTINGS, "runs_dir": name, "train": {**SETTINGS["train"], **(train or {})}}
        settings["engine"] = ensemble.pop("engine", "local")
        settings["ensemble"] = {**SETTINGS["ensemble"], **ensemble}
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(settings))
        return file

    return write


def test_members_and_repeats_leave_their_own_predictions_and_share_the_folds(contest):
    members = [{"seed": 1}, {"model.backbone_options.dropblock_rate": 0.2, "train.learning_rate": 0.003}]
    project = Project(contest(members=members, repeats=2, tta=["identity", "rotate_180"]))
    result = ensemble_step(project)
    run = result.run_dir
    assert (result.folds, result.members, len(result.member_accuracy)) == (8, 2, 2)
    each = []
    for member in range(2):
        parts = [Predictions.load(run / f"member{member}" / f"fold{index}" / "oof.npz") for index in range(4)]
        assert set(parts[0].image_id) == set(parts[1].image_id) ^ set(parts[2].image_id) ^ set(parts[3].image_id)
        assert set(parts[0].image_id) != set(parts[2].image_id), "the second repeat must draw other folds"
        whole = Predictions.load(run / f"member{member}" / "oof.npz")
        by_name = {}
        for part in parts:
            for name, row in zip(part.image_id.tolist(), part.probabilities, strict=True):
                by_name.setdefault(name, []).append(row)
        means = np.array([np.mean(by_name[name], axis=0) for name in whole.image_id.tolist()])
        np.testing.assert_allclose(whole.probabilities, means, atol=1e-6)
        each.append(whole)
    top = Predictions.load(run / "oof.npz")
    np.testing.assert_allclose(top.probabilities, (each[0].probabilities + each[1].probabilities) / 2, atol=1e-6)
    ensemble = trained_ensemble(project)
    assert [[path.parent.name for path in member] for member in ensemble.members] == [
        ["fold0", "fold1", "fold2", "fold3"]
    ] * 2
    assert ensemble.models == [path for member in ensemble.members for path in member]
    assert all(path.is_file() for path in ensemble.models)
    assert top.image_id.tolist() == ensemble.split.larger.image_ids.tolist()
    assert "model.backbone_options.dropblock_rate: 0.2" in (run / "report.html").read_text()


def test_pseudo_labels_reach_training_alone_and_copies_of_labelled_pictures_do_not(contest, tmp_path):
    source = tmp_path / "unlabelled"
    source.mkdir()
    for number, image in enumerate(pictures(12, 1)[0]):
        Image.fromarray(image).save(source / f"{number:02d}.png")
    for number in (3, 44):  # wherever the holdout falls, copies of labelled pictures must not be used
        Image.open(tmp_path / f"{number:02d}.png").save(source / f"copy{number}.bmp")
    (source / "broken.png").write_bytes(b"no picture")
    config = contest(train={"epochs": 4}, pseudo_labels={"source": str(source), "threshold": 0.4})
    result = ensemble_step(Project(config))
    run = result.run_dir
    (told,) = json.loads((run / "pseudo_labels.json").read_text())
    assert (told["pictures"], told["duplicates"], told["unreadable"]) == (15, 2, 1)
    for index in range(2):
        labelled = Predictions.load(run / "round0" / f"unlabelled{index}.npz")
        assert not any("copy" in name for name in labelled.image_id)
        sure = labelled.probabilities.max(axis=1) >= 0.4
        assert told["counts"][index] == np.bincount(labelled.labels[sure], minlength=3).tolist()
    assert result.pseudo_labelled == pytest.approx(np.sum(told["counts"]) / 2)
    assert result.pseudo_labelled > 2
    known = {f"{number:02d}.png" for number in range(45)}
    assert set(Predictions.load(run / "oof.npz").image_id) < known
    before = Predictions.load(run / "oof.npz").probabilities
    assert not np.array_equal(before, np.zeros_like(before))
    assert "Pseudo-labels" in (run / "report.html").read_text()
    # Interrupted in the second round, it goes on there and ends the same.
    for path in (run / "DONE", run / "fold1" / "DONE", run / "oof.npz", run / "round0" / "unlabelled1.npz"):
        path.unlink()
    first = (run / "round0" / "fold1" / "model.keras").stat().st_mtime_ns
    ensemble_step(Project(config))
    assert (run / "round0" / "fold1" / "model.keras").stat().st_mtime_ns == first
    np.testing.assert_array_equal(Predictions.load(run / "oof.npz").probabilities, before)


def test_predictions_use_the_statistics_of_their_own_pictures_where_asked(contest, tmp_path):
    config = contest()
    dark = tmp_path / "dark"
    dark.mkdir()
    for number, image in enumerate(pictures(9, 2)[0]):
        Image.fromarray(image // 3).save(dark / f"{number}.png")
    outputs = []
    for name, setting in (("train", "ensemble.batch_norm=train"), ("target", "ensemble.batch_norm=target")):
        project = Project(config, assignments=[setting])
        predict_step(project, dark, tmp_path / f"{name}.npz")
        outputs.append(Predictions.load(tmp_path / f"{name}.npz").probabilities)
    assert len(list((tmp_path / "contest" / "tiny" / "ensemble").glob("*/DONE"))) == 2  # the run, and `latest`
    assert not np.allclose(*outputs, atol=1e-4)


def model_files(result):
    return sorted(result.run_dir.glob("fold*/model.keras"))


def test_what_is_trained_already_serves_other_views_and_further_folds(contest, capsys):
    config = contest(train_folds=1)
    one = ensemble_step(Project(config))
    both = ensemble_step(Project(config, assignments=["ensemble.train_folds=null"]))
    assert model_files(one)[0].samefile(model_files(both)[0])
    views = ["ensemble.train_folds=null", "ensemble.tta=[identity,horizontal_flip]"]
    flipped = ensemble_step(Project(config, assignments=views))
    assert all(ours.samefile(theirs) for ours, theirs in zip(model_files(flipped), model_files(both), strict=True))
    assert flipped.run_dir != both.run_dir and flipped.epochs == both.epochs
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 2 models were trained by an earlier run" in said
    assert "2 of 2 models were trained by an earlier run" in said
    # Out of fold, the views are those of this run.
    project = Project(config, assignments=views)
    read = project.pixels(project.manifest, project.hashes).read
    predicted = Predictions.load(flipped.run_dir / "fold0" / "oof.npz")
    ids = predicted.image_id.tolist()
    expected = predict_views(load_model(model_files(both)[0]), read, ids, ("identity", "horizontal_flip"))
    np.testing.assert_allclose(predicted.probabilities, expected, atol=1e-6)
    plain = Predictions.load(both.run_dir / "fold0" / "oof.npz").select(predicted.image_id)
    assert not np.allclose(predicted.probabilities, plain.probabilities, atol=1e-5)
    assert flipped.fold_accuracy[0] == (predicted.labels == project.manifest.select(ids).labels).mean()


def test_what_was_trained_otherwise_or_is_damaged_is_trained_anew(contest, capsys):
    config = contest()
    before = ensemble_step(Project(config))
    other = ensemble_step(Project(config, assignments=["train.epochs=2"]))
    assert not any(ours.samefile(theirs) for ours, theirs in zip(model_files(other), model_files(before), strict=True))
    model_files(before)[0].write_bytes(b"torn")
    again = ensemble_step(Project(config, assignments=["ensemble.tta=[horizontal_flip]"]))
    assert "1 of 2 models were trained by an earlier run" in " ".join(capsys.readouterr().err.split())
    assert model_files(again)[0].stat().st_size > 1000 and model_files(before)[0].read_bytes() == b"torn"


def test_a_model_that_a_time_limit_cut_short_is_not_used_again(contest, capsys):
    config = contest(train={"epochs": 3})
    assert ensemble_step(Project(config), minutes=1e-6).epochs == (1, 1)
    whole = ensemble_step(Project(config, assignments=["ensemble.tta=[horizontal_flip]"]))
    assert whole.epochs == (3, 3)
    assert "earlier run" not in capsys.readouterr().err


def test_local_tests_are_predicted_with_the_statistics_that_predict_uses(contest, tmp_path):
    config, holdout = contest(), tmp_path / "holdout"
    holdout.mkdir()
    found = {}
    for setting in ("ensemble.batch_norm=train", "ensemble.batch_norm=target"):
        project = Project(config, assignments=[setting, "evaluate.corruptions=[jpeg]"])
        run = evaluate_step(project).run_dir
        scored = Predictions.load(run / "predictions-clean.npz")
        for name in scored.image_id:
            shutil.copy(tmp_path / name, holdout / name)
        predict_step(project, holdout, tmp_path / "p.npz")
        np.testing.assert_allclose(
            Predictions.load(tmp_path / "p.npz").select(scored.image_id).probabilities, scored.probabilities, atol=1e-5
        )
        found[setting] = scored.probabilities, Predictions.load(run / "predictions-jpeg-3.npz").probabilities
    for train, target in zip(*found.values(), strict=True):
        assert not np.allclose(train, target, atol=1e-3)
    assert len(list((tmp_path / "contest" / "tiny" / "ensemble").glob("*/DONE"))) == 2  # the run, and `latest`


def command(config):
    return [sys.executable, "-m", "toolkit.cli", "ensemble", "-c", str(config), "--json"]


def predicted(config):
    run = config.parent / config.stem / "tiny" / "ensemble" / "latest"
    with np.load(run / "oof.npz") as arrays:
        return arrays["image_id"].tolist(), arrays["probabilities"]


@pytest.mark.slow
def test_parallel_folds_are_the_serial_ones_also_after_a_kill(contest):
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    serial, parallel = contest("serial", {"epochs": 3}), contest("parallel", {"epochs": 3}, jobs=2)
    subprocess.run(command(serial), check=True, capture_output=True, env=environment)
    process = subprocess.Popen(
        command(parallel), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    pattern = "parallel/tiny/ensemble/*/fold*/checkpoint/training/progress.json"
    while not list(parallel.parent.glob(pattern)) and process.poll() is None:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, "children go on as orphans"
    kept = [json.loads(file.read_text())["records"] for file in parallel.parent.glob(pattern)]
    assert max(map(len, kept), default=1) >= 1, "the epochs that were finished are kept"
    again = subprocess.run(command(parallel), check=False, capture_output=True, env=environment, text=True)
    assert again.returncode == 0, again.stderr
    one, other = predicted(serial), predicted(parallel)
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.slow
def test_folds_on_a_cluster_of_two_machines_are_the_serial_ones(contest, monkeypatch):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'contest-toolkit[cluster]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    serial, distributed = contest("serial"), contest("cluster", engine="ray", jobs="auto")
    subprocess.run(command(serial), check=True, capture_output=True)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        result = subprocess.run(
            command(distributed), check=False, capture_output=True, text=True,
            env={**os.environ, "RAY_ADDRESS": cluster.address},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    finally:
        ray.shutdown()
        cluster.shutdown()
    np.testing.assert_array_equal(predicted(serial)[1], predicted(distributed)[1])
