import keras
import numpy as np
import pytest

from toolkit.nn import runtime
from toolkit.nn.heads import add_head
from toolkit.nn.losses import build_loss
from toolkit.nn.optimizers import OPTIMIZERS, attach, build_optimizer


def trained(optimizer, steps=6):
    """Weights and the optimiser's state after a few steps of a small head."""
    inputs = keras.Input((5,))
    model = keras.Model(inputs, add_head(inputs, 3, 1, (4,), 0.0, "relu", True, 0))
    attach(optimizer, model.trainable_variables)
    step = runtime.compile_train_step(model, optimizer, build_loss("cross_entropy", 2.0))
    rng = np.random.default_rng(0)
    for _ in range(steps):
        targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 8)]
        step(rng.random((8, 5)).astype(np.float32), targets, np.ones(8, np.float32))
    return [np.array(variable) for variable in (*model.variables, *optimizer.variables)]


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"weight_decay": 0.1}, {"clip_norm": 0.05}, {"accumulate": 2}],
    ids=["plain", "decay", "clipped", "accumulated"],
)
def test_the_fused_update_is_that_of_keras(name, settings):
    spelled = {"weight_decay": "weight_decay", "clip_norm": "global_clipnorm"}
    theirs = {spelled.get(key, "gradient_accumulation_steps"): value for key, value in settings.items()}
    for ours, keras_own in zip(
        trained(build_optimizer(name, 0.05, **settings)), trained(OPTIMIZERS[name](0.05, **theirs)), strict=True
    ):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=1e-6)


def test_a_step_has_one_operation_a_variable():
    inputs = keras.Input((5,))
    model = keras.Model(inputs, add_head(inputs, 3, 1, (4,), 0.0, "relu", True, 0))
    optimizer = build_optimizer("adamw", 0.05)
    attach(optimizer, model.trainable_variables)
    step = runtime.compile_train_step(model, optimizer, build_loss("cross_entropy", 2.0))
    batch = (np.zeros((8, 5), np.float32), np.eye(3, dtype=np.float32)[np.zeros(8, int)], np.ones(8, np.float32))
    graph = step.get_concrete_function(*batch).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == len(model.trainable_variables)
