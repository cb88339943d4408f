"""Predicting with all models of a finished ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from toolkit.console import Console
from toolkit.ensembling.blending import Blend, member_means

Read = Callable[[Sequence[str]], np.ndarray]
# Large, because each batch is normalised by its own statistics while they are measured.
_BATCH = 128


class Members:
    """The models of an ensemble, loaded once.

    Attributes:
        blend: How they agree.
        owner: Member that each model belongs to.
        console: Shows the progress.

    Args:
        models: `.keras` files.
        blend: How they agree, or the name of a vote that learns nothing.
        console: Shows the progress.
        views: Of test-time augmentation.
        owner: Member that each model belongs to; None: each is a member of its own.
    """

    def __init__(
        self,
        models: Sequence[Path],
        blend: Blend | str,
        console: Console,
        views: Sequence[str] = ("identity",),
        *,
        owner: Sequence[int] | None = None,
    ) -> None:
        from toolkit.nn import runtime

        runtime.setup()
        from toolkit.nn.saving import load_model

        self._models = [load_model(path) for path in models]
        self.blend = Blend(blend) if isinstance(blend, str) else blend
        self.owner = tuple(range(len(models))) if owner is None else tuple(owner)
        self.console = console
        self._views = tuple(views)

    @contextmanager
    def renewed(self, read: Read, image_ids: Sequence[str], source_pictures: int) -> Iterator[int]:
        """Within it, batch normalisation has the statistics of the pictures to predict; afterwards training's again.

        Args:
            read: Image ids → uint8 RGB `(m, h, w, 3)` at the training size.
            image_ids: n names.
            source_pictures: N: training's statistics count as so many pictures, N / (N + n).

        Yields:
            How many layers of all models were changed; 0 where there is no trained batch normalisation.
        """
        from toolkit.nn.batch_statistics import renewed_batch_norm

        share = len(image_ids) / max(1, len(image_ids) + source_pictures)
        changed = 0
        with ExitStack() as stack:
            with self.console.progress("Statistics of the new pictures") as on_progress:
                for number, model in enumerate(self._models, start=1):
                    parts = (image_ids[start : start + _BATCH] for start in range(0, len(image_ids), _BATCH))
                    changed += stack.enter_context(renewed_batch_norm(model, (read(part) for part in parts), share))
                    on_progress(number, len(self._models))
            yield changed

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
        from toolkit.nn.prediction import predict_views

        each = []
        total = len(self._models) * len(image_ids)
        with self.console.progress(what) as on_progress:
            for index, model in enumerate(self._models):

                def advance(done: int, _: int, before: int = index * len(image_ids)) -> None:
                    on_progress(before + done, total)

                each.append(predict_views(model, read, image_ids, self._views, on_progress=advance))
        return np.stack(each)
