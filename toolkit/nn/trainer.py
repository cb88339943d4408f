"""One epoch of training steps; begun again with smaller batches where memory runs out."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from toolkit.errors import TrainingError
from toolkit.nn.averaging import EpochAverage
from toolkit.nn.batch_statistics import update_batch_norm
from toolkit.nn.checkpoint import Progress, restore, snapshot
from toolkit.nn.compiled_steps import compiled_step
from toolkit.nn.ema import WeightAverage
from toolkit.nn.feeding import Feeder
from toolkit.nn.layer_decay import layer_scales
from toolkit.nn.losses import build_loss, weighted_targets
from toolkit.nn.memory import describe_smaller, smaller_batches, with_batch
from toolkit.nn.optimizers import attach, build_optimizer, move_state
from toolkit.nn.precision import computing_in
from toolkit.nn.recipe import Recipe
from toolkit.nn.runtime import compile_train_step, out_of_memory
from toolkit.nn.schedules import Schedule

# Losses are fetched so many steps at a time: fetching waits for the device.
_FETCH_STEPS = 16

OnProgress = Callable[[int, int], None]


class Trainer:
    """A network with its optimiser, its compiled step and, where wanted, the average of its weights.

    Args:
        model: `keras.Model` ending in probabilities `(b, k)`; its trainable layers must not change afterwards.
        data: Training batches.
        recipe: How to train.

    Attributes:
        data: Training batches as they are fed now.
    """

    def __init__(self, model: Any, data: Feeder, recipe: Recipe) -> None:
        self.data = data
        self._model = model
        self._recipe = recipe
        self._policy = recipe.policy
        self._average = None if recipe.ema is None else WeightAverage(model, recipe.ema)
        self._epochs = None if recipe.average_last is None else EpochAverage(model)
        self._optimizer, self._step = self._compile()

    @property
    def variables(self) -> list[Any]:
        """All that the next epoch depends on and changes."""
        averages = [] if self._average is None else self._average.variables
        epochs = [] if self._epochs is None else self._epochs.variables
        return [*self._model.variables, *self._optimizer.variables, *averages, *epochs]

    def resumed(self, progress: Progress) -> list[Any]:
        """The variables that a state was saved from: after memory ran out, with the batches that fitted."""
        self._use(with_batch(self.data, progress.records[-1].batch_size))
        return self.variables

    def in_place(self) -> Any:
        """A block within which the model has the weights that count: their average, where there is one."""
        return nullcontext() if self._average is None else self._average.in_place()

    def take_in(self, left: int) -> None:
        """Take the weights after an epoch into the mean of the last ones, where it is one of them.

        Args:
            left: Epochs of the plan that come after it.
        """
        if self._epochs is not None and left < (self._recipe.average_last or 0):
            self._epochs.take_in()

    def finish(self, number: int) -> bool:
        """Give the model the mean of the last epochs' weights, with statistics of the training batches of an epoch.

        Args:
            number: Of the epoch whose batches are used.

        Returns:
            False where there is no such mean, and the model keeps its weights.
        """
        if self._epochs is None or not self._epochs.epochs:
            return False
        self._epochs.put_in_place()
        update_batch_norm(self._model, (batch.inputs for batch in self.data.epoch(number)))
        return True

    def run(
        self,
        number: int,
        position: int,
        plan: Schedule,
        on_progress: OnProgress | None = None,
        on_note: Callable[[str], None] | None = None,
    ) -> tuple[float, float]:
        """Train for one epoch.

        Args:
            number: Of the epoch, from 0, which the order of the pictures depends on.
            position: Of the epoch in `plan`, from 0.
            plan: Course of the learning rate.
            on_progress: Called as `(batches done, batches in all)` with the epochs before it.
            on_note: Called with a sentence when memory ran out and the epoch starts again.

        Returns:
            Mean loss and accuracy.

        Raises:
            TrainingError: The loss is not finite, or memory does not suffice for batches of one picture.
        """
        start = snapshot(self.variables)
        while True:
            try:
                with computing_in(self._model, self._policy):
                    return self._run(number, position, plan, on_progress)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                smaller = smaller_batches(self.data)
            # Outside the handler: the error holds the tensors of the step that failed.
            if on_note:
                on_note(describe_smaller(number + 1, self.data, smaller))
            restore(self.variables, start)
            self._use(smaller)
            start = snapshot(self.variables)

    def _run(self, number: int, position: int, plan: Schedule, on_progress: OnProgress | None) -> tuple[float, float]:
        data, recipe = self.data, self._recipe
        losses: list[float] = []
        right = 0.0
        pending: list[tuple[Any, Any]] = []
        rate = math.nan
        for index, batch in enumerate(data.epoch(number)):
            update = position * data.updates + index // data.accumulate
            if plan.at(update) != rate:
                rate = plan.at(update)
                self._optimizer.learning_rate = rate
            targets, weights = weighted_targets(batch.targets, recipe.class_weight, recipe.label_smoothing)
            pending.append(self._step(batch.inputs, targets, weights))
            if self._average is not None and (index + 1) % data.accumulate == 0:
                self._average.update(update)
            if len(pending) == _FETCH_STEPS or index == data.steps - 1:
                for loss, hits in pending:
                    losses.append(float(loss))
                    right += float(hits)
                    if not math.isfinite(losses[-1]):
                        bad = len(losses) - 1
                        raise not_finite(number, bad, plan.at(position * data.updates + bad // data.accumulate))
                pending.clear()
            if on_progress:
                on_progress(position * data.steps + index + 1, plan.total_steps * data.accumulate)
        return float(np.mean(losses)), right / (data.steps * data.batch_size)

    def _compile(self) -> tuple[Any, Any]:
        recipe = self._recipe
        drawn = (recipe.optimizer, recipe.momentum, recipe.weight_decay, recipe.clip_norm, recipe.layer_decay,
                 recipe.loss, recipe.focal_gamma, self.data.accumulate, self._policy)  # fmt: skip
        return compiled_step(self._model, drawn, self._make_step)

    def _make_step(self) -> tuple[Any, Any]:
        recipe, model = self._recipe, self._model
        optimizer = build_optimizer(
            recipe.optimizer,
            recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            clip_norm=recipe.clip_norm,
            accumulate=self.data.accumulate,
            scales=None if recipe.layer_decay == 1.0 else layer_scales(model, recipe.layer_decay),
            loss_scaling=self._policy == "mixed_float16",
        )
        attach(optimizer, model.trainable_variables)
        return optimizer, compile_train_step(model, optimizer, build_loss(recipe.loss, recipe.focal_gamma))

    def _use(self, data: Feeder) -> None:
        """Go on with other batches of the same steps of the optimiser."""
        if data.batch_size == self.data.batch_size:
            return
        before, self._step, self.data = self._optimizer, None, data
        gc.collect()
        self._optimizer, self._step = self._compile()
        move_state(before, self._optimizer)


def not_finite(epoch: int, step: int, learning_rate: float) -> TrainingError:
    """The error for a loss that is not a number; epoch and step are counted from 0."""
    return TrainingError(
        f"The loss became NaN or infinite in epoch {epoch + 1}, step {step + 1}, at a learning rate of "
        f"{learning_rate:g}. Lower `train.learning_rate` (a tenth is a good next try) or add `train.warmup_epochs`."
    )
