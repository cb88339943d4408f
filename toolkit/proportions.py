"""Whether two shares of right answers differ: the two-sample proportion z-test, and the interval that goes with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from toolkit.errors import DataError
from toolkit.metrics import wilson


@dataclass(frozen=True)
class Counted:
    """How many of some pictures were classified correctly.

    Attributes:
        right: 0…n; a mean over several tests of the same pictures need not be whole.
        n: Pictures, at least 1.
    """

    right: float
    n: int

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 <= self.right <= self.n:
            raise DataError(f"{self.right} of {self.n} pictures cannot be right: give 0 to n of at least 1.")

    @property
    def share(self) -> float:
        """Accuracy, 0–1."""
        return self.right / self.n

    @property
    def wilson(self) -> tuple[float, float]:
        """Wilson's 95 % score interval (Wilson 1927): it never leaves 0–1 and holds its level near the ends."""
        measured = wilson(round(self.right), self.n)
        return measured.low, measured.high

    @property
    def wald(self) -> tuple[float, float]:
        """The interval of report E, p ± 1.96·√(p(1−p)/n); too narrow near 0 and 1."""
        half = 1.96 * math.sqrt(self.share * (1 - self.share) / self.n)
        return self.share - half, self.share + half


@dataclass(frozen=True)
class ZTest:
    """A two-sided two-sample proportion z-test.

    Attributes:
        z: Positive where the first share is larger.
        p: Probability of a difference at least as large if both were equally good.
    """

    z: float
    p: float


def z_test(one: Counted, other: Counted) -> ZTest:
    """Compare two shares with the pooled variance, as report E does.

    It takes the two samples as independent. On the same pictures it errs towards finding no difference, as right
    answers to the same pictures go together.
    """
    shared = (one.right + other.right) / (one.n + other.n)
    spread = math.sqrt(shared * (1 - shared) * (1 / one.n + 1 / other.n))
    z = (one.share - other.share) / spread if spread > 0 else 0.0
    return ZTest(z, math.erfc(abs(z) / math.sqrt(2)))
