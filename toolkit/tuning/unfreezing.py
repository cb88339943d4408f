"""Automated optimisation with unfreezing.

After report D (D. M. Migayo et al., "Automated optimization-based deep learning models for image classification tasks",
Computers 2023, 12, 174), algorithm 2: train with default settings for a baseline; for each proposed set, train; if that
does not improve on the best so far, unfreeze one more top layer with a reduced learning rate and train again; keep what
improves, discard what does not. Every proposed set counts as one attempt, as the report's prose says (its pseudo-code
counts discarded ones only).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from toolkit.errors import SearchError
from toolkit.tuning.judging import Direction, Evaluate, better


@dataclass(frozen=True)
class RecommendedPair:
    """A batch size with the learning rates that go with it, frozen and unfrozen (the report's recommendation)."""

    batch_size: int
    learning_rate: float
    unfrozen_learning_rate: float


RECOMMENDED = (
    RecommendedPair(16, 1e-4, 1e-5),
    RecommendedPair(32, 1e-3, 1e-4),
    RecommendedPair(64, 1e-2, 1e-3),
)
# Each of the report's pairs lowers the learning rate tenfold where layers are unfrozen.
REDUCTION = 0.1


class Proposer(Protocol):
    """Proposes sets and is told what they reached."""

    def ask(self) -> dict[str, Any] | None:
        """The next set; None where there is none left."""

    def tell(self, score: float) -> None:
        """What the last asked set reached."""


@dataclass(frozen=True)
class Attempt:
    """One proposed set.

    Attributes:
        number: From 1; 0 is the baseline.
        parameters: The set as proposed.
        score: What it reached.
        unfrozen: The set with one more layer unfrozen, None where it was not trained so.
        unfrozen_score: What that reached.
        outcome: `baseline`, `kept`, `kept unfrozen` or `discarded`.
        best: Best score after this attempt.
    """

    number: int
    parameters: dict[str, Any]
    score: float
    unfrozen: dict[str, Any] | None
    unfrozen_score: float | None
    outcome: str
    best: float


@dataclass(frozen=True)
class Unfreezing:
    """The course of the optimisation.

    Attributes:
        attempts: The baseline, then one entry a proposed set.
        best: The best set.
        best_score: What it reached.
        trainings: How many trainings that took.
    """

    attempts: tuple[Attempt, ...]
    best: dict[str, Any]
    best_score: float
    trainings: int

    @property
    def baseline(self) -> float:
        """Score of the default settings."""
        return self.attempts[0].score


def relative_error_drop(initial: float, final: float) -> float:
    """Which share of the error is gone: (final − initial) / (1 − initial); 0 where there was none.

    Args:
        initial: Accuracy before, 0–1.
        final: Accuracy after, 0–1.
    """
    return (final - initial) / (1 - initial) if initial < 1 else 0.0


def optimise(
    evaluate: Evaluate,
    defaults: Mapping[str, Any],
    proposer: Proposer,
    *,
    attempts: int,
    layers: str = "model.unfreeze",
    rate: str = "train.learning_rate",
    most_layers: int | None = None,
    reduction: float = REDUCTION,
    fold: int = 0,
    seed: int = 0,
    epochs: int | None = None,
    direction: Direction = "maximize",
    on_attempt: Callable[[Attempt], None] | None = None,
) -> Unfreezing:
    """Run the report's algorithm 2.

    One more layer is unfrozen than the proposed set itself has; layers do not pile up over attempts, so that each set
    is judged by itself whatever came before it.

    Args:
        evaluate: The objective.
        defaults: Settings of the baseline; proposals replace some of them. `layers` and `rate` must be among them.
        proposer: Proposes sets, told the better of the two scores of each.
        attempts: Limit of proposed sets.
        layers: Name of the number of top layers that train.
        rate: Name of the learning rate.
        most_layers: Layers the network has; a set that trains all of them is not tried again.
        reduction: Factor on the learning rate where one more layer is unfrozen.
        fold: Which pictures judge.
        seed: Of all trainings.
        epochs: Of each training.
        direction: Whether more is better.
        on_attempt: Told after each attempt, the baseline included.

    Raises:
        SearchError: `layers` or `rate` is not among the defaults, or the baseline has no finite score.
    """
    for name in (layers, rate):
        if name not in defaults:
            raise SearchError(f"Unfreezing needs a default for {name}; there is none among {', '.join(defaults)}.")
    trainings = 0

    def train(parameters: dict[str, Any]) -> float:
        nonlocal trainings
        trainings += 1
        return evaluate(parameters, fold=fold, seed=seed, epochs=epochs)

    best = dict(defaults)
    best_score = train(best)
    if not -float("inf") < best_score < float("inf"):
        raise SearchError(f"The baseline's score is {best_score}: the default settings cannot be trained; change them.")
    course: list[Attempt] = []

    def note(attempt: Attempt) -> None:
        course.append(attempt)
        if on_attempt:
            on_attempt(attempt)

    note(Attempt(0, best, best_score, None, None, "baseline", best_score))
    for number in range(1, attempts + 1):
        proposed = proposer.ask()
        if proposed is None:
            break
        tried = {**defaults, **proposed}
        score = train(tried)
        unfrozen, unfrozen_score, outcome = None, None, "discarded"
        if better(score, best_score, direction):
            best, best_score, outcome = tried, score, "kept"
        elif most_layers is None or tried[layers] < most_layers:
            unfrozen = {**tried, layers: tried[layers] + 1, rate: tried[rate] * reduction}
            unfrozen_score = train(unfrozen)
            if better(unfrozen_score, best_score, direction):
                best, best_score, outcome = unfrozen, unfrozen_score, "kept unfrozen"
        reached = score if unfrozen_score is None or not better(unfrozen_score, score, direction) else unfrozen_score
        proposer.tell(reached)
        note(Attempt(number, tried, score, unfrozen, unfrozen_score, outcome, best_score))
    return Unfreezing(tuple(course), best, best_score, trainings)
