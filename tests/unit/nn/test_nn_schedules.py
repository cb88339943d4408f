from itertools import pairwise

import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.nn.history import EpochRecord
from toolkit.nn.recipe import Recipe
from toolkit.nn.schedules import Schedule, reductions


def records(*values):
    return [
        EpochRecord(number + 1, "training", 0.0, 0.0, value, 1 - value, 0.1, 1.0, 1.0, 8, 1)
        for number, value in enumerate(values)
    ]


def test_cosine_rises_linearly_then_falls_to_zero():
    plan = Schedule("cosine", 2.0, total_steps=110, warmup_steps=10)
    rates = [plan.at(step) for step in range(110)]
    np.testing.assert_allclose(rates[:10], np.linspace(0.2, 2.0, 10))
    assert rates[10] == 2.0
    assert rates[60] == pytest.approx(1.0)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert rates[-1] < 0.001


@pytest.mark.parametrize("kind", ["constant", "plateau"])
def test_constant_stays(kind):
    plan = Schedule(kind, 0.5, total_steps=10, warmup_steps=2)
    assert [plan.at(step) for step in (0, 1, 2, 9)] == [0.25, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_a_plateau_lowers_the_rate_and_starts_counting_anew(monitor):
    losses = [0.9, 0.5, 0.6, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.3]
    found = [reductions(records(*losses[:count]), 2, monitor) for count in range(len(losses) + 1)]
    assert found == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3]


def test_without_validation_the_rate_falls_every_patience_epochs():
    assert [reductions(records(*[np.nan] * count), 2, "val_loss") for count in range(6)] == [0, 0, 0, 1, 1, 2]


def test_unknown_schedules_are_refused():
    with pytest.raises(ConfigError, match="constant, cosine, plateau"):
        Recipe(schedule="step")
