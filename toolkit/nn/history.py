"""What a training did, epoch by epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from toolkit.artifacts import write_text


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: Counted from 1, over all phases.
        phase: `training`, or with separate phases `transfer` and `fine-tuning`.
        loss: Mean training loss, class weights and label smoothing included.
        accuracy: Share of right answers on the (augmented) training pictures, 0–1.
        val_loss: Log loss on the validation pictures, without weights or smoothing; NaN without validation.
        val_accuracy: Share of right answers on the validation pictures, 0–1; NaN without validation.
        learning_rate: Of the last step.
        seconds: Whole epoch, validation included.
        images_per_second: Training pictures over training time.
        batch_size: Pictures a batch; smaller than configured after memory ran out.
        accumulate: Batches of one step of the optimiser.
    """

    epoch: int
    phase: str
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float
    images_per_second: float
    batch_size: int
    accumulate: int


@dataclass(frozen=True)
class History:
    """A whole training.

    Attributes:
        records: One an epoch.
        best_epoch: Epoch, counted from 1, whose weights the model holds now.
        stopped_early: Whether early stopping ended it.
    """

    records: tuple[EpochRecord, ...]
    best_epoch: int
    stopped_early: bool = False

    @property
    def best(self) -> EpochRecord:
        """The epoch whose weights the model holds now."""
        return next(record for record in self.records if record.epoch == self.best_epoch)

    def save(self, path: Path) -> None:
        """Write `history.csv`: one row an epoch, columns as in `EpochRecord`; whole or not at all."""
        write_text(path, _csv(self.records))


def _csv(records: Sequence[EpochRecord]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EpochRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in records)
    return text.getvalue()
