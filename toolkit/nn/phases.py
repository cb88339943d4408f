"""Trainings of one network after another: the head alone first, then the last layers with it.

A fresh head sends large, random gradients into the pretrained layers; trained alone first, it does not spoil them
(transfer learning, then fine-tuning: deliberate modification of a tuned EfficientNetV2, report B).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.nn.feeding import Feeder
from toolkit.nn.history import EpochRecord, History
from toolkit.nn.trainer import OnProgress
from toolkit.nn.training import Validation, train


@dataclass(frozen=True)
class Phase:
    """One training of several.

    Attributes:
        name: What the records call it; also its folder.
        data: Training batches.
        epochs: Largest number of epochs.
        prepare: Sets which layers are trained.
        settings: Fields of `recipe.Recipe` in which this phase differs.
    """

    name: str
    data: Feeder
    epochs: int
    prepare: Callable[[], None] = lambda: None
    settings: Mapping[str, Any] = field(default_factory=dict)


def train_phases(
    model: Any,
    phases: Sequence[Phase],
    validation: Validation | None = None,
    *,
    checkpoint_dir: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    should_stop: Callable[[EpochRecord], bool] | None = None,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
    **settings: Any,
) -> History:
    """Run the phases in order, each from the best epoch of the one before it.

    Each phase has an optimiser, a schedule, a weight average and early stopping of its own. Where `should_stop` ends a
    phase, each later one still trains at least one epoch.

    Args:
        model: `keras.Model` ending in probabilities `(b, k)`; changed in place.
        phases: At least one; names differ.
        validation: Pictures that judge each epoch; None: the last epoch of a phase counts as its best.
        checkpoint_dir: Folder of this training alone, with a folder for each phase; None: no resuming.
        on_epoch: Called after each epoch that is trained now.
        should_stop: Asked after each epoch that is trained now.
        on_progress: Called as `(batches done, batches in all)`, over all phases.
        on_note: Called with a sentence when memory ran out and smaller batches are tried.
        settings: Fields of `recipe.Recipe` for all phases.

    Returns:
        The epochs of all phases, counted through; the best one is the last phase's, whose weights the model holds.

    Raises:
        TrainingError: The loss is not finite, or memory does not suffice.
        ConfigError: Unknown optimiser, loss, schedule, precision or monitored value.
    """
    records: list[EpochRecord] = []
    histories: list[History] = []
    for index, phase in enumerate(phases):
        phase.prepare()
        before = sum(earlier.epochs * earlier.data.steps for earlier in phases[:index])
        after = sum(later.epochs * later.data.steps for later in phases[index + 1 :])
        history = train(
            model,
            phase.data,
            validation,
            epochs=phase.epochs,
            phase=phase.name,
            epochs_before=len(records),
            checkpoint_dir=None if checkpoint_dir is None else checkpoint_dir / phase.name,
            on_epoch=on_epoch,
            should_stop=should_stop,
            on_progress=on_progress and _shifted(on_progress, before, after),
            on_note=on_note,
            **{**settings, **phase.settings},
        )
        records.extend(history.records)
        histories.append(history)
    return History(tuple(records), histories[-1].best_epoch, histories[-1].stopped_early)


def _shifted(on_progress: OnProgress, before: int, after: int) -> OnProgress:
    return lambda done, total: on_progress(before + done, before + total + after)
