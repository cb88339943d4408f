"""Predicting with all models of a finished ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from toolkit.console import Console
from toolkit.ensembling.blending import Blend, member_means

Read = Callable[[Sequence[str]], np.ndarray]


class Members:
    """The models of an ensemble, loaded once.

    Attributes:
        blend: How they agree.
        owner: Member that each model belongs to.

    Args:
        models: `.keras` files.
        blend: How they agree, or the name of a vote that learns nothing.
        console: Shows the progress.
        owner: Member that each model belongs to; None: each is a member of its own.
    """

    def __init__(
        self, models: Sequence[Path], blend: Blend | str, console: Console, *, owner: Sequence[int] | None = None
    ) -> None:
        from toolkit.nn import runtime

        runtime.setup()
        from toolkit.nn.saving import load_model

        self._models = [load_model(path) for path in models]
        self.blend = Blend(blend) if isinstance(blend, str) else blend
        self.owner = tuple(range(len(models))) if owner is None else tuple(owner)
        self._console = console

    def predict(self, read: Read, image_ids: Sequence[str], what: str) -> np.ndarray:
        """`(n, k)` float32 probabilities of the blend; arguments as for `predict_models`."""
        return self.combine(self.predict_models(read, image_ids, what))

    def combine(self, models: np.ndarray) -> np.ndarray:
        """`(n, k)` float32 probabilities of the blend, from those of `predict_models`."""
        return self.blend.combine(models, self.owner)

    def predict_members(self, read: Read, image_ids: Sequence[str], what: str) -> np.ndarray:
        """`(m, n, k)` probabilities of each member, the mean over its models; arguments as for `predict_models`."""
        return np.asarray(member_means(self.predict_models(read, image_ids, what), self.owner), np.float32)

    def predict_models(self, read: Read, image_ids: Sequence[str], what: str) -> np.ndarray:
        """`(r, n, k)` float32 probabilities of each model.

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
        return np.stack(each)
