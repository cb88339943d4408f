"""The card beside a package."""

import json

import pytest

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission.card import Card, CardScores, card_path, now, package_path, read_card, write_card


@pytest.fixture
def card():
    return Card(
        name="blood.v2", target="codabench", key="abc123", created=now(), sha256="0" * 64, bytes=7,
        classes=("ünder", "b"), members=("model.py",), versions={"keras": "3.4.1"}, verified={"ok": True, "n": 0.87},
        scores=CardScores(clean=0.9, estimate_low=0.7, estimate_high=0.8),
    )  # fmt: skip


def test_a_card_lies_beside_its_package_and_reads_back_equal(card, tmp_path):
    package = package_path(tmp_path, card.name, card.target, card.key)
    path = write_card(card, package)
    assert (package.name, path.name) == ("blood.v2-codabench-abc123.zip", "blood.v2-codabench-abc123.card.json")
    assert read_card(path) == card


def test_a_folder_package_with_dots_in_its_name_keeps_them(tmp_path):
    assert card_path(tmp_path / "blood.v2-kaggle-abc").name == "blood.v2-kaggle-abc.card.json"


def test_entries_of_later_versions_are_left_out(card, tmp_path):
    path = write_card(card, tmp_path / "a.zip")
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"leaderboard": 0.87}))
    assert read_card(path) == card


def test_no_card_and_no_such_form_are_clear_errors(tmp_path):
    with pytest.raises(MissingFileError):
        read_card(tmp_path / "a.card.json")
    for text in ("{", "[]", "{}", '{"name": "x", "scores": {}}'):
        (tmp_path / "a.card.json").write_text(text)
        with pytest.raises(SubmissionError, match="Build the package again"):
            read_card(tmp_path / "a.card.json")
