"""Choosing members, judging equality of predictions, moving estimates."""

import numpy as np
import pytest

from toolkit.ensembling.blending import Blend
from toolkit.steps.package_parts import Parts, best_members
from toolkit.steps.packed_scores import moved
from toolkit.steps.proving import same_accuracy, same_probabilities, ties
from toolkit.steps.results import Interval
from toolkit.steps.size_costs import Cost, cost_of_choice


def rows(labels, right):
    """Probabilities that name the right class of the pictures in `right`, else the next."""
    named = np.where(right, labels, (labels + 1) % 3)
    return np.eye(3)[named] * 0.7 + 0.1


def test_the_fewest_members_that_keep_the_out_of_fold_score_are_found():
    labels = np.arange(90) % 3
    pictures = np.arange(90)
    good, same, poor = rows(labels, pictures < 80), rows(labels, pictures < 80), rows(labels, pictures < 20)
    order, scores = best_members(Blend("mean"), np.stack([poor, good, same]), labels)
    assert order[0] == 1 and scores[0] == pytest.approx(80 / 90)
    assert next(count for count, score in enumerate(scores, 1) if score >= scores[-1]) == 1


def test_a_selection_takes_what_was_learned_for_its_members(tmp_path):
    paths = tuple(tmp_path / str(index) for index in range(4))
    blend = Blend("weighted", weights=(0.2, 0.8), temperatures=(1.0, 3.0))
    chosen = Parts(paths, (0, 0, 1, 1), blend).select([2, 3])
    assert chosen.models == paths[2:] and chosen.owner == (0, 0)
    assert chosen.blend.weights == (0.8,) and chosen.blend.temperatures == (3.0,)


@pytest.mark.parametrize(
    ("change", "ok"),
    [(np.zeros((2, 3)), True), (np.full((2, 3), 5e-5), True), (np.array([[2e-4, 0, 0], [0, 0, 0]]), False)],
    ids=["equal", "within 1e-4", "beyond"],
)
def test_predictions_of_another_runtime_must_be_within_a_ten_thousandth(change, ok):
    here = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    assert same_probabilities(here + change, here, "there").ok == ok
    assert not same_probabilities(None, here, "there").ok
    assert not same_probabilities(here[:, ::-1], here, "there").ok


def test_only_pictures_that_may_be_labelled_either_way_may_change_the_accuracy():
    here = np.array([[0.5, 0.49995, 0.00005], [0.6, 0.3, 0.1]])
    assert ties(here) == 1
    assert same_accuracy("there", 0.5, 1.0, 2, ties(here)).ok
    assert not same_accuracy("there", 0.0, 1.0, 2, ties(here)).ok and not same_accuracy("there", 0.5, 1.0, 2).ok


@pytest.mark.parametrize(("difference", "real"), [(-0.2, True), (-0.05, False), (0.0, False)])
def test_what_the_packed_choice_costs_is_said_on_the_card(difference, real):
    def cost(choice, members, megabytes, **more):
        return Cost(choice=choice, members=members, float16=False, accuracy=0.5, margin=0.1, megabytes=megabytes,
                    **{"difference": 0.0, **more})  # fmt: skip

    costs = [cost("1", 1, 14.0), cost("2", 2, 28.0), cost("average", 1, 14.0, difference=difference, chosen=True)]
    (check,) = cost_of_choice(costs)
    assert check.ok and f"14.0 MB for 28.0 MB: {100 * difference:+.1f} ± 10.0 points" in check.message
    assert ("real loss" in check.message) == real
    assert cost_of_choice([]) == [] == cost_of_choice(costs[:2])
    assert cost_of_choice([cost("1", 1, 14.0), cost("2", 2, 28.0, chosen=True)]) == []


def test_an_estimate_moves_by_the_difference_and_widens_by_its_margin():
    found = moved(Interval(value=0.8, low=0.7, high=0.97), -0.02, 0.05)
    assert (found.value, found.low, found.high) == pytest.approx((0.78, 0.63, 1.0))
