"""`toolkit tune --modify`, `--unfreeze` and `--compare` on a small contest, as a user runs them."""

import json
from pathlib import Path

import pytest
from conftest import CONFIG, toolkit

from toolkit.steps.demo_contest import Amounts, build_contest

SMALL = Amounts(genuine=120, hidden=10, exact=2, conflicts=1, near=2, flipped=0.0, outliers=1)


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    build_contest(folder, SMALL)
    text = CONFIG.replace("trials: 3", "trials: 8").replace("trial_epochs: 3", "trial_epochs: 2")
    (folder / "contest.yaml").write_text(text, encoding="utf-8")
    (folder / "other.yaml").write_text(text.replace("name: small", "name: other\nseed: 3"), encoding="utf-8")
    return folder


def method(folder, *arguments, code=0):
    done = toolkit("tune", "-c", folder / "contest.yaml", "--json", *arguments)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


@pytest.mark.slow
def test_a_modification_needs_a_search_and_sweeps_two_settings(contest):
    assert "Run `toolkit tune" in method(contest, "--modify", code=1)
    method(contest)
    found = method(contest, "--modify")
    assert found["step"] == "tune-modify"
    assert found["columns"] == ["setting", "manual", "tuned", "modified"]
    assert "±" in found["rows"][-1][1]
    page = (Path(found["run_dir"]) / "report.html").read_text()
    assert "most important" in page
    assert "least important" in page
    assert method(contest, "--modify")["reused"]
    assert "Sweep two settings around the best" in (Path(found["run_dir"]).parents[1] / "index.html").read_text()
    trained = toolkit("ensemble", "-c", contest / "contest.yaml", "--json")
    assert json.loads(trained.stdout)["tuned"] == found["best_params"], trained.stderr


@pytest.mark.slow
def test_unfreezing_counts_attempts_and_reports_the_error_drop(contest):
    found = method(contest, "--unfreeze", "--attempts", "2")
    assert [row[0] for row in found["rows"]] == ["0", "1", "2"]
    assert found["figures"]["relative_error_drop"] >= 0
    assert found["best"] >= found["figures"]["baseline"]
    assert set(found["best_params"]) >= {"model.unfreeze", "train.learning_rate", "train.batch_size"}


@pytest.mark.slow
def test_methods_are_compared_on_two_data_sets(contest):
    found = method(contest, "--compare", "random,asha", "--epochs", "26", "--with", contest / "other.yaml")
    assert found["columns"] == ["data set", "random", "asha", "largest difference"]
    assert [row[0] for row in found["rows"]] == ["small", "other"]
    page = (Path(found["run_dir"]) / "report.html").read_text()
    assert "Wilson" in page
    assert "z-tests" in page


def test_wrong_methods_are_told(contest):
    assert "did you mean 'random'" in method(contest, "--compare", "radnom", code=1)
    assert "give one of" in method(contest, "--modify", "--unfreeze", code=2)
