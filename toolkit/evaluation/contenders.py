"""What is compared and what comes of it: the answers of runs, contenders, pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from toolkit.evaluation.paired import McNemar, Spread, over_both
from toolkit.proportions import Counted, ZTest

POOLED = "corruptions pooled"


@dataclass(frozen=True)
class Answers:
    """What a run got right on one test.

    Attributes:
        image_id: `(n,)` str, unique.
        right: `(n,)` float, 1 where right, 0 where wrong; between where several tests of a picture are averaged.
        group: `(n,)` str; pictures that share it are no independent observations.
    """

    image_id: np.ndarray
    right: np.ndarray
    group: np.ndarray

    @cached_property
    def row(self) -> dict[str, int]:
        """Row of each picture."""
        return {name: index for index, name in enumerate(self.image_id.tolist())}

    def of(self, image_ids: Sequence[str]) -> np.ndarray:
        """`right` of pictures that are all there, in the order given."""
        return self.right[[self.row[name] for name in image_ids]]


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        seed: None where unknown.
        answers: By test.
    """

    seed: int | None
    answers: Mapping[str, Answers]


@dataclass(frozen=True)
class Contender:
    """One configuration, trained once or with several seeds."""

    name: str
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Scored:
    """Accuracy of a contender on a test.

    Attributes:
        test: Its name.
        contender: Its name.
        counted: Right answers and pictures; of several runs, the mean of those that predicted the picture.
        by_run: Accuracy of each run on the pictures that it predicted.
    """

    test: str
    contender: str
    counted: Counted
    by_run: tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """Two contenders on a test; differences are the second minus the first.

    Attributes:
        test: Its name.
        one: Name of the first.
        other: Name of the second.
        first: What the first got right of the joint pictures.
        second: What the second did.
        only: Pictures that the first alone and the second alone predicted; they do not count.
        grouped: Whether some of the joint pictures belong together.
        bootstrap: Paired 95 % interval of the difference over pictures.
        pictures: The difference with its error over pictures.
        runs: The same over runs, None unless both were trained at least twice.
        runs_matched: Whether runs were paired by seed.
        mcnemar: None where a contender has several runs or a picture several tests.
        z: Two-proportion z-test, which ignores that the pictures are the same.
        corrected: The deciding p after Holm's correction for all pairs that are judged together.
        family: How many those are.
    """

    test: str
    one: str
    other: str
    first: Counted
    second: Counted
    only: tuple[int, int]
    grouped: bool
    bootstrap: tuple[float, float]
    pictures: Spread
    runs: Spread | None
    runs_matched: bool
    mcnemar: McNemar | None
    z: ZTest
    corrected: float = 1.0
    family: int = 1

    @property
    def n(self) -> int:
        """Joint pictures."""
        return self.first.n

    @property
    def difference(self) -> float:
        """Accuracy of the second minus that of the first, −1 to 1."""
        return self.second.share - self.first.share

    @property
    def error_drop(self) -> float | None:
        """Relative error drop of report D, (a₂ − a₁)/(1 − a₁); None where the first makes no error."""
        return None if self.first.right == self.first.n else self.difference / (1 - self.first.share)

    @property
    def spread(self) -> Spread:
        """The error that counts: over pictures, and over runs where there are several of both."""
        return self.pictures if self.runs is None else over_both(self.pictures, self.runs)

    @property
    def decides(self) -> str:
        """The test whose p decides."""
        if self.runs is not None:
            return "pictures and seeds"
        if self.mcnemar is not None and not self.grouped:
            return "McNemar mid-p"
        return "grouped pictures" if self.grouped else "pictures"

    @property
    def p(self) -> float:
        """The deciding p, not corrected."""
        exact = self.mcnemar is not None and self.decides == "McNemar mid-p"
        return self.mcnemar.mid if exact and self.mcnemar else self.spread.p

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference that goes with the deciding test."""
        return self.spread.interval() if self.runs is not None else self.bootstrap


@dataclass(frozen=True)
class Comparison:
    """All contenders on all tests.

    Attributes:
        contenders: Names.
        scores: One a contender and test.
        pairs: On the tests that are concluded from; corrected together.
        cells: On each corruption by itself; corrected together.
    """

    contenders: tuple[str, ...]
    scores: tuple[Scored, ...]
    pairs: tuple[Pair, ...]
    cells: tuple[Pair, ...]
