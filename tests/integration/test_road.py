"""The whole road on a small contest, through the commands that a user types."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, contents, toolkit

from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps.demo import run_demo

STEPS = ("clean", "tune", "ensemble", "evaluate", "package")


def run_dir(road, step):
    return road.folder / "runs" / "small" / step / "latest"


def test_every_step_leaves_what_the_contracts_promise(road):
    promised = {
        "clean": ["issues.csv", "manifest.csv"],
        "tune": ["trials.csv", "best.json"],
        "ensemble": ["oof.npz"]
        + [f"fold{i}/{name}" for i in (0, 1) for name in ("model.keras", "oof.npz", "history.csv", "DONE")],
        "evaluate": ["evaluation.json"],
        "package": [],
    }
    for step, names in promised.items():
        for name in (*names, "config.json", "env.json", "log.txt", "report.html", "DONE"):
            assert (run_dir(road, step) / name).exists(), f"{step}: {name}"
        assert road.result[step]["step"] == step
    assert (road.folder / "runs" / "small" / "index.html").exists()


def test_the_closing_table_of_the_demo_knows_the_truth(road):
    result = run_demo(road.folder, amounts=SMALL)
    found = {row.kind: row for row in result.found}
    assert found["unreadable"].recall == found["unreadable"].precision == 1
    assert found["exact_duplicate"].recall == found["exact_duplicate"].precision == 1
    assert found["label_conflict"].recall == 1
    assert found["near_duplicate"].recall >= 0.8
    assert 0 <= result.hidden_score <= 1
    assert result.hidden_images == SMALL.hidden
    assert result.estimate.low <= result.estimate.value <= result.estimate.high
    assert result.clean_score > 0.3, "better than guessing among ten digits"
    assert result.zip.exists()
    assert result.pages.exists()
    text = " ".join(cell for table in result.tables() for row in table.rows for cell in row)
    assert "TRUE HIDDEN SCORE" in text


def test_issues_and_manifest_follow_the_contract(road):
    with (run_dir(road, "clean") / "issues.csv").open(encoding="utf-8") as stream:
        issues = list(csv.DictReader(stream))
    assert list(issues[0]) == ["image_id", "issue", "score", "group_id", "action", "reason"]
    assert len({(row["image_id"], row["issue"]) for row in issues}) == len(issues)
    assert all(0 <= float(row["score"]) <= 1 for row in issues)
    with (run_dir(road, "clean") / "manifest.csv").open(encoding="utf-8") as stream:
        kept = {row["image_id"] for row in csv.DictReader(stream)}
    dropped = {row["image_id"] for row in issues if row["action"] == "drop"}
    assert not kept & dropped
    assert road.result["clean"]["kept"] == len(kept)


def test_no_group_is_split_and_evaluate_saw_only_pictures_that_nothing_trained_on(road):
    cleaned = Manifest.load(run_dir(road, "clean") / "manifest.csv", road.folder, [str(i) for i in range(10)])
    group = dict(zip(cleaned.image_ids, cleaned.groups, strict=True))
    trained = Predictions.load(run_dir(road, "ensemble") / "oof.npz")
    tested = Predictions.load(run_dir(road, "evaluate") / "predictions-clean.npz")
    assert set(trained.image_id) | set(tested.image_id) == set(cleaned.image_ids)
    assert not {group[name] for name in trained.image_id} & {group[name] for name in tested.image_id}
    folds = [Predictions.load(run_dir(road, "ensemble") / f"fold{i}" / "oof.npz") for i in (0, 1)]
    assert not {group[name] for name in folds[0].image_id} & {group[name] for name in folds[1].image_id}


def test_the_worker_measures_the_accuracy_that_evaluate_measured(road):
    assert road.result["package"]["worker_accuracy"] == pytest.approx(road.result["evaluate"]["clean"]["value"])
    assert all(check["ok"] for check in road.result["package"]["checks"])
    card = json.loads((road.folder / road.result["package"]["card"]).read_text(encoding="utf-8"))
    assert card["scores"]["clean"] == road.result["evaluate"]["clean"]["value"]
    assert card["sha256"] == road.result["package"]["sha256"]


def test_the_same_command_twice_does_nothing_the_second_time(road):
    before = contents(road.folder / "runs")
    for step in STEPS:
        done = toolkit(step, "-c", road.folder / "contest.yaml", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["reused"] is True
    changed = {name for name, data in contents(road.folder / "runs").items() if before.get(name) != data}
    assert not changed


def test_a_person_sees_tables_and_a_path_on_stdout(road):
    done = toolkit("evaluate", "-c", road.folder / "contest.yaml")
    assert "estimated hidden score" in done.stdout
    assert "Already done" in done.stdout
    assert "report.html" in done.stdout
    assert "Traceback" not in done.stderr
    assert "tensorflow" not in done.stderr.lower()


@pytest.fixture
def own_copy(road, tmp_path):
    """A copy of the finished contest, for tests that add to it."""
    shutil.copytree(road.folder, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def test_predict_writes_the_votes_of_new_pictures(own_copy, tmp_path):
    data, output = own_copy / "contest" / "hidden.npz", tmp_path / "p.npz"
    done = toolkit("predict", "-c", own_copy / "contest.yaml", "--data", data, "-o", output, "--json")
    assert done.returncode == 0, done.stderr
    made = Predictions.load(output)
    assert made.probabilities.shape == (SMALL.hidden, 10)
    assert np.allclose(made.probabilities.sum(axis=1), 1, atol=1e-5)
    with np.load(data) as arrays:
        accuracy = (made.labels == arrays["labels"]).mean()
    scored = toolkit("evaluate", "-c", own_copy / "contest.yaml", "--data", data, "--json")
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)["extra"]["value"] == pytest.approx(accuracy)


def test_another_vote_trains_nothing_anew_and_predict_uses_it(own_copy, tmp_path):
    flags = [
        word for setting in ("ensemble.vote=stack", "ensemble.prior_correction=bbse") for word in ("--set", setting)
    ]
    done = toolkit("ensemble", "-c", own_copy / "contest.yaml", "--json", *flags)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["reused"] is True
    assert result["vote"] == "stack"
    assert [row["vote"] for row in result["votes"]] == ["single", "majority", "mean", "rank", "stack", "auto"]
    assert "one member" in result["votes_note"]
    data, output = own_copy / "contest" / "hidden.npz", tmp_path / "p.npz"
    done = toolkit("predict", "-c", own_copy / "contest.yaml", "--data", data, "-o", output, "--json", *flags)
    assert done.returncode == 0, done.stderr
    assert sum(row["target"]["value"] for row in json.loads(done.stdout)["priors"]) == pytest.approx(1)
    assert list(Path(result["run_dir"]).glob("votes/*/blend.json")), "the blend is kept beside the models"


def test_sharing_a_corruption_family_between_search_and_report_is_an_error(road):
    done = toolkit("evaluate", "-c", road.folder / "contest.yaml", "--set", "evaluate.corruptions=[cutout]")
    assert done.returncode == 1
    assert "share the family 'occlusion'" in " ".join(done.stderr.split())


def test_more_trials_continue_the_study(road, own_copy):
    arguments = ("tune", "-c", own_copy / "contest.yaml", "--json", "--set")
    more = json.loads(toolkit(*arguments, "tune.trials=4").stdout)
    assert more["trials"] == 4
    assert Path(more["run_dir"]).name == Path(road.result["tune"]["run_dir"]).name
    fewer = json.loads(toolkit(*arguments, "tune.trials=3").stdout)
    assert fewer["reused"] is True


def test_one_network_of_many_folds_trains_with_every_kind_of_augmentation_and_says_what_was_held_out(own_copy):
    settings = [
        "ensemble.folds=4", "ensemble.train_folds=1", "train.epochs=2", "model.backbone=tiny_vgg", "model.weights=none",
        "model.unfreeze=all", "model.head.layers=0", "augment.policy.name=some_of",
        "augment.policy.names=[rotation,blur,salt_and_pepper]", "augment.policy.count=[1,2]", "augment.mixup=0.3",
        "augment.cutmix=1.0", "train.ema=0.9", "train.sampling=balanced", "train.loss=focal", "train.schedule=plateau",
        "ensemble.tuned=never", "evaluate.corruptions=[impulse_noise,frost]", "tune.corruptions=[cutout]",
    ]  # fmt: skip
    flags = [word for setting in settings for word in ("--set", setting)]
    done = toolkit("ensemble", "-c", own_copy / "contest.yaml", "--json", *flags)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    run = Path(result["run_dir"])
    assert result["folds"] == 1
    assert len(result["fold_accuracy"]) == 1
    assert result["weights_sha256"] is None
    assert sorted(path.name for path in run.glob("fold*")) == ["fold0"]
    out_of_fold = Predictions.load(run / "oof.npz")
    assert 0.2 < len(out_of_fold.image_id) / result["images"] < 0.3
    assert "impulse noise" in (run / "report.html").read_text(encoding="utf-8")
    scored = toolkit("evaluate", "-c", own_copy / "contest.yaml", "--json", *flags)
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)["overlapping"] == ["impulse_noise"]


def test_mixing_pictures_that_are_cached_as_activations_is_an_error(road):
    done = toolkit(
        "ensemble", "-c", road.folder / "contest.yaml", "--set", "augment.mixup=0.2", "--set", "ensemble.views=2"
    )
    assert done.returncode == 1
    assert "set ensemble.views to 0" in " ".join(done.stderr.split())
