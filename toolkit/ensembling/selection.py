"""All votes compared on out-of-fold predictions, each judged on pictures that it was not learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from toolkit.ensembling.blending import Blend
from toolkit.ensembling.checks import check_labels, check_members
from toolkit.ensembling.fitting import FITS, fit
from toolkit.ensembling.grouping import group_folds
from toolkit.metrics import RESAMPLES, Measured, metric, score

ALIKE = ("geometric", "weighted", "greedy")  # what one member alone makes the same as its mean
_INNER_FOLDS = 3


@dataclass(frozen=True)
class VoteScore:
    """What one vote scores out of fold.

    Attributes:
        vote: A name in `FITS`; `single`, the best member; or `auto`, the vote that scores best on the other folds.
        accuracy: With Wilson's 95 % interval.
        macro_f1: With a bootstrap interval.
        log_loss: With a bootstrap interval.
        calibration_error: Expected calibration error, 0–1.
        difference: Accuracy minus that of the best single member on the same pictures; the interval is a bootstrap over
            groups of pictures. 0 for `single`.
    """

    vote: str
    accuracy: Measured
    macro_f1: Measured
    log_loss: Measured
    calibration_error: float
    difference: Measured


@dataclass(frozen=True)
class Comparison:
    """All votes on the same pictures.

    Attributes:
        members: m.
        pictures: n.
        objective: The metric by which `auto` chooses.
        rows: `single` first, then the votes, `auto` last.
        chosen: The vote that `auto` comes to on all pictures. The row `auto`, not the row of this vote, says what it is
            worth: choosing the best of several flatters the one chosen.
        alike: Votes without a row, because one member makes them the same as `mean`.
    """

    members: int
    pictures: int
    objective: str
    rows: tuple[VoteScore, ...]
    chosen: str
    alike: tuple[str, ...] = ()

    def row(self, vote: str) -> VoteScore:
        """The row of a vote; that of `mean` for votes that are alike."""
        name = "mean" if vote in self.alike else vote
        return next(row for row in self.rows if row.vote == name)

    @property
    def note(self) -> str:
        """What the table can and cannot say, in a few sentences."""
        nested = (
            "Each vote is learned on four fifths of the out-of-fold predictions and scored on the last, groups whole; "
            "`auto` chooses the vote anew each time, so its row is what choosing is worth."
        )
        if self.members > 1:
            return nested
        return (
            f"There is one member, so out of fold every picture has one prediction: {', '.join(self.alike)} are the "
            "same as mean, and majority names the same classes. What its fold models gain by voting together cannot be "
            f"seen out of fold; `toolkit evaluate` shows it on pictures that none of them has seen. {nested}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Comparison:
        """What `to_dict` gave."""
        measured = ("accuracy", "macro_f1", "log_loss", "difference")
        rows = tuple(VoteScore(**{**row, **{name: Measured(**row[name]) for name in measured}})
                     for row in values["rows"])  # fmt: skip
        return cls(**{**values, "rows": rows, "alike": tuple(values["alike"])})


@dataclass(frozen=True)
class _Task:
    """What every blend here is learned with."""

    probabilities: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    objective: str
    calibrated: bool
    seed: int

    def rows(self, mask: np.ndarray) -> _Task:
        return _Task(self.probabilities[:, mask], self.labels[mask], self.groups[mask], self.objective,
                     self.calibrated, self.seed)  # fmt: skip

    def fit(self, vote: str) -> Blend:
        if len(np.unique(self.labels)) < 2:  # all classes but one are in the fold left out: nothing to learn
            return Blend("mean")
        if vote == "auto":
            vote = self.best(_INNER_FOLDS)
        return fit(vote, self.probabilities, self.labels, objective=self.objective, calibrated=self.calibrated,
                   seed=self.seed)  # fmt: skip

    def best(self, folds: int) -> str:
        """The vote of the best score on folds it was not learned from; of equals the first."""
        if len(np.unique(self.groups.astype(str))) < 2:
            return "majority"
        fold = group_folds(self.labels, self.groups, folds, seed=self.seed)
        return self.winner({vote: self.crossed(vote, fold) for vote in candidates(len(self.probabilities))})

    def winner(self, predicted: Mapping[str, np.ndarray]) -> str:
        """The vote whose predictions score best; of equals the first."""
        found = metric(self.objective)
        sign = 1 if found.direction == "maximize" else -1
        return max(predicted, key=lambda vote: sign * found.function(self.labels, predicted[vote]))

    def crossed(self, vote: str, fold: np.ndarray) -> np.ndarray:
        """`(n, k)` of blends learned on the other folds."""
        combined = np.empty(self.probabilities.shape[1:], np.float32)
        for index in np.unique(fold):
            inside = fold == index
            combined[inside] = self.rows(~inside).fit(vote).combine(self.probabilities[:, inside])
        return combined


def candidates(members: int) -> tuple[str, ...]:
    """The votes that differ for so many members."""
    return FITS if members > 1 else tuple(vote for vote in FITS if vote not in ALIKE)


def compare(
    probabilities: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    class_names: Sequence[str],
    *,
    objective: str = "accuracy",
    calibrated: bool = False,
    folds: int = 5,
    seed: int = 0,
) -> Comparison:
    """Compare all votes by nested cross-validation.

    For each of the folds, every blend (and the choice of `auto`, by another cross-validation) is learned on the other
    folds' pictures and combines this one's. The members themselves were trained on the other folds' pictures too; that
    is how stacking is always done, and flatters all votes alike, if at all.

    Args:
        probabilities: `(m, n, k)` out-of-fold predictions.
        labels: `(n,)` int in 0…k−1.
        groups: `(n,)` group of each picture; none is on both sides.
        class_names: `(k,)`.
        objective: Name of the metric that choices go by.
        calibrated: Whether members are first scaled by temperature.
        folds: Of the outer cross-validation.
        seed: Of folds and bootstrap.

    Raises:
        DataError: Predictions or labels cannot be learned from.
    """
    members = check_members(probabilities)
    labels, groups = check_labels(labels, *members.shape[1:]), np.asarray(groups)
    task = _Task(members, labels, groups, objective, calibrated, seed)
    outer = group_folds(labels, groups, folds, seed=seed)
    votes = candidates(len(members))
    predicted = {vote: task.crossed(vote, outer) for vote in ("single", *votes, "auto")}
    single = predicted["single"].argmax(axis=1) == labels
    rows = []
    for vote, combined in predicted.items():
        scores = score(labels, combined, class_names, seed=seed)
        change = (combined.argmax(axis=1) == labels).astype(float) - single
        rows.append(
            VoteScore(vote, scores.accuracy, scores.macro_f1, scores.log_loss or Measured(0, 0, 0),
                      float(scores.calibration_error or 0), paired(change, groups, seed))
        )  # fmt: skip
    chosen = task.winner({vote: predicted[vote] for vote in votes})
    alike = ALIKE if len(members) == 1 else ()
    return Comparison(len(members), len(labels), objective, tuple(rows), chosen, alike)


def paired(change: np.ndarray, groups: np.ndarray, seed: int = 0) -> Measured:
    """Mean of `(n,)` differences on the same pictures, with a 95 % percentile bootstrap interval over groups."""
    codes = np.unique(groups.astype(str), return_inverse=True)[1].ravel()
    sums, counts = np.bincount(codes, change), np.bincount(codes)
    rng = np.random.default_rng(seed)
    draws = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        drawn = rng.integers(len(sums), size=len(sums))
        draws[index] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.percentile(draws, [2.5, 97.5])
    return Measured(float(change.mean()), float(low), float(high))
