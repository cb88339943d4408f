"""The blend as plain numbers: what is computed, in which order, and what it refuses."""

import json

import numpy as np
import pytest
from scipy.stats import rankdata

from toolkit.ensembling.blending import Blend, correct, member_means, one_model_each
from toolkit.ensembling.votes import VOTES, combine, geometric, rank, weighted
from toolkit.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
ROWS = RNG.dirichlet(np.ones(3), (4, 25))  # 4 models, 25 pictures, 3 classes
OWNER = (0, 0, 1, 1)


def test_the_geometric_mean_is_one():
    expected = np.prod(ROWS, axis=0) ** (1 / 4)
    assert geometric(ROWS) == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-6)


def test_ranks_are_those_of_scipy_and_ties_fall_to_the_mean_probability():
    rows = np.round(ROWS, 1)
    rows[..., 0] = 1 - rows[..., 1:].sum(axis=2)
    rows = np.clip(rows, 0, 1) / np.clip(rows, 0, 1).sum(axis=2, keepdims=True)
    ranks = np.mean([rankdata(member, axis=0) for member in rows], axis=0)
    ours = rank(rows)
    assert (ranks[np.arange(25), ours.argmax(axis=1)] == ranks.max(axis=1)).all()
    assert ours == pytest.approx(ranks / ranks.sum(axis=1, keepdims=True), abs=0.02)
    alone = ROWS[:, :1]
    assert rank(alone).argmax() == alone.mean(axis=0).argmax(), "one picture has equal ranks"


def test_ranks_forget_how_sure_a_member_is():
    sharp = ROWS**9 / (ROWS**9).sum(axis=2, keepdims=True)
    two = ROWS[..., :2] / ROWS[..., :2].sum(axis=2, keepdims=True)
    sharper = two**9 / (two**9).sum(axis=2, keepdims=True)
    assert rank(two).argmax(axis=1).tolist() == rank(sharper).argmax(axis=1).tolist()
    assert not np.allclose(geometric(ROWS), geometric(sharp))


def test_weights_are_shares_and_a_weight_of_one_is_a_member():
    assert weighted(ROWS, [0, 3, 0, 0]) == pytest.approx(ROWS[1], abs=1e-6)
    assert weighted(ROWS, [2, 2, 2, 2]) == pytest.approx(ROWS.mean(axis=0), abs=1e-6)
    for wrong in ([1, 1], [1, -1, 1, 1], [0, 0, 0, 0], [1, np.nan, 1, 1]):
        with pytest.raises(DataError, match="4 members need as many weights"):
            weighted(ROWS, wrong)


def test_votes_without_numbers_count_every_model():
    for name in VOTES:
        assert Blend(name).combine(ROWS, OWNER) == pytest.approx(combine(name, ROWS), abs=1e-6)


def test_learned_votes_count_members_by_the_mean_of_their_models():
    blend = Blend("weighted", weights=(0.25, 0.75))
    expected = 0.25 * ROWS[:2].mean(axis=0) + 0.75 * ROWS[2:].mean(axis=0)
    assert blend.combine(ROWS, OWNER) == pytest.approx(expected, abs=1e-6)
    only = blend.combine(ROWS[2:], (1, 1))
    assert only == pytest.approx(ROWS[2:].mean(axis=0), abs=1e-6), "weights of the members that are there"


def test_temperature_then_vote_then_prior():
    """Written out by hand, as a package must do it."""
    coefficients, intercept = RNG.normal(size=(6, 3)), RNG.normal(size=3)
    prior = np.array([0.5, 1.0, 3.0])
    blend = Blend("stack", None, tuple(map(tuple, coefficients)), tuple(intercept), (2.0, 0.5), tuple(prior))
    models = [ROWS[i] ** (1 / t) for i, t in enumerate((2.0, 2.0, 0.5, 0.5))]
    models = [row / row.sum(axis=1, keepdims=True) for row in models]
    first, second = (models[0] + models[1]) / 2, (models[2] + models[3]) / 2
    logits = np.hstack([np.log(first), np.log(second)]) @ coefficients + intercept
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) * prior
    assert blend.combine(ROWS, OWNER) == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)


@pytest.mark.parametrize(
    "blend",
    [
        Blend(),
        Blend("weighted", weights=(0.1, 0.9), prior=(1.0, 2.0, 0.5)),
        Blend("stack", None, tuple(map(tuple, RNG.normal(size=(6, 3)))), (0.0, 1.0, -1.0), (1.5, 0.7)),
    ],
    ids=lambda blend: blend.vote,
)
def test_a_blend_survives_json(blend):
    text = json.dumps(blend.to_dict())
    assert set(json.loads(text)) == {"vote", "weights", "coefficients", "intercept", "temperatures", "prior"}
    again = Blend.from_dict(json.loads(text))
    assert again == blend
    assert again.combine(ROWS, OWNER).tolist() == blend.combine(ROWS, OWNER).tolist()


def test_views_hold_one_model_of_each_member():
    views = one_model_each(ROWS[:3], (0, 0, 1))
    assert len(views) == 2
    assert (views[1] == ROWS[[1, 2]]).all()
    assert member_means(ROWS[:3], (0, 0, 1)).shape == (2, 25, 3)


def test_priors_move_probabilities_as_bayes_says():
    assert correct(np.array([[0.5, 0.5]]), (0.2, 1.8)) == pytest.approx(np.array([[0.1, 0.9]]))
    assert correct(np.array([[1.0, 0.0]]), (0.0, 2.0)) == pytest.approx(np.array([[1.0, 0.0]])), "nothing is left over"


def test_a_blend_for_other_members_or_classes_is_refused():
    with pytest.raises(DataError, match="weights for 1 members"):
        Blend("weighted", weights=(1.0,)).combine(ROWS)
    with pytest.raises(DataError, match="needs every member"):
        stack = Blend("stack", None, ((0.0, 0.0, 0.0),) * 6, (0.0, 0.0, 0.0))
        stack.combine(ROWS[:2], (0, 0))
    with pytest.raises(DataError, match="priors for 2 classes"):
        Blend("mean", prior=(1.0, 1.0)).combine(ROWS)
    with pytest.raises(DataError, match="needs weights"):
        Blend("weighted")
    with pytest.raises(ConfigError, match="no vote 'median'"):
        Blend("median")
    with pytest.raises(DataError, match="keys"):
        Blend.from_dict({"vote": "mean", "bias": 1})
    with pytest.raises(DataError, match="4 models, but 2 say"):
        Blend().combine(ROWS, (0, 1))
