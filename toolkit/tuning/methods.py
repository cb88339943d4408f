"""Search methods that spend a given number of epochs: grid, random, TPE and asynchronous successive halving.

Report C (Wojciuk et al., "Improving classification accuracy of fine-tuned CNN models: impact of hyperparameter
optimization", 2024) compares them under the same total of epochs. Grid, random and TPE train every set for a fixed
number of epochs; ASHA (Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020) trains many sets
briefly and the better ones longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolkit.errors import SearchError, suggest
from toolkit.tuning.judging import Direction
from toolkit.tuning.unfreezing import Proposer

Train = Callable[[dict[str, Any], int], float]


@dataclass(frozen=True)
class Trained:
    """One training.

    Attributes:
        parameters: The set.
        epochs: How long it was trained in all.
        score: What it reached.
        spent: Epochs it cost.
    """

    parameters: dict[str, Any]
    epochs: int
    score: float
    spent: int


@dataclass(frozen=True)
class Spent:
    """What a method did with its epochs.

    Attributes:
        trainings: In order.
        direction: Whether more is better.
    """

    trainings: tuple[Trained, ...]
    direction: Direction

    @property
    def epochs(self) -> int:
        """Epochs spent."""
        return sum(training.spent for training in self.trainings)

    @property
    def sets(self) -> int:
        """Different sets trained."""
        return len({id(training.parameters) for training in self.trainings})

    @property
    def best(self) -> Trained:
        """The best of those trained longest: scores after few epochs are no results."""
        finite = [training for training in self.trainings if math.isfinite(training.score)]
        if not finite:
            raise SearchError(
                f"None of {len(self.trainings)} trainings reached a finite score. Narrow the search space, above all "
                "the learning rates."
            )
        longest = max(training.epochs for training in finite)
        full = [training for training in finite if training.epochs == longest]
        return (max if self.direction == "maximize" else min)(full, key=lambda training: training.score)

    def course(self) -> tuple[list[int], list[float]]:
        """Epochs spent so far, and the best score of any training until then, after each training."""
        better = max if self.direction == "maximize" else min
        spent: list[int] = []
        best: list[float] = []
        for training in self.trainings:
            spent.append((spent[-1] if spent else 0) + training.spent)
            known = [score for score in (*best[-1:], training.score) if math.isfinite(score)]
            best.append(better(known) if known else math.nan)
        return spent, best


@dataclass(frozen=True)
class Halving:
    """Settings of successive halving, with the values of report C.

    Attributes:
        shortest: r, epochs of the lowest rung.
        longest: R, epochs of the highest.
        reduction: η: one of so many sets goes on, trained so many times as long.
        stopping: s, how many of the lowest rungs are left out.
        fully_trained: N_m: the search ends when so many sets were trained for R epochs; None spends the whole budget.
        resumes: Whether the objective goes on from where an earlier training of the same set stopped, so that only
            the further epochs are spent. False counts every training from its first epoch.
    """

    shortest: int = 1
    longest: int = 16
    reduction: int = 4
    stopping: int = 0
    fully_trained: int | None = None
    resumes: bool = False

    def __post_init__(self) -> None:
        if self.shortest < 1 or self.reduction < 2 or self.longest < self.shortest or self.stopping < 0:
            raise SearchError(
                f"Successive halving needs at least 1 epoch, a longest training no shorter than the shortest and a "
                f"reduction of at least 2; got {self.shortest} to {self.longest} epochs, reduction {self.reduction}, "
                f"early-stopping rate {self.stopping}."
            )
        if not self.rungs:
            raise SearchError(f"An early-stopping rate of {self.stopping} leaves no rung up to {self.longest} epochs.")

    @property
    def rungs(self) -> list[int]:
        """Epochs of each rung, r·η^(s+i) up to R."""
        found = []
        epochs = self.shortest * self.reduction**self.stopping
        while epochs <= self.longest:
            found.append(epochs)
            epochs *= self.reduction
        return found


def fixed_length(
    train: Train, proposer: Proposer, *, budget: int, epochs: int, direction: Direction = "maximize"
) -> Spent:
    """Train proposed sets for the same number of epochs each, until the budget does not reach for another.

    Args:
        train: `(parameters, epochs)` → score.
        proposer: Proposes sets and is told their scores.
        budget: Epochs in all.
        epochs: Of each training.
        direction: Whether more is better.

    Raises:
        SearchError: The budget does not reach for one training.
    """
    _check_budget(budget, epochs)
    trainings: list[Trained] = []
    while (len(trainings) + 1) * epochs <= budget and (parameters := proposer.ask()) is not None:
        score = train(parameters, epochs)
        proposer.tell(score)
        trainings.append(Trained(parameters, epochs, score, epochs))
    return Spent(tuple(trainings), direction)


def asha(
    train: Train, proposer: Proposer, *, budget: int, halving: Halving | None = None, direction: Direction = "maximize"
) -> Spent:
    """Asynchronous successive halving (Li et al. 2020, algorithm 2) with one worker.

    Whenever a set is among the best 1/η of its rung and has not gone on, the highest such set goes on to the next rung;
    otherwise a new set starts on the lowest. Stopped sets may go on later, unlike those that Optuna's pruner of the
    same name stops.

    Args:
        train: `(parameters, epochs)` → score.
        proposer: Proposes sets, chance in the paper.
        budget: Epochs in all; a training that does not fit in what is left is not begun, a shorter one is.
        halving: Rungs.
        direction: Whether more is better.

    Raises:
        SearchError: The budget does not reach for one training on the lowest rung.
    """
    halving = halving or Halving()
    rungs = halving.rungs
    _check_budget(budget, rungs[0])
    # (score to be maximised, set) of each rung, and which of them went on, by place in the rung.
    arrived: list[list[tuple[float, dict[str, Any]]]] = [[] for _ in rungs]
    promoted: list[set[int]] = [set() for _ in rungs]
    trainings: list[Trained] = []
    left = budget
    sign = 1.0 if direction == "maximize" else -1.0

    def cost(rung: int) -> int:
        return rungs[rung] - (rungs[rung - 1] if rung and halving.resumes else 0)

    while halving.fully_trained is None or len(arrived[-1]) < halving.fully_trained:
        affordable = [cost(rung) <= left for rung in range(len(rungs))]
        place = _promotable(arrived, promoted, halving.reduction, affordable)
        if place is not None:
            below, index = place
            promoted[below].add(index)
            parameters, rung = arrived[below][index][1], below + 1
        else:
            proposed = proposer.ask() if affordable[0] else None
            if proposed is None:
                break
            parameters, rung = proposed, 0
        score = train(parameters, rungs[rung])
        if rung == 0:
            proposer.tell(score)
        arrived[rung].append((sign * score if math.isfinite(score) else -math.inf, parameters))
        trainings.append(Trained(parameters, rungs[rung], score, cost(rung)))
        left -= cost(rung)
    return Spent(tuple(trainings), direction)


def _promotable(
    arrived: list[list[tuple[float, dict[str, Any]]]],
    promoted: list[set[int]],
    reduction: int,
    affordable: list[bool],
) -> tuple[int, int] | None:
    """Rung and place of the set that goes on next, None where none does."""
    for rung in range(len(arrived) - 2, -1, -1):
        if not affordable[rung + 1]:
            continue
        order = sorted(range(len(arrived[rung])), key=lambda place: -arrived[rung][place][0])
        for place in order[: len(order) // reduction]:
            if place not in promoted[rung]:
                return rung, place
    return None


def check_methods(names: list[str]) -> None:
    """Make sure that every method is known.

    Raises:
        SearchError: One is not, or there is none.
    """
    for name in names:
        if name not in METHODS:
            raise SearchError(f"There is no search method {name!r}{suggest(name, METHODS)}")
    if not names:
        raise SearchError(f"Name at least one search method of {', '.join(METHODS)}.")


METHODS = ("grid", "random", "tpe", "asha")


def _check_budget(budget: int, epochs: int) -> None:
    if budget < epochs:
        raise SearchError(f"A budget of {budget} epochs does not reach for one training of {epochs}; raise it.")
