"""Batches made in the background, so that the training step never waits and never sees another shape.

Every batch is a function of (seed, epoch, position): the number of threads changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from toolkit.errors import DataError
from toolkit.nn.losses import one_hot
from toolkit.nn.runtime import Inputs
from toolkit.nn.sampling import Sampling, balanced, shuffled

S = TypeVar("S")
T = TypeVar("T")

# image ids -> uint8 (m, h, w, 3), or cached activations, rows in the order asked
Reader = Callable[[Sequence[str]], Inputs]
# (image ids, epoch) -> what the model is fed
Loader = Callable[[Sequence[str], int], Inputs]
# (uint8 (m, h, w, 3), image ids, epoch) -> uint8 (m, h, w, 3)
Augment = Callable[[np.ndarray, Sequence[str], int], np.ndarray]
# (uint8 (m, h, w, 3), targets (m, k), image ids, epoch) -> the same kinds, pictures and targets mixed alike
Mix = Callable[[np.ndarray, np.ndarray, list[str], int], tuple[np.ndarray, np.ndarray]]


def ordered_map(function: Callable[[S], T], items: Iterable[S], workers: int) -> Iterator[T]:
    """Apply `function` in threads, a few items ahead, and yield the results in the order of `items`.

    Args:
        function: Called from several threads at once.
        items: Its arguments.
        workers: Number of threads.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="feeder") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass(frozen=True)
class Batch:
    """One step's worth of pictures.

    Attributes:
        inputs: uint8 `(b, h, w, 3)`, or cached activations.
        targets: float32 `(b, k)`, rows sum to 1.
    """

    inputs: Inputs
    targets: np.ndarray


@dataclass(frozen=True)
class Feeder:
    """A labelled set as an endless supply of shuffled batches of one shape.

    Attributes:
        load: `(image_ids, epoch)` → inputs; called from several threads.
        image_ids: n names.
        labels: `(n,)` int, or `(n, k)` float soft targets.
        n_classes: k.
        batch_size: Pictures a batch.
        seed: Together with the epoch it fixes the order.
        workers: Threads that prepare batches.
        sampling: `shuffle`: each picture once an epoch; `balanced`: each class equally often, see `sampling.balanced`.
        accumulate: Batches of one step of the optimiser. An epoch always ends with a whole step.
        mix: Mixes the pictures of a batch and their targets alike (MixUp, CutMix); None: not mixed.
    """

    load: Loader
    image_ids: Sequence[str]
    labels: np.ndarray
    n_classes: int
    batch_size: int = 32
    seed: int = 0
    workers: int = 2
    sampling: Sampling = "shuffle"
    accumulate: int = 1
    mix: Mix | None = None

    def __post_init__(self) -> None:
        if len(self.image_ids) != len(self.labels) or not len(self.labels):
            raise DataError(
                f"Training needs one label a picture and at least one picture; got {len(self.image_ids)} pictures and "
                f"{len(self.labels)} labels."
            )
        if self.labels.ndim == 1 and (self.labels.min() < 0 or self.labels.max() >= self.n_classes):
            raise DataError(
                f"Labels run from {self.labels.min()} to {self.labels.max()}, but the model has {self.n_classes} "
                "classes. Remove unlabelled pictures from the training set or name every class in `data.classes`."
            )

    @classmethod
    def of_images(
        cls,
        read: Callable[[Sequence[str]], np.ndarray],
        image_ids: Sequence[str],
        labels: np.ndarray,
        *,
        n_classes: int,
        batch_size: int = 32,
        seed: int = 0,
        augment: Augment | None = None,
        workers: int = 2,
        sampling: Sampling = "shuffle",
        accumulate: int = 1,
        mix: Mix | None = None,
    ) -> Feeder:
        """Feed pictures, augmented anew each epoch.

        Args:
            read: Image ids → uint8 RGB `(m, h, w, 3)`.
            image_ids: n names.
            labels: `(n,)` int, or `(n, k)` float soft targets.
            n_classes: k.
            batch_size: Pictures a batch.
            seed: Together with the epoch it fixes the order.
            augment: `(uint8 batch, image_ids, epoch)` → uint8 batch; None: pictures as they are.
            workers: Threads that prepare batches.
            sampling: `shuffle` or `balanced`.
            accumulate: Batches of one step of the optimiser.
            mix: `(uint8 batch, targets, image_ids, epoch)` → both mixed, after augmentation; None: not mixed.
        """

        def load(names: Sequence[str], epoch: int) -> Inputs:
            images = read(names)
            return images if augment is None else augment(images, names, epoch)

        return cls(load, image_ids, np.asarray(labels), n_classes, batch_size, seed, workers, sampling, accumulate, mix)

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def updates(self) -> int:
        """Steps of the optimiser an epoch."""
        return -(-len(self) // (self.batch_size * self.accumulate))

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self.updates * self.accumulate

    def order(self, epoch: int) -> np.ndarray:
        """`(steps, batch_size)` row numbers of an epoch.

        The last step of the optimiser is filled up with pictures from the start of the epoch, at full weight: every
        step sees whole batches, and no step is dominated by the few pictures that were left over. The order depends on
        `batch_size * accumulate` alone, so smaller batches of which more are accumulated give the same steps.
        """
        slots = self.steps * self.batch_size
        if self.sampling == "balanced":
            classes = self.labels if self.labels.ndim == 1 else self.labels.argmax(axis=1)
            rows = balanced(classes, slots, self.seed, epoch)
        else:
            rows = shuffled(len(self), slots, self.seed, epoch)
        return rows.reshape(self.steps, self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch `number`, counted from 0."""

        def make(rows: np.ndarray) -> Batch:
            names = [self.image_ids[row] for row in rows]
            inputs, targets = self.load(names, number), one_hot(self.labels[rows], self.n_classes)
            if self.mix is not None and not isinstance(inputs, list):
                inputs, targets = self.mix(inputs, targets, names, number)
            return Batch(inputs, targets)

        return ordered_map(make, list(self.order(number)), self.workers)
