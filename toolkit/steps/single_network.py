"""One network of an ensemble, predicting by itself as the ensemble predicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.steps.blending import statistics_for
from toolkit.steps.members import Members, Read

if TYPE_CHECKING:
    from toolkit.config import Config
    from toolkit.steps.project import Project


class SingleNetwork:
    """One network, loaded once.

    Args:
        project: The contest.
        config: All settings of the ensemble.
        path: A `.keras` file.
        views: Of test-time augmentation.
    """

    def __init__(self, project: Project, config: Config, path: Path, views: Sequence[str]) -> None:
        self._config = config
        # The mean of one network is that network's own probability.
        self._members = Members([path], "mean", project.console, views)

    def predict(self, read: Read, image_ids: Sequence[str], what: str) -> np.ndarray:
        """`(n, k)` float32 probabilities, with the statistics of `ensemble.batch_norm`.

        Args:
            read: Image ids → uint8 pictures `(m, h, w, 3)`.
            image_ids: n names: all pictures that belong together.
            what: A few words for the progress bar.
        """
        with statistics_for(self._config, self._members, read, image_ids):
            return self._members.predict(read, image_ids, what)
