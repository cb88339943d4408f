"""The training loop: ready batches into a compiled step, best weights kept, resumable by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from toolkit.artifacts import make_key
from toolkit.errors import ConfigError, TrainingError
from toolkit.nn.checkpoint import Checkpoint, Progress, restore, snapshot
from toolkit.nn.feeding import Feeder, Reader
from toolkit.nn.history import EpochRecord, History
from toolkit.nn.losses import log_loss, one_hot, weighted_targets
from toolkit.nn.optimizers import Schedule, build_optimizer
from toolkit.nn.prediction import predict
from toolkit.nn.runtime import TrainStep, compile_train_step

# Losses are fetched so many steps at a time: fetching waits for the device.
_FETCH_STEPS = 16


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
    optimizer: str = "adamw",
    learning_rate: float = 1e-3,
    schedule: Literal["constant", "cosine"] = "constant",
    warmup_epochs: float = 0.0,
    class_weight: np.ndarray | None = None,
    label_smoothing: float = 0.0,
    early_stopping: int = 0,
    monitor: Literal["val_loss", "val_accuracy"] = "val_loss",
    checkpoint_dir: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    should_stop: Callable[[EpochRecord], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> History:
    """Train the trainable layers of a model, then put the weights of its best epoch back.

    Args:
        model: `keras.Model` ending in probabilities `(b, k)`; changed in place.
        data: Training batches; its seed fixes their order.
        validation: Pictures that judge each epoch; None: the last epoch counts as the best.
        epochs: Largest number of epochs.
        optimizer: Name of the optimiser.
        learning_rate: Highest learning rate.
        schedule: Course of the learning rate.
        warmup_epochs: Epochs of linear rise before it; may be a fraction.
        class_weight: `(k,)` weights of the classes, see `losses.class_weights`; None: 1 each.
        label_smoothing: Share of probability spread over all classes, 0–1.
        early_stopping: Epochs without improvement before stopping; 0: never.
        monitor: What makes an epoch the best.
        checkpoint_dir: Folder of this training alone, from which an interrupted one is taken up; None: no resuming.
        on_epoch: Called after each epoch that is trained now; what it raises ends the training.
        should_stop: Asked after each epoch that is trained now; True ends the training as early stopping does.
        on_progress: Called as `(steps done, steps in all)`.

    Returns:
        All epochs, those before an interruption included.

    Raises:
        TrainingError: The loss is not finite.
        ConfigError: Unknown optimiser or monitored value.
    """
    if monitor not in ("val_loss", "val_accuracy"):
        raise ConfigError(f"The monitored value is {monitor!r}; expected val_loss or val_accuracy.")
    chosen = build_optimizer(optimizer, learning_rate)
    chosen.build(model.trainable_variables)
    plan = Schedule(schedule, learning_rate, epochs * data.steps, round(warmup_epochs * data.steps))
    progress, checkpoint = Progress(), None
    if checkpoint_dir is not None:
        weights = None if class_weight is None else class_weight.tolist()
        settings = (epochs, optimizer, learning_rate, schedule, warmup_epochs, weights, label_smoothing)
        checkpoint = Checkpoint(checkpoint_dir, _key(model, data, validation, *settings, early_stopping, monitor))
        progress = checkpoint.load(model, chosen)
    step = compile_train_step(model, chosen)
    while len(progress.records) < epochs and not progress.finished:
        started = time.perf_counter()
        epoch = len(progress.records)
        loop = _Loop(step, chosen, plan, class_weight, label_smoothing, on_progress)
        loss, accuracy = loop.run(data, epoch)
        trained = time.perf_counter() - started
        val_loss, val_accuracy = _validate(model, validation, data.batch_size)
        if math.isnan(val_loss) and validation is not None:
            raise _not_finite(epoch, data.steps - 1, plan.at((epoch + 1) * data.steps - 1))
        record = EpochRecord(
            epoch=epoch + 1,
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            learning_rate=plan.at((epoch + 1) * data.steps - 1),
            seconds=time.perf_counter() - started,
            images_per_second=data.steps * data.batch_size / trained,
        )
        progress.records.append(record)
        if validation is None or _better(progress, monitor):
            progress.best_epoch, progress.best_values = epoch + 1, snapshot(model.variables)
        stale = early_stopping and record.epoch - progress.best_epoch >= early_stopping
        if stale or (should_stop is not None and should_stop(record)):
            progress.finished = progress.stopped_early = True
        if checkpoint:
            checkpoint.save(progress, model, chosen)
        if on_epoch:
            on_epoch(record)
    progress.finished = True
    if checkpoint:
        checkpoint.finish(progress)
    restore(model.variables, progress.best_values)
    return History(tuple(progress.records), progress.best_epoch, progress.stopped_early)


@dataclass(frozen=True)
class _Loop:
    """One epoch of steps."""

    step: TrainStep
    optimizer: Any
    plan: Schedule
    class_weight: np.ndarray | None
    label_smoothing: float
    on_progress: Callable[[int, int], None] | None

    def run(self, data: Feeder, epoch: int) -> tuple[float, float]:
        """Mean loss and accuracy over the epoch."""
        losses: list[float] = []
        right = 0.0
        pending: list[tuple[Any, Any]] = []
        rate = math.nan
        for number, batch in enumerate(data.epoch(epoch)):
            done = epoch * data.steps + number
            if self.plan.at(done) != rate:
                rate = self.plan.at(done)
                self.optimizer.learning_rate = rate
            targets, weights = weighted_targets(batch.targets, self.class_weight, self.label_smoothing)
            pending.append(self.step(batch.inputs, targets, weights))
            if len(pending) == _FETCH_STEPS or number == data.steps - 1:
                for loss, hits in pending:
                    losses.append(float(loss))
                    right += float(hits)
                    if not math.isfinite(losses[-1]):
                        bad = len(losses) - 1
                        raise _not_finite(epoch, bad, self.plan.at(epoch * data.steps + bad))
                pending.clear()
            if self.on_progress:
                self.on_progress(done + 1, self.plan.total_steps)
        return float(np.mean(losses)), right / (data.steps * data.batch_size)


def _validate(model: Any, validation: Validation | None, batch_size: int) -> tuple[float, float]:
    """Log loss and accuracy."""
    if validation is None:
        return math.nan, math.nan
    probabilities = predict(model, validation.read, validation.image_ids, batch_size=max(64, batch_size))
    labels = np.asarray(validation.labels)
    truth = one_hot(labels, probabilities.shape[1]).argmax(axis=1)
    return log_loss(probabilities, labels), float((probabilities.argmax(axis=1) == truth).mean())


def _better(progress: Progress, monitor: str) -> bool:
    """Whether the newest epoch beats the best before it."""
    if not progress.best_epoch:
        return True
    new, best = progress.records[-1], progress.records[progress.best_epoch - 1]
    return new.val_loss < best.val_loss if monitor == "val_loss" else new.val_accuracy > best.val_accuracy


def _key(model: Any, data: Feeder, validation: Validation | None, *settings: Any) -> str:
    """Hash of what decides the course of a training, apart from the pixels and the initial weights."""
    # Not names: Keras numbers unnamed layers by how many were made before in the process.
    shapes = [list(variable.shape) for variable in model.trainable_variables]
    judges = [] if validation is None else list(validation.image_ids)
    return make_key(shapes, data.seed, data.batch_size, list(data.image_ids), data.labels.tolist(), judges, settings)


def _not_finite(epoch: int, step: int, learning_rate: float) -> TrainingError:
    return TrainingError(
        f"The loss became NaN or infinite in epoch {epoch + 1}, step {step + 1}, at a learning rate of "
        f"{learning_rate:g}. Lower `train.learning_rate` (a tenth is a good next try) or add `train.warmup_epochs`."
    )
