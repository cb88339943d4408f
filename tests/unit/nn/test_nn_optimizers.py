import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError
from toolkit.nn.optimizers import OPTIMIZERS, attach, build_optimizer, move_state


def optimize(name, gradients, scales=None, start=(3.0, -2.0), **settings):
    """Values of two variables after steps with the gradients given."""
    variables = [keras.Variable(np.float32([value])) for value in start]
    optimizer = build_optimizer(name, 0.01, scales=scales, **settings)
    optimizer.build(variables)
    for pair in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32([gradient])) for gradient in pair], variables)
    return np.array([float(np.asarray(variable)[0]) for variable in variables])


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
    assert build_optimizer("sgd", 0.1, momentum=0.5).momentum == 0.5


def test_unknown_optimizers_suggest_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'adamw'"):
        build_optimizer("AdamW2", 0.1)


def test_weight_decay_is_the_optimizers_own_unless_it_is_given():
    assert build_optimizer("adamw", 0.1).weight_decay == 0.004
    assert build_optimizer("lion", 0.1).weight_decay is None
    still = optimize("adam", [(0.0, 0.0)], weight_decay=0.5)
    np.testing.assert_allclose(still, np.float32([3.0, -2.0]) * (1 - 0.01 * 0.5), rtol=1e-6)


def test_the_norm_of_all_gradients_together_is_clipped():
    # sgd without momentum moves by rate times gradient: (3, 4) has norm 5 and is cut to 2
    moved = optimize("sgd", [(3.0, 4.0)], momentum=0.0, clip_norm=2.0)
    np.testing.assert_allclose(moved, [3.0 - 0.01 * 3 * 2 / 5, -2.0 - 0.01 * 4 * 2 / 5], rtol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scales_change_how_far_each_variable_moves_for_every_optimizer(name):
    gradients = [(2.0, 2.0), (1.0, 1.0), (-0.5, -0.5)]
    settings = {"weight_decay": 0.1, "start": (3.0, 3.0)}
    alike = optimize(name, gradients, **settings)
    ones = optimize(name, gradients, scales=[1.0, 1.0], **settings)
    np.testing.assert_allclose(ones, alike, rtol=1e-6)
    # the gradients do not depend on the values here, so without decay half the rate is half the way
    whole = optimize(name, gradients, start=(3.0, 3.0), weight_decay=0.0) - 3.0
    half = optimize(name, gradients, scales=[1.0, 0.5], start=(3.0, 3.0), weight_decay=0.0) - 3.0
    np.testing.assert_allclose(half, [whole[0], whole[1] / 2], rtol=1e-4, atol=5e-7)
    decayed = optimize(name, [(0.0, 0.0)], scales=[1.0, 0.5], **settings)
    np.testing.assert_allclose(decayed, [3.0 * (1 - 0.001), 3.0 * (1 - 0.0005)], rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_accumulated_batches_make_one_step_with_their_mean(name):
    apart = optimize(name, [(1.0, 2.0), (3.0, -1.0), (2.0, 2.0), (0.0, 1.0)], accumulate=2, clip_norm=2.0)
    np.testing.assert_allclose(apart, optimize(name, [(2.0, 0.5), (1.0, 1.5)], clip_norm=2.0), rtol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_goes_on_with_another_number_of_batches(name):
    variables = [keras.Variable(np.float32([3.0]))]
    gradient = [keras.ops.convert_to_tensor(np.float32([2.0]))]
    before = build_optimizer(name, 0.01, accumulate=2)
    after = build_optimizer(name, 0.01, accumulate=4)
    for optimizer in (before, after):
        optimizer.build(variables)
    for _ in range(4):
        before.apply(gradient, variables)
    move_state(before, after)
    for _ in range(4):
        after.apply(gradient, variables)
    assert int(np.asarray(after.iterations)) == 3
    expected = optimize(name, [(2.0, 0.0)] * 3)[0]
    assert float(np.asarray(variables[0])[0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss_scaling", [False, True])
def test_all_that_nadam_depends_on_is_among_its_variables(loss_scaling):
    optimizer = build_optimizer("nadam", 0.01, loss_scaling=loss_scaling)
    attach(optimizer, [keras.Variable(np.float32([3.0]))])
    product = getattr(optimizer, "inner_optimizer", optimizer)._u_product
    assert any(variable is product for variable in optimizer.variables)
