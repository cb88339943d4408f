"""Lists of packages, and the leaderboard that a person writes down."""

import csv

import pytest

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.steps.submissions import list_packages, record
from toolkit.submission.card import Card, CardScores, package_path, write_card
from toolkit.submission.leaderboard import list_submissions, record_score


@pytest.fixture
def folder(tmp_path):
    for key, created in (("bbb", "2026-01-02T00:00:00"), ("aaa", "2026-01-03T00:00:00")):
        path = package_path(tmp_path, "blood", "codabench", key)
        path.write_bytes(b"zip")
        scores = CardScores(0.9, 0.7, 0.6, 0.8)
        write_card(Card("blood", "codabench", key, created, "0", 3, ("a", "b"), ("model.py",), scores), path)
    return tmp_path


def test_packages_are_listed_oldest_first_and_those_gone_are_said_to_be(folder):
    (folder / "blood-codabench-aaa.zip").unlink()
    found = list_submissions(folder)
    assert [(entry.id, entry.present) for entry in found] == [
        ("blood-codabench-bbb", True),
        ("blood-codabench-aaa", False),
    ]
    assert list_submissions(folder / "nothing") == []


def test_a_score_is_recorded_by_id_or_key_with_what_was_foretold_and_the_last_one_counts(folder):
    record_score(folder, "aaa", 0.5)
    record_score(folder, "blood-codabench-bbb", 0.61)
    assert record_score(folder, "aaa", 0.87).score == 0.87
    with (folder / "leaderboard.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["id"], row["score"]) for row in rows] == [
        ("blood-codabench-aaa", "0.5"), ("blood-codabench-bbb", "0.61"), ("blood-codabench-aaa", "0.87"),
    ]  # fmt: skip
    assert (rows[0]["clean"], rows[0]["estimate_low"], rows[0]["key"]) == ("0.9", "0.6", "aaa")
    assert {entry.card.key: entry.score for entry in list_submissions(folder)} == {"aaa": 0.87, "bbb": 0.61}


@pytest.mark.parametrize(
    ("name", "score", "words"),
    [("blood", 0.5, "several packages"), ("ccc", 0.5, "no package"), ("aaa", 87, "write 0.87 for 87 %"),
     ("aaa", -1, "fraction"), ("aaa", float("nan"), "fraction")],
)  # fmt: skip
def test_what_cannot_be_recorded_is_a_clear_error(folder, name, score, words):
    with pytest.raises(SubmissionError, match=words):
        record_score(folder, name, score)
    assert not (folder / "leaderboard.csv").exists()


def test_no_packages_and_a_foreign_csv_are_clear_errors(folder, tmp_path_factory):
    with pytest.raises(MissingFileError, match="--folder"):
        record_score(tmp_path_factory.mktemp("empty"), "aaa", 0.5)
    (folder / "leaderboard.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SubmissionError, match="leaderboard"):
        list_submissions(folder)


def test_the_step_looks_where_the_config_packs(folder, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("data: {source: x.csv}\npackage: {destination: .}\n")
    assert [entry.leaderboard for entry in record(config, None, "aaa", 0.25).submissions] == [None, 0.25]
    listed = list_packages(tmp_path / "gone.yaml", folder)
    assert listed.submissions[1].id == "blood-codabench-aaa"
    assert "25.0 %" in listed.tables()[0].rows[1]
