"""Hidden class shares where they are planted."""

import numpy as np
import pytest

from toolkit.ensembling.blending import correct
from toolkit.ensembling.calibration import temper
from toolkit.ensembling.priors import estimate_priors
from toolkit.errors import ConfigError, DataError

TRAINED = np.array([0.4, 0.3, 0.2, 0.1])
HIDDEN = np.array([0.1, 0.1, 0.2, 0.6])


@pytest.mark.parametrize("method", ["bbse", "em"])
def test_planted_shares_are_found_and_correction_gains(gaussian, method):
    labels, rows = gaussian(4000, TRAINED)
    truth, target = gaussian(4000, HIDDEN, TRAINED, seed=1)
    found = estimate_priors(method, rows, labels, target, resamples=60)
    assert np.abs(np.array(found.target) - HIDDEN).max() < 0.05
    assert np.abs(np.bincount(target.argmax(axis=1), minlength=4) / 4000 - HIDDEN).max() > 0.06, "counting is biased"
    assert sum(found.target) == pytest.approx(1)
    assert found.warning == ""
    before = (target.argmax(axis=1) == truth).mean()
    after = (correct(target, found.ratio).argmax(axis=1) == truth).mean()
    best = (correct(target, HIDDEN / TRAINED).argmax(axis=1) == truth).mean()
    assert after > before + 0.5 * (best - before) > before + 0.01


@pytest.mark.parametrize("method", ["bbse", "em"])
def test_intervals_cover_the_planted_shares(gaussian, method):
    inside = []
    for seed in range(12):
        labels, rows = gaussian(400, TRAINED, seed=seed)
        _, target = gaussian(400, HIDDEN, TRAINED, seed=seed + 100)
        found = estimate_priors(method, rows, labels, target, resamples=60, seed=seed)
        inside.append((np.array(found.low) <= HIDDEN) & (np.array(found.high) >= HIDDEN))
    assert np.mean(inside) > 0.8


def test_em_does_not_mind_members_that_are_too_sure_or_trained_on_balanced_classes(gaussian):
    balanced = np.full(4, 0.25)
    labels, rows = gaussian(4000, TRAINED, balanced)
    _, target = gaussian(4000, HIDDEN, balanced, seed=1)
    found = estimate_priors("em", temper(rows, 0.3), labels, temper(target, 0.3), resamples=5)
    assert np.abs(np.array(found.target) - HIDDEN).max() < 0.05


@pytest.mark.parametrize("method", ["bbse", "em"])
def test_equal_shares_are_left_as_they_are(gaussian, method):
    labels, rows = gaussian(3000, TRAINED)
    _, target = gaussian(3000, TRAINED, seed=1)
    found = estimate_priors(method, rows, labels, target, resamples=30)
    assert found.ratio == pytest.approx([1] * 4, abs=0.25)


@pytest.mark.parametrize("method", ["bbse", "em"])
def test_views_of_several_models_are_averaged(gaussian, method):
    labels, rows = gaussian(1500, TRAINED)
    _, target = gaussian(1500, HIDDEN, TRAINED, seed=1)
    once = estimate_priors(method, rows, labels, target, resamples=2)
    thrice = estimate_priors(method, rows, labels, np.stack([target] * 3), resamples=2)
    assert thrice.target == pytest.approx(once.target, abs=1e-3)


def test_classes_that_are_predicted_alike_are_warned_of():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=600)
    rows = np.full((600, 3), 0.1)
    rows[np.arange(600), np.where(labels == 2, 2, rng.integers(2, size=600))] = 0.8  # 0 and 1 by the toss of a coin
    found = estimate_priors("bbse", rows, labels, rows[:300])
    assert found.condition > 5
    assert "ill-conditioned" in found.warning
    width = np.array(found.high) - np.array(found.low)
    assert width[:2].min() > 4 * width[2]


@pytest.mark.parametrize("method", ["bbse", "em"])
def test_a_class_without_training_pictures_is_named_and_not_invented(gaussian, method):
    labels, rows = gaussian(600, TRAINED)
    known = labels < 3
    found = estimate_priors(method, rows[known], labels[known], rows, resamples=5)
    assert found.target[3] == 0
    assert found.ratio[3] == 1
    assert "classes [3]" in found.warning


def test_what_priors_cannot_be_estimated_from(gaussian):
    labels, rows = gaussian(60, TRAINED)
    with pytest.raises(ConfigError, match="known: bbse, em"):
        estimate_priors("mlls", rows, labels, rows)
    with pytest.raises(DataError, match="at least one picture"):
        estimate_priors("em", rows, labels, rows[:0])
    with pytest.raises(DataError, match="shape"):
        estimate_priors("bbse", rows, labels, rows[:, :3] / rows[:, :3].sum(axis=1, keepdims=True))
