"""Networks of trials that are used again: what is compiled for one trial serves all that differ in numbers alone.

Building a network, tracing its training step and its inference costs a trial on cached activations as much time as
several of its epochs. None of that depends on learning rate, dropout rates, class weights or label smoothing, which are
values that the graph reads, only on the shape of the network and the rule of the optimiser.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from toolkit.nn.checkpoint import restore, snapshot
from toolkit.nn.compiled_steps import MOST_STEPS, keep_compiled
from toolkit.nn.heads import set_dropout

# Together the networks kept hold about so many bytes: their weights, where these began, two moments a compiled step.
KEPT_BYTES = 80e6
COPIES = 2 + 2 * MOST_STEPS


@dataclass(frozen=True)
class _Kept:
    model: Any
    initial: list[np.ndarray]

    @property
    def bytes(self) -> int:
        return COPIES * sum(value.nbytes for value in self.initial)


class TrialNetworks:
    """A few networks with all that was compiled for them, the least recently used of which goes first.

    Args:
        kept_bytes: Memory above which networks are dropped; the last one used always stays.

    Attributes:
        built: Networks that were built so far.
        lent: Networks that were asked for so far.
    """

    def __init__(self, kept_bytes: float = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self.built = 0
        self.lent = 0

    @contextmanager
    def lend(
        self,
        key: Hashable,
        build: Callable[[], Any],
        *,
        seed: int,
        dropout: float | Sequence[float] = 0.0,
        feature_dropout: float = 0.0,
    ) -> Iterator[Any]:
        """A network as `build` makes it, to be trained within the block; one that fails there is not used again.

        Args:
            key: All that its shape and its first weights depend on.
            build: Makes it, by `splitting.build_trial_model` with `adjustable`.
            seed: The global seed from then on, as `build` sets it.
            dropout: Rate after each dense layer in 0–1: one, or one a layer.
            feature_dropout: Rate before the first of them.
        """
        self.lent += 1
        kept = self._kept.pop(key, None)
        if kept is None:
            model = build()
            keep_compiled(model)
            kept = _Kept(model, snapshot(model.variables))
            self.built += 1
        else:
            restore(kept.model.variables, kept.initial)
            keras.utils.set_random_seed(seed)
        set_dropout(kept.model, dropout, feature_dropout)
        yield kept.model
        self._kept[key] = kept
        while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > self._kept_bytes:
            self._kept.popitem(last=False)
