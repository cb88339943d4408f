"""Blends learned from members whose right combination is known."""

import itertools

import numpy as np
import pytest

from toolkit.ensembling.fitting import FITS, fit, greedy, score_weights, stack
from toolkit.ensembling.votes import softmax
from toolkit.errors import ConfigError, DataError
from toolkit.metrics import metric

ACCURACY = metric("accuracy").function


def test_weights_are_what_members_score_above_chance(made):
    labels, members = made(1500, noise=(1.0, 2.0, 50.0))
    weights = score_weights(members, labels)
    gains = [ACCURACY(labels, member) - 0.25 for member in members]
    assert weights == pytest.approx(np.maximum(gains, 0) / np.maximum(gains, 0).sum())
    assert weights[0] > weights[1] > 3 * weights[2]
    wrong = np.stack([np.eye(4)[(labels + 1) % 4]] * 3)
    assert score_weights(wrong, labels) == pytest.approx([1 / 3] * 3), "none above chance"
    for name in ("macro_f1", "log_loss", "auc", "quadratic_kappa"):
        found = score_weights(members, labels, name)
        assert found.sum() == pytest.approx(1)
        assert found[0] == found.max()


def complementary(n=2000, seed=0):
    """Four classes; member 0 is best alone, but 1 and 2 each know what the other does not, and 3 copies 0."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=n)
    low, high = labels < 2, labels >= 2
    logits = [3 * np.eye(4)[labels] + rng.normal(0, 1.6, (n, 4))]
    for knows in (low, high):
        logits.append(np.where(knows[:, None], 4.0, 0) * np.eye(4)[labels] + rng.normal(0, 0.4, (n, 4)))
    members = [softmax(rows) for rows in logits]
    return labels, np.stack([*members, members[0]])


def test_greedy_selection_finds_the_complementary_pair():
    labels, members = complementary()
    assert max(range(3), key=lambda index: ACCURACY(labels, members[index])) == 0
    weights = greedy(members, labels)
    assert weights[[1, 2]].min() > 0.25
    assert weights.sum() == pytest.approx(1)
    other, unseen = complementary(seed=1)
    blended = np.tensordot(weights, unseen, axes=1)
    assert ACCURACY(other, blended) > ACCURACY(other, unseen[0]) + 0.05


@pytest.mark.parametrize("objective", ["accuracy", "log_loss", "macro_f1"])
def test_greedy_selection_never_scores_below_the_best_member_or_the_best_start_where_it_is_learned(made, objective):
    found = metric(objective)
    sign = 1 if found.direction == "maximize" else -1
    for seed in range(4):
        labels, members = made(200, noise=(1, 2, 3, 4), seed=seed)
        reached = sign * found.function(labels, np.tensordot(greedy(members, labels, objective), members, axes=1))
        single = max(sign * found.function(labels, member) for member in members)
        assert reached >= single - 1e-9


def test_greedy_selection_comes_near_the_best_of_all_weights(made):
    labels, members = made(500, noise=(1, 1.5, 3), seed=3)
    loss = metric("log_loss").function
    grid = [np.array(w) / 20 for w in itertools.product(range(21), repeat=3) if sum(w) == 20]
    best = min(loss(labels, np.tensordot(weights, members, axes=1)) for weights in grid)
    ours = loss(labels, np.tensordot(greedy(members, labels, "log_loss"), members, axes=1))
    assert ours < best + 0.01


def test_bags_spread_the_weights_and_repeat_with_the_seed(made):
    labels, members = made(150, noise=(1, 1.2, 1.4, 1.6), seed=5)
    bagged = greedy(members, labels, bags=20, seed=1)
    assert bagged.sum() == pytest.approx(1)
    assert (bagged > 0).all()
    assert bagged.tolist() == greedy(members, labels, bags=20, seed=1).tolist()


def test_a_stack_undoes_a_member_that_swaps_two_classes(made):
    labels, members = made(1500, noise=(0.5,))
    swapped = members[:, :, [1, 0, 2, 3]]
    other, unseen = made(1500, noise=(0.5,), seed=1)
    blend = fit("stack", swapped, labels)
    assert ACCURACY(other, blend.combine(unseen[:, :, [1, 0, 2, 3]])) > ACCURACY(other, unseen[0]) - 0.03
    assert ACCURACY(other, unseen[0][:, [1, 0, 2, 3]]) < 0.6


@pytest.mark.parametrize("k", [2, 3])
def test_a_stack_of_few_classes_is_a_distribution_and_right(made, k):
    labels, members = made(800, k=k, noise=(1, 2))
    other, unseen = made(800, k=k, noise=(1, 2), seed=1)
    blended = fit("stack", members, labels).combine(unseen)
    assert blended.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert ACCURACY(other, blended) > ACCURACY(other, unseen[0]) - 0.02


def test_a_class_absent_where_the_stack_is_learned_stays_possible(made):
    labels, members = made(1200, noise=(0.3, 0.3))
    known = labels < 3
    coefficients, intercept = stack(members[:, known], labels[known])
    assert coefficients.shape == (8, 4)
    assert intercept.shape == (4,)
    blended = fit("stack", members[:, known], labels[known]).combine(members)
    assert (blended.argmax(axis=1)[~known] == 3).mean() > 0.1
    assert ACCURACY(labels[known], blended[known]) > 0.9


def test_every_fit_is_a_blend_and_temperatures_come_first(made):
    labels, members = made(300, noise=(1, 2))
    for vote in FITS:
        assert fit(vote, members, labels).temperatures is None
        calibrated = fit(vote, members, labels, calibrated=True)
        assert len(calibrated.temperatures) == 2
        assert calibrated.vote == {"greedy": "weighted"}.get(vote, vote)
    assert fit("single", members, labels).weights == (1.0, 0.0)
    with pytest.raises(ConfigError, match="no vote 'best'"):
        fit("best", members, labels)


def test_what_cannot_be_learned_from_is_said_in_a_paragraph(made):
    labels, members = made(50)
    with pytest.raises(DataError, match=r"All 50 pictures .* label 2"):
        fit("stack", members, np.full(50, 2))
    with pytest.raises(DataError, match="at least two classes"):
        fit("mean", np.ones((2, 50, 1)), np.zeros(50, int))
    with pytest.raises(DataError, match=r"Member 1, picture 7 .* sum to 1"):
        broken = members.copy()
        broken[1, 7] *= 2
        fit("mean", broken, labels)
    with pytest.raises(DataError, match="no probabilities"):
        fit("greedy", np.log(members), labels)
    with pytest.raises(DataError, match="Labels must lie in 0 to 3"):
        fit("greedy", members, labels + 1)
    with pytest.raises(DataError, match="50 predictions and labels of shape"):
        fit("greedy", members, labels[1:])
    with pytest.raises(DataError, match="no out-of-fold predictions"):
        fit("greedy", members[:, :0], labels[:0])
