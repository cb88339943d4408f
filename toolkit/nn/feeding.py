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

S = TypeVar("S")
T = TypeVar("T")

# image ids -> uint8 (m, h, w, 3), or cached activations, rows in the order asked
Reader = Callable[[Sequence[str]], Inputs]
# (image ids, epoch) -> what the model is fed
Loader = Callable[[Sequence[str], int], Inputs]
# (uint8 (m, h, w, 3), image ids, epoch) -> uint8 (m, h, w, 3)
Augment = Callable[[np.ndarray, Sequence[str], int], np.ndarray]


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
    """

    load: Loader
    image_ids: Sequence[str]
    labels: np.ndarray
    n_classes: int
    batch_size: int = 32
    seed: int = 0
    workers: int = 2

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
        """

        def load(names: Sequence[str], epoch: int) -> Inputs:
            images = read(names)
            return images if augment is None else augment(images, names, epoch)

        return cls(load, image_ids, np.asarray(labels), n_classes, batch_size, seed, workers)

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self) // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """`(steps, batch_size)` row numbers of an epoch.

        The last batch is filled up with pictures from the start of the epoch, at full weight: every step sees a whole
        batch, and no step is dominated by the few pictures that were left over.
        """
        shuffled = np.random.default_rng([self.seed, epoch]).permutation(len(self))
        return np.resize(shuffled, (self.steps, self.batch_size))

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch `number`, counted from 0."""

        def make(rows: np.ndarray) -> Batch:
            names = [self.image_ids[row] for row in rows]
            return Batch(self.load(names, number), one_hot(self.labels[rows], self.n_classes))

        return ordered_map(make, list(self.order(number)), self.workers)
