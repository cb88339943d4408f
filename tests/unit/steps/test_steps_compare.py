"""`toolkit compare` on run directories as `clean`, `ensemble` and `evaluate` leave them."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import toolkit
from toolkit.artifacts import RunDir
from toolkit.cli import app
from toolkit.errors import DataError, MissingFileError, StepOrderError
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps.compare import compare_runs

CLASSES = ("cat", "dog", "owl")
N = 240
LABELS = np.arange(N) % 3
IDS = [f"p{i:03d}" for i in range(N)]


def config(rate, seed):
    return {"seed": seed, "data": {"source": "x.csv"}, "train": {"learning_rate": rate}, "evaluate": {"severity": 3}}


def predicted(rows, accuracy, rng, classes=CLASSES):
    right = rng.random(len(rows)) < accuracy
    said = np.where(right, LABELS[rows], (LABELS[rows] + 1) % 3)
    return Predictions.build([IDS[row] for row in rows], np.eye(3)[said] * 0.7 + 0.1, classes)


def cleaned(folder, labels=LABELS, key="c"):
    run = RunDir(folder / "clean" / key)
    run.start(config(0, 0))
    Manifest.build(folder, CLASSES, IDS, IDS, labels).save(run.path / "manifest.csv")
    run.finish({})


def trained(folder, rate, seed, accuracy, tests=("clean", "fog", "white_noise"), classes=CLASSES):
    """An ensemble and the evaluation of it; the seed chooses the holdout."""
    rng = np.random.default_rng([seed, int(rate * 1000)])
    hold = np.random.default_rng(seed).permutation(N)[:120]
    ensemble = RunDir(folder / "ensemble" / f"e{seed}-{rate}")
    ensemble.start(config(rate, seed))
    predicted(np.setdiff1d(np.arange(N), hold), accuracy, rng, classes).save(ensemble.path / "oof.npz")
    for fold in range(2):
        (ensemble.path / f"fold{fold}").mkdir()
        with (ensemble.path / f"fold{fold}" / "history.csv").open("w") as stream:
            rows = csv.writer(stream)
            rows.writerow(["epoch", "phase", "val_accuracy", "val_loss"])
            rows.writerows([epoch, "training", accuracy - 0.3 / epoch, 1 / epoch] for epoch in range(1, 5 + fold))
    ensemble.finish({})
    run = RunDir(folder / "evaluate" / f"v{seed}-{rate}")
    run.start(config(rate, seed))
    for test in tests:
        predicted(hold, accuracy, rng, classes).save(run.path / f"predictions-{test}.npz")
    run.finish({})
    return run.path


@pytest.fixture
def project(tmp_path):
    cleaned(tmp_path / "runs" / "pets")
    return tmp_path / "runs" / "pets"


def test_two_runs_are_compared_out_of_fold_on_the_holdout_and_under_each_corruption(project):
    weak, strong = trained(project, 0.1, 0, 0.6), trained(project, 0.01, 0, 0.95)
    found = toolkit.compare([f"weak={weak}", strong])
    assert list(found.contenders) == ["weak", "pets"]
    assert [pair.test for pair in found.pairs] == ["out of fold", "clean", "corruptions pooled"]
    assert [pair.n for pair in found.pairs] == [120, 120, 120]
    assert [cell.test for cell in found.cells] == ["fog at severity 3", "white noise at severity 3"]
    assert {pair.better for pair in found.pairs} == {"pets"}
    assert "pets is better than weak by" in found.conclusions[0]
    assert found.run_dir.parent == project / "compare"
    page = (found.run_dir / "report.html").read_text()
    for text in ("What can be concluded", "train.learning_rate", "Learning curves", "relative error drop"):
        assert text in page
    saved = json.loads((found.run_dir / "comparison.json").read_text())
    assert saved["pairs"][1]["mcnemar_mid"] == found.pairs[1].p
    assert found.pairs[1].decided_by == "McNemar mid-p"


def test_runs_that_differ_only_in_the_seed_are_one_configuration(project):
    for seed in (0, 1, 2):
        for rate, accuracy in ((0.1, 0.6), (0.01, 0.9)):
            trained(project, rate, seed, accuracy)
    (project / "evaluate" / "latest").unlink()
    (project / "evaluate" / "latest").symlink_to("v0-0.1")
    found = compare_runs(sorted((project / "evaluate").glob("*")))
    assert [len(paths) for paths in found.contenders.values()] == [3, 3]
    assert {pair.decided_by for pair in found.pairs} == {"pictures and seeds"}
    score = found.scores[0]
    assert len(score.runs) == 3
    assert score.sd == pytest.approx(np.std(score.runs, ddof=1))
    assert "3 seeds" in (found.run_dir / "report.html").read_text()


def test_groups_are_taken_as_they_are_named(project, tmp_path):
    runs = {(rate, seed): trained(project, rate, seed, 0.8) for rate in (0.1, 0.2, 0.3) for seed in (0, 1)}
    groups = {"A": [runs[0.1, 0], runs[0.2, 1]], "B": [runs[0.3, 0], runs[0.3, 1]]}
    found = toolkit.compare([], groups=groups, output=tmp_path / "page")
    assert {name: len(paths) for name, paths in found.contenders.items()} == {"A": 2, "B": 2}
    assert (tmp_path / "page" / "report.html").exists()
    assert not (project / "compare").exists()


def test_files_of_predictions_are_judged_by_the_labels_that_are_named(tmp_path):
    table = "image_id,path,label\n" + "".join(f"{i},{i}.png,{CLASSES[k]}\n" for i, k in zip(IDS, LABELS, strict=True))
    (tmp_path / "truth.csv").write_text(table)
    for name in IDS:  # they must be there, but no picture is opened
        (tmp_path / f"{name}.png").touch()
    rng, rows = np.random.default_rng(0), np.arange(N)
    predicted(rows, 0.6, rng).save(tmp_path / "one.npz")
    half = predicted(rows[: N // 2], 0.9, rng)
    # The same classes in another order are the same classes.
    Predictions.build(half.image_id, half.probabilities[:, [2, 0, 1]], ("owl", "cat", "dog")).save(tmp_path / "b.npz")
    files = [tmp_path / "one.npz", tmp_path / "b.npz"]
    found = toolkit.compare(files, labels=tmp_path / "truth.csv", output=tmp_path)
    (pair,) = found.pairs
    assert (pair.n, pair.only_one, pair.better) == (N // 2, N // 2, "b")
    assert "120 by one alone" in found.notes[0]
    with pytest.raises(DataError, match="--labels SOURCE"):
        toolkit.compare(files)


def test_other_severities_are_other_tests(project):
    one, other = trained(project, 0.1, 0, 0.8), trained(project, 0.2, 0, 0.8)
    settings = json.loads((other / "config.json").read_text())
    settings["evaluate"]["severity"] = 5
    (other / "config.json").write_text(json.dumps(settings))
    found = compare_runs([one, other])
    assert [pair.test for pair in found.pairs] == ["out of fold", "clean"]
    assert found.cells == ()


def test_the_project_folder_stands_for_its_latest_evaluation(project, tmp_path):
    trained(project, 0.1, 0, 0.8)
    other = tmp_path / "runs" / "other"
    cleaned(other)
    trained(other, 0.2, 0, 0.8)
    assert list(compare_runs([project, other]).contenders) == ["pets", "other"]
    found = compare_runs([project / "ensemble", other / "ensemble" / "latest"])
    assert [pair.test for pair in found.pairs] == ["out of fold"]


def test_classes_and_labels_that_differ_are_refused(project, tmp_path):
    one = trained(project, 0.1, 0, 0.8)
    other = tmp_path / "runs" / "other"
    cleaned(other)
    birds = trained(other, 0.2, 0, 0.8, classes=("cat", "dog", "eagle"))
    with pytest.raises(DataError, match=r"'eagle', but .* predicts 'cat', 'dog', 'owl'"):
        compare_runs([birds, one][::-1])
    third = tmp_path / "runs" / "third"
    cleaned(third, labels=(LABELS + (np.arange(N) < 30)) % 3)
    with pytest.raises(DataError, match=r"pictures \(out of fold\) have different labels"):
        compare_runs([one, trained(third, 0.2, 0, 0.8)])


def test_bad_runs_are_named(project, tmp_path):
    one = trained(project, 0.1, 0, 0.8)
    with pytest.raises(MissingFileError, match="no run at"):
        compare_runs([one, tmp_path / "none"])
    with pytest.raises(DataError, match="no finished run"):
        compare_runs([one, project / "clean" / "c"])
    with pytest.raises(DataError, match="needs two configurations, but there is one"):
        compare_runs([one, one])
    with pytest.raises(DataError, match="2 runs are one configuration with different seeds"):
        compare_runs([one, trained(project, 0.1, 1, 0.8)])
    with pytest.raises(DataError, match="names no group"):
        compare_runs([one], groups=["A"])
    (one / "DONE").unlink()
    with pytest.raises(StepOrderError, match="not finished"):
        compare_runs([project, one])
    two = trained(project, 0.2, 0, 0.8)
    cleaned(project, labels=(LABELS + 1) % 3, key="again")
    with pytest.raises(DataError, match="different labels, and which it was trained on"):
        compare_runs([two, trained(project, 0.3, 0, 0.8)])


def test_doubled_ids_and_foreign_pictures_are_named(project, tmp_path):
    (tmp_path / "truth.csv").write_text("image_id,path,label\nx,x.png,cat\ny,y.png,dog\nz,z.png,owl\n")
    for name in "xyz":
        (tmp_path / f"{name}.png").touch()
    fine = predicted(np.arange(3), 1, np.random.default_rng(0))
    fine.save(tmp_path / "fine.npz")
    arrays = {"probabilities": fine.probabilities, "class_names": np.asarray(CLASSES)}
    np.savez(tmp_path / "twice.npz", image_id=np.asarray(["p", "p", "q"]), **arrays)
    with pytest.raises(DataError, match=r"twice\.npz .* more than once"):
        compare_runs([tmp_path / "twice.npz", tmp_path / "fine.npz"], labels=tmp_path / "truth.csv")
    with pytest.raises(DataError, match=r"None of the 3 pictures predicted in .*fine\.npz has a label"):
        compare_runs([tmp_path / "fine.npz", tmp_path / "twice.npz"], labels=tmp_path / "truth.csv")


def test_the_command_prints_a_table_or_one_json_object(project):
    one, other = trained(project, 0.1, 0, 0.6), trained(project, 0.01, 0, 0.95)
    command = ["compare", f"A={one}", f"B={other}"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0
    assert "B is better than A by" in shown.stdout
    answer = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert answer["step"] == "compare"
    assert answer["pairs"][0]["better"] == "B"
    assert CliRunner().invoke(app, ["compare"]).exit_code == 2
