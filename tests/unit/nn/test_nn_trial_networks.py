"""Networks of trials that are used again compute what new ones would, and stay within their memory."""

import gc
import weakref

import keras
import numpy as np
import pytest

from toolkit.errors import ConfigError, TrainingError
from toolkit.nn.checkpoint import snapshot
from toolkit.nn.compiled_steps import MOST_STEPS, compiled_step
from toolkit.nn.feeding import Feeder
from toolkit.nn.heads import set_dropout
from toolkit.nn.splitting import build_trial_model, split_at
from toolkit.nn.training import Validation, train
from toolkit.nn.trial_networks import COPIES, TrialNetworks

K, N = 3, 40


@pytest.fixture(scope="module")
def cut():
    keras.utils.set_random_seed(0)
    pictures = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(6, 3, activation="swish")(pictures)
    return split_at(keras.Model(pictures, keras.layers.Conv2D(8, 3, activation="relu")(features)), 1)


@pytest.fixture(scope="module")
def inputs(cut):
    return np.random.default_rng(0).normal(size=(N, *cut.prefix.output_shape[1:])).astype(np.float32)


def build(cut, *, units=(16, 12), dropout=0.3, feature_dropout=0.2, seed=5, adjustable=True):
    return build_trial_model(
        cut, K, layers=len(units), units=units, dropout=dropout, feature_dropout=feature_dropout, seed=seed,
        adjustable=adjustable,
    )  # fmt: skip


def trained(model, inputs, epochs=2, batch_size=8, **settings):
    """Losses and weights after a short training."""
    labels = np.arange(N) % K
    names = [str(number) for number in range(N)]

    def read(ids):
        return inputs[[int(name) for name in ids]]

    feeder = Feeder(lambda ids, epoch: read(ids), names, labels, K, batch_size=batch_size, seed=1)
    history = train(model, feeder, Validation(read, names, labels), epochs=epochs,
                    **{"optimizer": "adamw", "learning_rate": 0.01, **settings})  # fmt: skip
    return [(record.loss, record.val_loss) for record in history.records], model.get_weights()


def same(one, other):
    assert one[0] == other[0]
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("settings", [{}, {"optimizer": "lion", "clip_norm": 1.0, "ema": 0.9}, {"average_last": 2}])
def test_a_used_network_trains_as_a_new_one_would(cut, inputs, settings):
    networks = TrialNetworks()
    with networks.lend("shape", lambda: build(cut), seed=5, dropout=0.3, feature_dropout=0.2) as model:
        first = trained(model, inputs, **settings)
    # Other numbers, and other rules, in between.
    with networks.lend("shape", lambda: build(cut), seed=5, dropout=(0.1, 0.6), feature_dropout=0.4) as model:
        between = trained(model, inputs, learning_rate=0.03, label_smoothing=0.1)
        trained(model, inputs, optimizer="sgd", epochs=1, batch_size=20)
    with networks.lend("shape", lambda: build(cut), seed=5, dropout=0.3, feature_dropout=0.2) as model:
        again = trained(model, inputs, **settings)
    assert (networks.lent, networks.built) == (3, 1)
    same(first, again)
    assert between[0] != first[0]
    fresh = build(cut, dropout=(0.1, 0.6), feature_dropout=0.4)
    same(between, trained(fresh, inputs, learning_rate=0.03, label_smoothing=0.1))


def test_adjustable_dropout_is_kerass_at_the_same_rate(cut, inputs):
    plain, adjustable = build(cut, adjustable=False), build(cut, dropout=0.5, feature_dropout=0.9)
    set_dropout(adjustable, [0.3, 0.3], 0.2)
    one, other = trained(plain, inputs), trained(adjustable, inputs)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-4)
    outside = np.asarray(adjustable(inputs, training=False))
    set_dropout(adjustable, 0.0, 0.0)
    np.testing.assert_array_equal(outside, np.asarray(adjustable(inputs, training=False)))


def test_a_rate_changes_what_a_compiled_step_does(cut, inputs):
    networks = TrialNetworks()
    found = []
    for rate in (0.0, 0.9):
        with networks.lend("shape", lambda: build(cut), seed=5, dropout=rate, feature_dropout=rate) as model:
            found.append(trained(model, inputs, epochs=1)[0])
    assert networks.built == 1
    assert found[0][0][0] < found[1][0][0]  # the training loss suffers


def test_too_few_rates_are_an_error_of_a_used_network_too(cut):
    networks = TrialNetworks()
    with networks.lend("shape", lambda: build(cut), seed=5, dropout=[0.1, 0.2, 0.3]):
        pass  # a rate too many is not used
    message = "has 2 widths and `model.head.dropout` 1 rates"
    with pytest.raises(ConfigError, match=message), networks.lend("shape", lambda: build(cut), seed=5, dropout=[0.1]):
        pass


def test_a_search_over_what_is_part_of_the_graph_does_not_pile_up_steps(cut, inputs):
    networks, freed = TrialNetworks(), []
    first = None
    for decay in (0.1, 0.2, 0.3, 0.4, 0.1):
        with networks.lend("shape", lambda: build(cut), seed=5) as model:
            found = trained(model, inputs, epochs=1, weight_decay=decay)
            first = first or found
            kept = []
            compiled_step(model, decay, lambda kept=kept: kept.append(keras.optimizers.Adam()) or (kept[0], None))
            freed.append(weakref.ref(kept.pop()))
    same(first, found)
    for _ in range(2):
        gc.collect()
    assert sum(optimizer() is not None for optimizer in freed) <= MOST_STEPS


def test_a_network_that_failed_is_not_used_again(cut, inputs):
    networks = TrialNetworks()
    with (
        pytest.raises(TrainingError, match="NaN or infinite"),
        networks.lend("shape", lambda: build(cut), seed=5) as model,
    ):
        trained(model, inputs, optimizer="sgd", learning_rate=1e30, epochs=5)
    with networks.lend("shape", lambda: build(cut), seed=5):
        pass
    assert networks.built == 2


def test_the_least_recently_used_goes_and_is_freed(cut):
    size = COPIES * sum(value.nbytes for value in snapshot(build(cut).variables))
    networks = TrialNetworks(kept_bytes=2.5 * size)
    held = {}
    for name in ("a", "b", "a", "c"):
        with networks.lend(name, lambda: build(cut), seed=5) as model:
            held.setdefault(name, weakref.ref(model))
        del model
    for _ in range(2):
        gc.collect()
    assert held["b"]() is None
    assert held["a"]() is not None
    assert networks.built == 3
    for name, built in (("a", 3), ("c", 3), ("b", 4)):
        with networks.lend(name, lambda: build(cut), seed=5):
            pass
        assert networks.built == built
