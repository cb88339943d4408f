"""The blend beside a trained ensemble: learned once for the same settings, from predictions joined by name."""

import json

import numpy as np
import pytest

from toolkit.config import load_config
from toolkit.console import Console
from toolkit.ensembling.blending import Blend
from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.report import Page, render
from toolkit.steps.blending import out_of_fold, votes_of
from toolkit.steps.pages.ensemble import vote_sections
from toolkit.steps.vote_records import vote_figures, vote_table

QUIET = Console(quiet=True)
IDS = [f"p{i}" for i in range(90)]
NAMES = ("cat", "dog")


def settings(*assignments):
    return load_config({"name": "n", "data": {"source": "train.csv"}}, assignments)


@pytest.fixture
def data(tmp_path):
    labels = np.arange(90) % 2
    rows = np.random.default_rng(0).dirichlet((2, 2), (2, 90))
    rows[0, np.arange(90), labels] += 1
    rows /= rows.sum(axis=2, keepdims=True)
    manifest = Manifest.build(tmp_path, NAMES, IDS, [f"{name}.png" for name in IDS], labels)
    one = Predictions.build(IDS, rows[0], NAMES)
    other = Predictions.build(IDS[:0:-1], rows[1][:0:-1, ::-1], NAMES[::-1])  # without p0, all in another order
    return manifest, [one, other], rows


def test_members_are_joined_by_name_and_pictures_that_one_lacks_are_left_out(data):
    manifest, members, rows = data
    joined = out_of_fold(members, manifest)
    assert joined.image_id == tuple(IDS[1:])
    assert joined.probabilities == pytest.approx(rows[:, 1:], abs=1e-6)
    with pytest.raises(DataError, match="no picture in common"):
        out_of_fold([members[0].select(IDS[:1]), members[1]], manifest)


def test_a_blend_is_learned_once_for_the_same_settings_and_kept_as_json(data, tmp_path):
    manifest, members, _ = data
    joined = out_of_fold(members, manifest)
    config = settings("ensemble.vote=greedy", "ensemble.calibrate=true")
    first = votes_of(tmp_path, config, joined, QUIET)
    (kept,) = (tmp_path / "votes").glob("*/blend.json")
    assert Blend.from_dict(json.loads(kept.read_text())) == first.blend
    assert first.blend.vote == "weighted"
    assert first.blend.weights[0] > 0.5
    before = kept.stat().st_mtime_ns
    assert votes_of(tmp_path, config, joined, QUIET) == first
    assert kept.stat().st_mtime_ns == before
    table = vote_table(**{"vote": first.vote, "records": vote_figures(first)["votes"], "note": ""})[0]
    assert [row[1] for row in table.rows if row[0]] == ["greedy"]
    page = render(Page("t", "s", vote_sections(first), {}, []))
    assert "Votes" in page and "temperature" in page


def test_one_class_hinders_only_votes_that_learn(data, tmp_path):
    manifest, members, _ = data
    same = manifest.select(IDS[2::2])
    joined = out_of_fold([members[0]], same)
    votes = votes_of(tmp_path, settings(), joined, QUIET)
    assert votes.blend == Blend("majority")
    assert "not compared" in votes.note and "one class" in votes.note
    assert "not compared" in render(Page("t", "s", vote_sections(votes), {}, []))
    with pytest.raises(DataError, match="one class"):
        votes_of(tmp_path, settings("ensemble.vote=stack"), joined, QUIET)
