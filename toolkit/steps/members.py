"""Predicting with all members of a finished ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from toolkit.console import Console
from toolkit.ensembling.votes import combine

Read = Callable[[Sequence[str]], np.ndarray]
# Large, because each batch is normalised by its own statistics while they are measured.
_BATCH = 128


class Members:
    """The fold models of an ensemble, loaded once.

    Args:
        models: `.keras` files.
        vote: How they agree: `majority` or `mean`.
        console: Shows the progress.
        views: Of test-time augmentation.
    """

    def __init__(
        self, models: Sequence[Path], vote: str, console: Console, views: Sequence[str] = ("identity",)
    ) -> None:
        from toolkit.nn import runtime

        runtime.setup()
        from toolkit.nn.saving import load_model

        self._models = [load_model(path) for path in models]
        self._vote = vote
        self._console = console
        self._views = tuple(views)

    def adapt(self, read: Read, image_ids: Sequence[str], source_pictures: int) -> int:
        """Re-estimate the statistics of batch normalisation on the pictures to predict.

        Args:
            read: Image ids → uint8 RGB `(m, h, w, 3)` at the training size.
            image_ids: n names.
            source_pictures: N: training's statistics count as so many pictures, N / (N + n).

        Returns:
            How many layers of all models were changed; 0 where there is no trained batch normalisation.
        """
        from toolkit.nn.batch_statistics import reestimate_batch_norm

        share = len(image_ids) / max(1, len(image_ids) + source_pictures)
        changed = 0
        with self._console.progress("Statistics of the new pictures") as on_progress:
            for index, model in enumerate(self._models):
                parts = (image_ids[start : start + _BATCH] for start in range(0, len(image_ids), _BATCH))
                self._models[index], layers = reestimate_batch_norm(model, (read(part) for part in parts), share)
                changed += layers
                on_progress(index + 1, len(self._models))
        return changed

    def predict(self, read: Read, image_ids: Sequence[str], what: str) -> np.ndarray:
        """`(n, k)` float32 probabilities of the vote.

        Args:
            read: Image ids → uint8 RGB `(m, h, w, 3)` at the training size.
            image_ids: n names.
            what: A few words for the progress bar.
        """
        from toolkit.nn.prediction import predict_views

        each = []
        total = len(self._models) * len(image_ids)
        with self._console.progress(what) as on_progress:
            for index, model in enumerate(self._models):

                def advance(done: int, _: int, before: int = index * len(image_ids)) -> None:
                    on_progress(before + done, total)

                each.append(predict_views(model, read, image_ids, self._views, on_progress=advance))
        return combine(self._vote, np.stack(each))
