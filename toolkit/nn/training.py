"""The training loop: ready batches into a compiled step, best weights kept, resumable by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import make_key
from toolkit.nn.checkpoint import Checkpoint, Progress, restore, snapshot
from toolkit.nn.feeding import Feeder, Reader
from toolkit.nn.history import EpochRecord, History
from toolkit.nn.losses import log_loss, one_hot
from toolkit.nn.prediction import predict
from toolkit.nn.recipe import Recipe
from toolkit.nn.schedules import Schedule, better, reductions
from toolkit.nn.trainer import OnProgress, Trainer, not_finite


@dataclass(frozen=True)
class Validation:
    """Labelled pictures that judge each epoch.

    Attributes:
        read: Image ids → inputs of the model.
        image_ids: n names.
        labels: `(n,)` int, or `(n, k)` float soft targets.
    """

    read: Reader
    image_ids: Sequence[str]
    labels: np.ndarray


def train(
    model: Any,
    data: Feeder,
    validation: Validation | None = None,
    *,
    epochs: int,
    phase: str = "training",
    epochs_before: int = 0,
    checkpoint_dir: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    should_stop: Callable[[EpochRecord], bool] | None = None,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
    **settings: Any,
) -> History:
    """Train the trainable layers of a model, then put the weights of its best epoch back.

    With `average_last` the model gets the mean of its last epochs' weights instead, and the last epoch counts as the
    best; where training is stopped before these epochs begin, there is no mean.

    Args:
        model: `keras.Model` ending in probabilities `(b, k)`; changed in place.
        data: Training batches; its seed fixes their order.
        validation: Pictures that judge each epoch; None: the last epoch counts as the best.
        epochs: Largest number of epochs.
        phase: What the records call it.
        epochs_before: Epochs of earlier phases: they are counted and their orders of pictures do not come again.
        checkpoint_dir: Folder of this training alone, from which an interrupted one is taken up; None: no resuming.
        on_epoch: Called after each epoch that is trained now; what it raises ends the training.
        should_stop: Asked after each epoch that is trained now; True ends the training as early stopping does.
        on_progress: Called as `(batches done, batches in all)`.
        on_note: Called with a sentence when memory ran out and smaller batches are tried.
        settings: The fields of `recipe.Recipe`.

    Returns:
        All epochs, those before an interruption included.

    Raises:
        TrainingError: The loss is not finite, or memory does not suffice.
        ConfigError: Unknown optimiser, loss, schedule, precision or monitored value.
    """
    recipe = Recipe(**settings)
    trainer = Trainer(model, data, recipe)
    steady = Schedule(
        recipe.schedule, recipe.learning_rate, epochs * data.updates, round(recipe.warmup_epochs * data.updates)
    )
    progress, checkpoint = Progress(), None
    if checkpoint_dir is not None:
        key = _key(model, data, validation, epochs, phase, epochs_before, recipe.values())
        checkpoint = Checkpoint(checkpoint_dir, key)
        progress = checkpoint.load(trainer.resumed)
    while len(progress.records) < epochs and not progress.finished:
        started = time.perf_counter()
        position = len(progress.records)
        number = epochs_before + position
        plan = _plan(steady, recipe, progress.records)
        loss, accuracy = trainer.run(number, position, plan, on_progress, on_note)
        trained = time.perf_counter() - started
        last_rate = plan.at((position + 1) * data.updates - 1)
        with trainer.in_place():
            val_loss, val_accuracy = _validate(model, validation, data.batch_size)
            if math.isnan(val_loss) and validation is not None:
                raise not_finite(number, trainer.data.steps - 1, last_rate)
            record = EpochRecord(
                epoch=number + 1,
                phase=phase,
                loss=loss,
                accuracy=accuracy,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                learning_rate=last_rate,
                seconds=time.perf_counter() - started,
                images_per_second=trainer.data.steps * trainer.data.batch_size / trained,
                batch_size=trainer.data.batch_size,
                accumulate=trainer.data.accumulate,
            )
            if validation is None or position == 0 or better(record, progress.best, recipe.monitor):
                progress.best_epoch, progress.best_values = position + 1, snapshot(model.variables)
        progress.records.append(record)
        trainer.take_in(epochs - position - 1)
        stale = recipe.early_stopping and position + 1 - progress.best_epoch >= recipe.early_stopping
        if stale or (should_stop is not None and should_stop(record)):
            progress.finished = progress.stopped_early = True
        if (progress.finished or position + 1 == epochs) and trainer.finish(number):
            progress.best_epoch, progress.best_values = position + 1, snapshot(model.variables)
        if checkpoint:
            checkpoint.save(progress, trainer.variables)
        if on_epoch:
            on_epoch(record)
    progress.finished = True
    if checkpoint:
        checkpoint.finish(progress)
    restore(model.variables, progress.best_values)
    return History(tuple(progress.records), progress.best.epoch, progress.stopped_early)


def _plan(steady: Schedule, recipe: Recipe, records: Sequence[EpochRecord]) -> Schedule:
    """The course of the learning rate in the epoch after `records`."""
    if recipe.schedule != "plateau":
        return steady
    lowered = reductions(records, recipe.plateau_patience, recipe.monitor)
    return replace(steady, peak=steady.peak * recipe.plateau_factor**lowered)


def _validate(model: Any, validation: Validation | None, batch_size: int) -> tuple[float, float]:
    """Log loss and accuracy."""
    if validation is None:
        return math.nan, math.nan
    probabilities = predict(model, validation.read, validation.image_ids, batch_size=max(64, batch_size))
    labels = np.asarray(validation.labels)
    truth = one_hot(labels, probabilities.shape[1]).argmax(axis=1)
    return log_loss(probabilities, labels), float((probabilities.argmax(axis=1) == truth).mean())


def _key(model: Any, data: Feeder, validation: Validation | None, *settings: Any) -> str:
    """Hash of what decides the course of a training, apart from the pixels and the initial weights."""
    # Not names: Keras numbers unnamed layers by how many were made before in the process.
    shapes = [list(variable.shape) for variable in model.trainable_variables]
    judges = [] if validation is None else list(validation.image_ids)
    feed = (data.seed, data.batch_size, data.accumulate, data.sampling, list(data.image_ids), data.labels.tolist())
    return make_key(shapes, *feed, judges, settings)
