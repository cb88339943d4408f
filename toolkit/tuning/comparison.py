"""Search methods under the same budget of epochs, on several data sets (report C), with tests (report E)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from toolkit.proportions import Counted, ZTest, z_test
from toolkit.tuning.judging import Direction, Evaluate
from toolkit.tuning.methods import Halving, Spent, Train, asha, check_methods, fixed_length
from toolkit.tuning.proposals import Draw, Fixed, Sampled, grid
from toolkit.tuning.space import Searched

# report C: 400 epochs are 16 sets of 25.
EPOCHS_A_SET = 25


@dataclass(frozen=True)
class Contest:
    """A data set on which methods are compared.

    Attributes:
        name: Of the data set.
        evaluate: The objective, on selection pictures.
        draw: Draws a set of values from a trial.
        space: Dimensions by name.
        test: Trains a set of values for so many epochs and counts what it gets right on pictures that took no part in
            the search; None leaves intervals and tests out.
        sets: Sets of the grid, such as the report's; None spreads a grid over the space.
    """

    name: str
    evaluate: Evaluate
    draw: Draw
    space: Mapping[str, Searched]
    test: Callable[[dict[str, Any], int], Counted] | None = None
    sets: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Cell:
    """One method on one data set.

    Attributes:
        data: Name of the data set.
        method: Name of the method.
        spent: Its trainings.
        tested: What its winner got right on other pictures, None without such a test.
    """

    data: str
    method: str
    spent: Spent
    tested: Counted | None

    @property
    def score(self) -> float:
        """Selection score of the winner; it flatters itself, being the best of several."""
        return self.spent.best.score


@dataclass(frozen=True)
class Pair:
    """Two methods on one data set.

    Attributes:
        data: Name of the data set.
        one: A method.
        other: Another.
        test: Of the difference between their winners on other pictures.
    """

    data: str
    one: str
    other: str
    test: ZTest


@dataclass(frozen=True)
class Comparison:
    """All methods on all data sets.

    Attributes:
        methods: Names.
        data: Names of the data sets.
        budget: Epochs that each method had for each data set.
        cells: One a data set and method.
    """

    methods: tuple[str, ...]
    data: tuple[str, ...]
    budget: int
    cells: tuple[Cell, ...]

    def cell(self, data: str, method: str) -> Cell:
        """The entry of a data set and method."""
        return next(cell for cell in self.cells if (cell.data, cell.method) == (data, method))

    def largest_difference(self, data: str) -> float:
        """Best minus worst winner's score on a data set, as in the report's last column."""
        scores = [self.cell(data, method).score for method in self.methods]
        return max(scores) - min(scores)

    def pairs(self) -> list[Pair]:
        """A z-test of each two methods on each data set whose winners were tested on other pictures."""
        found = []
        for data in self.data:
            for one, other in combinations(self.methods, 2):
                first, second = self.cell(data, one).tested, self.cell(data, other).tested
                if first is not None and second is not None:
                    found.append(Pair(data, one, other, z_test(first, second)))
        return found


def compare(
    contests: Sequence[Contest],
    methods: Sequence[str],
    *,
    budget: int,
    epochs: int = EPOCHS_A_SET,
    halving: Halving | None = None,
    seed: int = 0,
    direction: Direction = "maximize",
    on_cell: Callable[[Cell], None] | None = None,
) -> Comparison:
    """Give every method the same number of epochs on every data set.

    All methods judge by fold 0 and the same seed of training. TPE starts from 4 random sets, ASHA draws by chance.

    Args:
        contests: The data sets.
        methods: Among `grid`, `random`, `tpe`, `asha`.
        budget: Epochs that each method may spend on each data set.
        epochs: Of each training of the methods other than ASHA; no more than the budget.
        halving: Settings of ASHA.
        seed: Of samplers and trainings.
        direction: Whether more is better.
        on_cell: Told each result.

    Raises:
        SearchError: An unknown method, or a budget that does not reach for one training.
    """
    names = list(dict.fromkeys(methods))
    check_methods(names)
    cells = []
    for contest in contests:
        for method in names:
            spent = _spend(contest, method, budget, epochs, halving, seed, direction)
            winner = spent.best
            tested = contest.test(winner.parameters, winner.epochs) if contest.test else None
            cell = Cell(contest.name, method, spent, tested)
            cells.append(cell)
            if on_cell:
                on_cell(cell)
    return Comparison(tuple(names), tuple(contest.name for contest in contests), budget, tuple(cells))


def _spend(
    contest: Contest, method: str, budget: int, epochs: int, halving: Halving | None, seed: int, direction: Direction
) -> Spent:
    train = _train(contest, seed)
    if method == "asha":
        return asha(
            train,
            Sampled(contest.draw, "random", seed=seed, direction=direction),
            budget=budget,
            halving=halving,
            direction=direction,
        )
    if method == "grid":
        sets = contest.sets or grid(contest.draw, contest.space, max(1, budget // epochs), seed=seed)
        return fixed_length(train, Fixed(sets), budget=budget, epochs=epochs, direction=direction)
    proposer = Sampled(contest.draw, method, seed=seed, direction=direction)
    return fixed_length(train, proposer, budget=budget, epochs=epochs, direction=direction)


def _train(contest: Contest, seed: int) -> Train:
    def train(parameters: dict[str, Any], epochs: int) -> float:
        return contest.evaluate(parameters, fold=0, seed=seed, epochs=epochs)

    return train
