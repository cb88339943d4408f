"""The comparison of votes: honest where nothing can be known, right where something can."""

import json

import numpy as np
import pytest

from toolkit.ensembling.fitting import FITS, fit
from toolkit.ensembling.grouping import group_folds
from toolkit.ensembling.selection import Comparison, compare, paired
from toolkit.errors import DataError

NAMES = ("a", "b", "c", "d")


def test_members_of_pure_noise_are_not_flattered():
    """Fitted on all pictures and scored there, a blend of noise looks better than chance; nested it must not."""
    nested, naive = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        labels, members = rng.integers(2, size=160), rng.dirichlet(np.ones(2), (6, 160))
        found = compare(members, labels, np.arange(160), NAMES[:2], seed=seed)
        nested.append([found.row(vote).accuracy.value for vote in ("single", "weighted", "greedy", "stack", "auto")])
        naive.append((fit("greedy", members, labels).combine(members).argmax(axis=1) == labels).mean())
    standard_error = 0.5 / np.sqrt(4 * 160)
    assert np.mean(naive) > 0.5 + 2 * standard_error
    assert (np.mean(nested, axis=0) < 0.5 + 2.5 * standard_error).all()


def test_copies_of_a_picture_in_one_group_never_teach_and_judge():
    """Each picture has 5 copies with one random label: learned from copies, a stack would know it."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    labels = np.repeat(rng.integers(2, size=60), 5)
    members = np.repeat(rng.dirichlet(np.ones(2), (12, 60)), 5, axis=1)
    whole = compare(members, labels, groups, NAMES[:2]).row("stack").accuracy.value
    split = compare(members, labels, np.arange(len(labels)), NAMES[:2]).row("stack").accuracy.value
    assert split > whole + 0.1
    assert whole < 0.68
    folds = group_folds(labels, groups)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in range(60))


def test_the_table_shows_what_blending_gains_and_chooses_a_good_vote(made):
    labels, members = made(700, noise=(1.0, 1.0, 1.0, 30.0), seed=2)
    found = compare(members, labels, np.arange(700), NAMES)
    assert [row.vote for row in found.rows] == ["single", *FITS, "auto"]
    assert found.row("single").difference.value == 0
    assert found.row("greedy").difference.low > 0
    assert found.row(found.chosen).accuracy.value == max(found.row(vote).accuracy.value for vote in FITS)
    assert found.row("auto").accuracy.value <= found.row(found.chosen).accuracy.value + 0.01
    for row in found.rows:
        assert row.accuracy.low <= row.accuracy.value <= row.accuracy.high
        assert row.macro_f1.low <= row.macro_f1.value <= row.macro_f1.high
        assert row.difference.value == pytest.approx(row.accuracy.value - found.row("single").accuracy.value)
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_one_member_alone_is_said_to_be_alone(made):
    labels, members = made(200, noise=(1.0,))
    found = compare(members, labels, np.arange(200), NAMES)
    assert [row.vote for row in found.rows] == ["single", "majority", "mean", "rank", "stack", "auto"]
    assert "one member" in found.note
    assert found.row("greedy") is found.row("mean")
    assert found.row("majority").accuracy == found.row("mean").accuracy


def test_the_objective_decides(made):
    labels, members = made(400, noise=(1.0, 1.5))
    found = compare(members, labels, np.arange(400), NAMES, objective="log_loss")
    assert found.row(found.chosen).log_loss.value == min(found.row(vote).log_loss.value for vote in FITS)


def test_temperatures_lower_the_loss_of_members_too_sure_of_themselves(made):
    labels, members = made(250, noise=(1.0, 1.5))
    sure = members**9 / (members**9).sum(axis=2, keepdims=True)
    plain = compare(sure, labels, np.arange(250), NAMES).row("mean")
    scaled = compare(sure, labels, np.arange(250), NAMES, calibrated=True).row("mean")
    assert scaled.log_loss.value < plain.log_loss.value - 0.02


def test_a_class_of_two_pictures_is_absent_from_most_folds_and_harms_nothing(made):
    labels, members = made(120, noise=(0.5, 0.7))
    rare = np.flatnonzero(labels == 3)[2:]
    keep = np.setdiff1d(np.arange(120), rare)
    found = compare(members[:, keep], labels[keep], keep, NAMES, calibrated=True)
    assert found.pictures == len(keep)
    assert all(np.isfinite(row.log_loss.value) for row in found.rows)


def test_so_few_pictures_that_a_fold_holds_one_class_still_give_a_table():
    labels = np.array([0, 0, 0, 0, 0, 1])
    members = np.random.default_rng(0).dirichlet(np.ones(2), (2, 6))
    assert compare(members, labels, np.arange(6), NAMES[:2], calibrated=True).pictures == 6
    with pytest.raises(DataError, match="one group"):
        compare(members, labels, np.zeros(6), NAMES[:2])


def test_the_interval_of_a_difference_counts_groups_not_copies():
    rng = np.random.default_rng(0)
    change = rng.choice([-1.0, 0, 1], 100)
    alone = paired(change, np.arange(100))
    copied = paired(np.repeat(change, 9), np.repeat(np.arange(100), 9))
    assert copied.value == pytest.approx(alone.value)
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.15)
