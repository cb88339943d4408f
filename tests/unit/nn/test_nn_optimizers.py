from itertools import pairwise

import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.nn.optimizers import OPTIMIZERS, build_optimizer
from toolkit.nn.schedules import Schedule


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_downhill(name):
    variable = keras.Variable(np.float32([3.0]))
    optimizer = build_optimizer(name, 0.01)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(np.float32([2.0]))], [variable])
    assert np.asarray(variable)[0] < 3.0
    assert np.asarray(optimizer.learning_rate) == pytest.approx(0.01)


def test_sgd_has_momentum():
    assert build_optimizer("sgd", 0.1).momentum == 0.9


def test_unknown_optimizers_suggest_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'adamw'"):
        build_optimizer("AdamW2", 0.1)


def test_cosine_rises_linearly_then_falls_to_zero():
    plan = Schedule("cosine", 2.0, total_steps=110, warmup_steps=10)
    rates = [plan.at(step) for step in range(110)]
    np.testing.assert_allclose(rates[:10], np.linspace(0.2, 2.0, 10))
    assert rates[10] == 2.0
    assert rates[60] == pytest.approx(1.0)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert rates[-1] < 0.001


def test_constant_stays():
    plan = Schedule("constant", 0.5, total_steps=10, warmup_steps=2)
    assert [plan.at(step) for step in (0, 1, 2, 9)] == [0.25, 0.5, 0.5, 0.5]
