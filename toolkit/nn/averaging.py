"""Stochastic weight averaging: the mean of the weights after each of the last epochs.

Izmailov et al. 2018, arXiv 1803.05407: the weights of late epochs lie around a flat region whose middle generalises
better than any of them. The statistics of batch normalisation belong to none of the averaged networks and must be
estimated anew, see `batch_statistics`.
"""

from __future__ import annotations

from typing import Any

import keras

from toolkit.nn.checkpoint import restore, snapshot


class EpochAverage:
    """Mean of the trained weights over epochs.

    Args:
        model: Its trainable layers must not change afterwards.

    Attributes:
        variables: The means and, last, over how many epochs; to be kept with a checkpoint.
    """

    def __init__(self, model: Any) -> None:
        self._live = list(model.trainable_variables)
        means = [
            keras.Variable(value, trainable=False, dtype=variable.dtype)
            for variable, value in zip(self._live, snapshot(self._live), strict=True)
        ]
        self._count = keras.Variable(0.0, trainable=False, dtype="float32")
        self._means = means
        self.variables = [*means, self._count]

    @property
    def epochs(self) -> int:
        """How many epochs were taken in."""
        return int(snapshot([self._count])[0])

    def take_in(self) -> None:
        """Take in the weights after an epoch."""
        count = self.epochs + 1
        means = zip(snapshot(self._means), snapshot(self._live), strict=True)
        restore(self._means, [mean + (value - mean) / count for mean, value in means])
        self._count.assign(float(count))

    def put_in_place(self) -> None:
        """Give the model the means as its weights."""
        restore(self._live, snapshot(self._means))
