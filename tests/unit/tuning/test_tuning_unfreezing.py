"""Report D's control flow, on a function and on a small network."""

import keras
import numpy as np
import pytest

from toolkit.errors import SearchError
from toolkit.tuning.proposals import Fixed, Sampled
from toolkit.tuning.space import Choice, suggest
from toolkit.tuning.unfreezing import RECOMMENDED, REDUCTION, optimise, relative_error_drop

DEFAULTS = {"model.unfreeze": 0, "train.learning_rate": 1e-3, "train.batch_size": 32}


def recorded(scores):
    """Answers with given scores, and remembers what was asked."""
    asked = []

    def evaluate(parameters, *, fold, seed, epochs):
        asked.append(parameters)
        return scores[len(asked) - 1]

    return evaluate, asked


def test_the_control_flow_is_the_reports():
    # baseline .80 | .85 improves: kept | .83 does not, unfrozen .88 does | .70, unfrozen .80: discarded
    evaluate, asked = recorded([0.80, 0.85, 0.83, 0.88, 0.70, 0.80])
    sets = [{"train.batch_size": 16}, {"model.unfreeze": 3, "train.learning_rate": 0.1}, {"train.batch_size": 128}]
    found = optimise(evaluate, DEFAULTS, Fixed(sets), attempts=3)
    assert [attempt.outcome for attempt in found.attempts] == ["baseline", "kept", "kept unfrozen", "discarded"]
    assert [attempt.best for attempt in found.attempts] == [0.80, 0.85, 0.88, 0.88]
    assert asked[3] == {"model.unfreeze": 4, "train.learning_rate": pytest.approx(0.01), "train.batch_size": 32}
    assert found.best == asked[3]
    assert found.trainings == 6
    assert found.baseline == 0.80


def test_every_proposed_set_is_an_attempt_and_the_limit_holds():
    evaluate, asked = recorded([0.5, 0.6, 0.7, 0.8, 0.9])
    found = optimise(evaluate, DEFAULTS, Fixed([{"train.batch_size": 8 * 2**i} for i in range(5)]), attempts=3)
    assert len(found.attempts) == 1 + 3  # improvements count as well
    assert len(asked) == 4


def test_a_network_without_further_layers_is_not_trained_again():
    evaluate, asked = recorded([0.5, 0.4])
    found = optimise(evaluate, DEFAULTS, Fixed([{"model.unfreeze": 5}]), attempts=1, most_layers=5)
    assert found.attempts[1].unfrozen is None
    assert found.attempts[1].outcome == "discarded"
    assert len(asked) == 2


def test_a_loss_improves_downwards_and_nan_never_does():
    evaluate, _ = recorded([0.5, float("nan"), 0.4, 0.45, float("nan")])
    found = optimise(evaluate, DEFAULTS, Fixed([{}, {}]), attempts=2, direction="minimize")
    assert [attempt.outcome for attempt in found.attempts] == ["baseline", "kept unfrozen", "discarded"]
    assert found.best_score == 0.4


def test_the_sampler_learns_from_both_trainings():
    told = []

    class Listening(Fixed):
        def tell(self, score):
            told.append(score)

    evaluate, _ = recorded([0.5, 0.3, 0.4, 0.6])
    optimise(evaluate, DEFAULTS, Listening([{}, {}]), attempts=2)
    assert told == [0.4, 0.6]


@pytest.mark.parametrize(
    ("initial", "final", "drop"),
    [(0.937, 0.983, 0.73), (0.983, 0.989, 0.353), (0.987, 0.992, 0.385), (1.0, 1.0, 0.0), (0.9, 0.8, -1.0)],
)
def test_relative_error_drop_is_the_formulas(initial, final, drop):
    assert relative_error_drop(initial, final) == pytest.approx(drop, abs=0.0005)


def test_the_recommended_pairs_lower_the_rate_by_the_same_factor():
    for pair in RECOMMENDED:
        assert pair.unfrozen_learning_rate == pytest.approx(pair.learning_rate * REDUCTION)


def test_defaults_without_layers_or_a_baseline_that_fails_are_refused():
    with pytest.raises(SearchError, match=r"model\.unfreeze"):
        optimise(recorded([0.5])[0], {"train.learning_rate": 1e-3}, Fixed([]), attempts=1)
    with pytest.raises(SearchError, match="baseline's score is nan"):
        optimise(recorded([float("nan")])[0], DEFAULTS, Fixed([]), attempts=1)


def rings(n, seed):
    """Points inside and outside a circle."""
    points = np.random.default_rng(seed).normal(size=(n, 2)).astype("float32")
    return points, (np.linalg.norm(points, axis=1) > 1.15).astype("int64")


def network(parameters, *, fold, seed, epochs):
    """A small network whose last hidden layers train; the others keep their random weights."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(12, activation="relu") for _ in range(3)]
    model = keras.Sequential([*hidden, keras.layers.Dense(2, activation="softmax")])
    for index, layer in enumerate(hidden):
        layer.trainable = index >= len(hidden) - parameters["model.unfreeze"]
    rate = parameters["train.learning_rate"]
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*rings(400, 1), batch_size=parameters["train.batch_size"], epochs=epochs, verbose=0)
    return float(model.evaluate(*rings(400, 2), verbose=0)[1])


def test_a_small_network_gains_by_unfreezing():
    space = {"train.learning_rate": Choice((0.1, 0.01, 0.001)), "train.batch_size": Choice((16, 32))}
    proposer = Sampled(lambda trial: suggest(trial, space), "tpe", seed=1)
    found = optimise(network, DEFAULTS, proposer, attempts=3, most_layers=3, epochs=4)
    assert found.best_score > found.baseline
    assert relative_error_drop(found.baseline, found.best_score) > 0.1
    assert found.best_score == max(
        score for attempt in found.attempts for score in (attempt.score, attempt.unfrozen_score or 0)
    )
