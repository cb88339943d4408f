"""Estimates on the page and in JSON, and past scores that are matched to the local tests of their submissions."""

import json

import numpy as np
import pytest

from toolkit.artifacts import RunDir, write_json
from toolkit.errors import SubmissionError
from toolkit.evaluation.estimates import Calibration, KnownTest, separate
from toolkit.evaluation.local_tests import LocalTest
from toolkit.metrics import score
from toolkit.report import Page, write_page
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.estimating import Estimates, TargetEstimate, local_estimate
from toolkit.steps.leaderboard_estimate import OWN, board_estimate, leaderboard_file
from toolkit.steps.pages.estimate import estimate_sections
from toolkit.steps.project import Project
from toolkit.submission.card import Card, CardScores, write_card
from toolkit.submission.leaderboard import record_score

CLASSES = ("a", "b", "c")


def known(family, right, seed, pictures=120):
    rng = np.random.default_rng(seed)
    labels = np.arange(pictures) % 3
    predicted = np.where(rng.random(pictures) < right, labels, (labels + 1) % 3)
    probabilities = np.full((pictures, 3), 0.1)
    probabilities[np.arange(pictures), predicted] = 0.8
    return KnownTest(family, labels, probabilities)


def scored(test):
    return score(test.labels, test.probabilities, CLASSES)


@pytest.fixture
def contest(tmp_path):
    """A project, an ensemble with two local tests, and two past submissions of which one has a score."""
    project = Project({"name": "n", "runs_dir": str(tmp_path / "runs"), "data": {"source": str(tmp_path / "train")},
                       "package": {"destination": str(tmp_path / "packages")}})  # fmt: skip
    tests = [known("", 0.95, 0), known("blur", 0.6, 1), known("noise", 0.7, 2)]
    ensemble = Ensemble("own", RunDir(tmp_path / "runs" / "n" / "ensemble" / "own"), project.config, None, None)
    local = [LocalTest(name, test.family, 3, scored(test), 0.0, False)
             for name, test in zip(("gaussian_blur", "white_noise"), tests[1:], strict=True)]  # fmt: skip
    (tmp_path / "packages").mkdir()
    for number, (key, drop) in enumerate((("past", 0.1), ("other", 0.0))):
        folder = tmp_path / "runs" / "n" / "evaluate" / key
        folder.mkdir(parents=True)
        rows = [{"corruption": test.name, "severity": 3, "accuracy": {"value": test.scores.accuracy.value - drop}}
                for test in local]  # fmt: skip
        write_json(folder / "evaluation.json", {
            "ensemble": key, "clean": {"accuracy": {"value": 0.9}}, "tests": rows,
            "target": {"fingerprint": "f", "combined": {"point": 0.65}},
        })  # fmt: skip
        (folder / "DONE").write_text("{}")
        package = tmp_path / "packages" / f"n-codabench-k{number}.zip"
        write_card(Card("n", "codabench", f"k{number}", "2025-01-01", "0", 1, CLASSES, (), CardScores(), key), package)
    record_score(tmp_path / "packages", "k0", 0.5)
    return project, ensemble, tests, local


def test_past_scores_are_matched_by_card_and_the_rest_are_candidates(contest, tmp_path):
    project, ensemble, tests, local = contest
    board = leaderboard_file(project)
    assert board == tmp_path / "packages" / "leaderboard.csv"
    run = RunDir(tmp_path / "run")
    run.path.mkdir()
    found = board_estimate(project, ensemble, board, scored(tests[0]), local, run, ("f", 0.7))
    assert dict(found.past) == {"n-codabench-k0": 0.5}
    assert {row.name for row in found.candidates} == {OWN, "n-codabench-k1"}
    assert found.own.estimate.point > 0.5 and found.own.beats > 0.5
    assert found.corrected is not None and found.estimate is found.corrected
    assert found.corrected.point < 0.7  # the same kind of estimate was too high for the past submission
    weights = json.loads((run.path / "mix.json").read_text())["weights"]
    assert set(weights) == {"clean", "gaussian_blur@3", "white_noise@3"}
    assert sum(weights.values()) == pytest.approx(1)
    assert board_estimate(project, ensemble, board, scored(tests[0]), local, run, ("g", 0.7)).corrected is None


def test_a_leaderboard_that_is_named_but_absent_is_an_error(contest, tmp_path):
    settings = {"evaluate": {"leaderboard": str(tmp_path / "absent.csv")}, "data": {"source": str(tmp_path)}}
    with pytest.raises(SubmissionError, match="there is no such file"):
        leaderboard_file(Project(settings))


def test_all_estimates_are_on_the_page_and_in_the_json(contest, tmp_path):
    project, ensemble, tests, local = contest
    run = RunDir(tmp_path / "run")
    run.path.mkdir()
    board = board_estimate(project, ensemble, leaderboard_file(project), scored(tests[0]), local, run)
    foretold = Calibration.of(tests).estimate(known("", 0.5, 9).probabilities)
    rng = np.random.default_rng(0)
    apart = separate(rng.standard_normal((30, 4)), rng.standard_normal((30, 4)) + 1)
    names = tuple(f"t{row}" for row in apart.rows)
    target = TargetEstimate("f", 120, foretold, CLASSES, apart, names)
    found = Estimates(local_estimate(ensemble, scored(tests[0]), local), target, board)
    told = json.loads(json.dumps(found.to_dict()))
    assert {"point", "low", "high", "method"} <= set(told["estimate"])
    assert told["target"]["combined"]["point"] == foretold.combined.point
    assert set(told["target"]["single"]) >= {"ATC", "COT"}
    shares = told["target"]["shares"]
    assert 0 <= shares["differ"] <= 1 and set(shares["classes"]) == set(CLASSES)
    assert sum(row["point"] for row in shares["classes"].values()) == pytest.approx(1)
    assert told["leaderboard"]["mix"]["clean"]["weight"] >= 0
    assert set(found.intervals()) == {"target", "leaderboard"}

    def read(image_ids):
        return np.zeros((len(image_ids), 8, 8, 3), np.uint8)

    sections = estimate_sections(found, scored(tests[0]), read)
    write_page(tmp_path / "page.html", Page("evaluate", "", sections))
    text = (tmp_path / "page.html").read_text()
    for words in (
        "The hidden score",
        "With unlabelled target pictures",
        "Past scores",
        "n-codabench-k1",
        "Shares of the classes",
    ):
        assert words in text
    bare = Estimates(found.local)
    assert bare.to_dict()["target"] is None and len(estimate_sections(bare, scored(tests[0]), None)) == 1
