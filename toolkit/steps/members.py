"""Predicting with all members of a finished ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from toolkit.console import Console
from toolkit.ensembling.votes import combine

Read = Callable[[Sequence[str]], np.ndarray]


class Members:
    """The fold models of an ensemble, loaded once.

    Args:
        models: `.keras` files.
        vote: How they agree: `majority` or `mean`.
        console: Shows the progress.
    """

    def __init__(self, models: Sequence[Path], vote: str, console: Console) -> None:
        from toolkit.nn import runtime

        runtime.setup()
        from toolkit.nn.saving import load_model

        self._models = [load_model(path) for path in models]
        self._vote = vote
        self._console = console

    def predict(self, read: Read, image_ids: Sequence[str], what: str) -> np.ndarray:
        """`(n, k)` float32 probabilities of the vote.

        Args:
            read: Image ids → uint8 RGB `(m, h, w, 3)` at the training size.
            image_ids: n names.
            what: A few words for the progress bar.
        """
        from toolkit.nn.prediction import predict

        each = []
        total = len(self._models) * len(image_ids)
        with self._console.progress(what) as on_progress:
            for index, model in enumerate(self._models):

                def advance(done: int, _: int, before: int = index * len(image_ids)) -> None:
                    on_progress(before + done, total)

                each.append(predict(model, read, image_ids, on_progress=advance))
        return combine(self._vote, np.stack(each))
