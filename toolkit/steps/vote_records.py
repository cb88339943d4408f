"""Votes and class shares as results hold and show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from toolkit.console import TextTable
from toolkit.steps.results import Interval, interval, percent

if TYPE_CHECKING:
    from toolkit.ensembling.priors import Priors
    from toolkit.steps.blending import Votes


class VoteRecord(BaseModel):
    """What one vote scores out of fold.

    Attributes:
        vote: Its name; `single` is the best member, `auto` the choice of the best vote, made anew on each fold.
        accuracy: Out of fold.
        macro_f1: The same way.
        log_loss: The same way.
        calibration_error: Expected, 0–1.
        difference: Accuracy minus that of the best single member on the same pictures.
    """

    model_config = ConfigDict(frozen=True)

    vote: str
    accuracy: Interval
    macro_f1: Interval
    log_loss: Interval
    calibration_error: float
    difference: Interval


class PriorRecord(BaseModel):
    """The share of one class.

    Attributes:
        name: Of the class.
        training: Its share among the training pictures.
        target: Its estimated share among the pictures predicted, with a 95 % interval.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    training: float
    target: Interval


def vote_figures(votes: Votes) -> dict[str, Any]:
    """`vote`, `votes` and `votes_note` of the result of `ensemble`."""
    measured = ("accuracy", "macro_f1", "log_loss", "difference")
    rows = votes.comparison.rows if votes.comparison else ()
    records = tuple(
        VoteRecord(vote=row.vote, calibration_error=row.calibration_error,
                   **{name: Interval(**interval(getattr(row, name))) for name in measured})
        for row in rows
    )  # fmt: skip
    return {
        "vote": votes.vote,
        "votes": records,
        "votes_note": votes.comparison.note if votes.comparison else votes.note,
    }


def vote_table(vote: str, records: Sequence[VoteRecord], note: str) -> list[TextTable]:
    """One row a vote; nothing where none were compared."""
    if not records:
        return []
    rows = tuple(
        ("→" if row.vote == vote else "", row.vote, str(row.accuracy), f"{row.macro_f1.value:.3f}",
         f"{row.log_loss.value:.3f}",
         f"{100 * row.difference.value:+.1f} [{100 * row.difference.low:+.1f}, {100 * row.difference.high:+.1f}]")
        for row in records
    )  # fmt: skip
    columns = ("", "vote", "accuracy", "macro F1", "log loss", "points against the best member")
    return [TextTable(f"Votes compared out of fold; the vote is {vote}", columns, rows, note)]


def prior_records(priors: Priors | None, classes: Sequence[str]) -> tuple[PriorRecord, ...]:
    """One a class; none without an estimate."""
    if priors is None:
        return ()
    columns = zip(classes, priors.source, priors.target, priors.low, priors.high, strict=True)
    return tuple(
        PriorRecord(name=name, training=source, target=Interval(value=target, low=low, high=high))
        for name, source, target, low, high in columns
    )


def prior_table(records: Sequence[PriorRecord], warning: str) -> list[TextTable]:
    """One row a class; nothing without an estimate."""
    if not records:
        return []
    rows = tuple(
        (row.name, percent(row.training), f"{percent(row.target.value)} [{percent(row.target.low)}, "
         f"{percent(row.target.high)}]")
        for row in records
    )  # fmt: skip
    title = "Shares of the classes, to which the predictions were corrected"
    return [TextTable(title, ("class", "training", "here, estimated"), rows, warning)]
