"""The learning rate as a function of the optimiser's step, and what a plateau of the validation does to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.nn.history import EpochRecord

Kind = Literal["constant", "cosine", "plateau"]
KINDS = ("constant", "cosine", "plateau")
Monitor = Literal["val_loss", "val_accuracy"]


@dataclass(frozen=True)
class Schedule:
    """The learning rate over a training of fixed length.

    Attributes:
        kind: `constant`; `cosine`: half a cosine from the peak to 0 (Loshchilov and Hutter 2017, arXiv 1608.03983);
            `plateau`: constant within an epoch, `reductions` lower it between epochs.
        peak: Highest learning rate.
        total_steps: Steps of the optimiser in the whole training.
        warmup_steps: Steps of linear rise before the course starts.
    """

    kind: Kind
    peak: float
    total_steps: int
    warmup_steps: int = 0

    def at(self, step: int) -> float:
        """Learning rate of a step of the optimiser, counted from 0."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.kind != "cosine":
            return self.peak
        progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        return self.peak * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def better(new: EpochRecord, best: EpochRecord, monitor: Monitor) -> bool:
    """Whether an epoch beats another; False where the monitored value is not a number."""
    return new.val_loss < best.val_loss if monitor == "val_loss" else new.val_accuracy > best.val_accuracy


def reductions(records: Sequence[EpochRecord], patience: int, monitor: Monitor) -> int:
    """How often a plateau has lowered the learning rate by now.

    Everything is read off the finished epochs, so a training that was interrupted goes on with the same rate. As in
    Keras's `ReduceLROnPlateau`, the count of epochs without improvement starts anew after each reduction.

    Args:
        records: The finished epochs.
        patience: Epochs without improvement after which the rate is lowered.
        monitor: What should improve. Without validation no value can, so the rate falls every `patience` epochs.
    """
    count = stale = 0
    best: EpochRecord | None = None
    for record in records:
        if best is None or better(record, best, monitor):
            best, stale = record, 0
            continue
        stale += 1
        if stale >= patience:
            count, stale = count + 1, 0
    return count
