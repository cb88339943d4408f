"""What to do when memory runs out: the same steps of the optimiser from smaller batches."""

from __future__ import annotations

from dataclasses import replace

from toolkit.errors import TrainingError
from toolkit.nn.feeding import Feeder


def smaller_batches(data: Feeder) -> Feeder:
    """The same training in batches of half the size, of which twice as many are accumulated.

    An odd batch is cut into the largest equal parts that are no larger than half. The pictures of each step of the
    optimiser stay the same; batch normalisation sees the smaller batches, so the result is similar, not equal.

    Raises:
        TrainingError: The batch is one picture already.
    """
    if data.batch_size == 1:
        raise TrainingError(
            "Memory ran out in a training step with a batch of one picture, so smaller batches cannot help. Use a "
            "smaller `model.backbone`, a smaller `data.image_size` or fewer layers in `model.unfreeze`, or free memory "
            "that other programs hold."
        )
    size = next(size for size in range(data.batch_size // 2, 0, -1) if data.batch_size % size == 0)
    return with_batch(data, size)


def with_batch(data: Feeder, size: int) -> Feeder:
    """The same training in batches of `size`, which must divide the pictures of one step of the optimiser."""
    return replace(data, batch_size=size, accumulate=data.batch_size * data.accumulate // size)


def describe_smaller(epoch: int, before: Feeder, after: Feeder) -> str:
    """One sentence for the person who waits.

    Args:
        epoch: Counted from 1.
        before: The batches that did not fit.
        after: Those that are tried now.
    """
    return (
        f"Memory ran out in epoch {epoch} with batches of {before.batch_size}; the epoch starts again with batches of "
        f"{after.batch_size}, of which {after.accumulate} make one step of the optimiser. Setting `train.batch_size` "
        f"to {after.batch_size} and `train.accumulate` to {after.accumulate} avoids the failed attempt."
    )
