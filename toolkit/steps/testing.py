"""Predictions of the local tests: made once, kept as files, found again after an interruption or by a later run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from toolkit.artifacts import RunDir, read_json, write_json
from toolkit.errors import ToolkitError
from toolkit.evaluation.corruptions import corrupt
from toolkit.predictions import Predictions
from toolkit.steps import keys
from toolkit.steps.blending import members_of, statistics_for, tell_renewed
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.members import Members, Read
from toolkit.steps.networks import start
from toolkit.steps.project import Project

_IDENTITY = "tests.json"
# Corrupted pictures up to this size are kept while the members look at them one after another.
_KEPT_BYTES = 512_000_000


class LocalPredictor:
    """Predicts local tests with an ensemble.

    A file that is there already is not made again: neither one of this run, after an interruption, nor one of another
    run of the same ensemble, such as before a corruption was added.

    Args:
        project: The contest.
        ensemble: Its trained models.
        run: Where the files are kept.
    """

    def __init__(self, project: Project, ensemble: Ensemble, run: RunDir) -> None:
        self._project = project
        self._ensemble = ensemble
        self._folder = run.path
        self._members: Members | None = None
        self._told = False  # what renewed statistics do
        identity = {"predictions": keys.predictions_key(ensemble.config, ensemble.key)}
        self._others = list(_same_runs(run.path, identity))
        write_json(run.path / _IDENTITY, identity)

    def predict(self, name: str, what: str, read: Read, image_ids: Sequence[str], *, shared: bool = True) -> np.ndarray:
        """Probabilities `(n, k)` float32 of the vote.

        Args:
            name: Of the file, `predictions-<name>.npz`.
            what: A few words for the progress bar.
            read: Image ids → uint8 pictures `(m, h, w, 3)`.
            image_ids: n names.
            shared: Whether other runs of the same ensemble mean the same pictures by that name.

        Raises:
            DataError: The probabilities are not finite.
        """
        file = f"predictions-{name}.npz"
        classes = self._ensemble.split.smaller.classes
        for folder in (self._folder, *(self._others if shared else ())):
            with suppress(ToolkitError):  # absent, or of other pictures
                known = Predictions.load(folder / file).select(image_ids)
                if known.class_names == classes:
                    if folder != self._folder:
                        known.save(self._folder / file)
                    return known.probabilities
        members = self._loaded()
        with statistics_for(self._ensemble.config, members, read, image_ids) as changed:
            if not self._told:
                tell_renewed(self._project.console, changed)
                self._told = True
            made = Predictions.build(image_ids, members.predict(read, image_ids, what), classes)
        made.save(self._folder / file)
        return made.probabilities

    def _loaded(self) -> Members:
        if self._members is None:
            start(self._ensemble.config)
            self._members = members_of(self._ensemble, self._project.console)
        return self._members


def corrupted(read: Read, name: str, severity: int, seed: int) -> Read:
    """Reads pictures under a corruption; each is corrupted once, however many members look at it."""
    kept: dict[str, np.ndarray] = {}

    def corrupted_read(image_ids: Sequence[str]) -> np.ndarray:
        new = [image_id for image_id in image_ids if image_id not in kept]
        found = dict(kept)
        if new:
            images = corrupt(read(new), new, name, severity, seed)
            found |= dict(zip(new, images, strict=True))
            if (len(kept) + len(new)) * images[0].nbytes <= _KEPT_BYTES:
                kept.update(zip(new, images, strict=True))
        return np.stack([found[image_id] for image_id in image_ids])

    return corrupted_read


def _same_runs(path: Path, identity: dict[str, str]) -> Iterable[Path]:
    """Other runs beside `path` whose predictions are those of the same ensemble and vote."""
    for folder in sorted(path.parent.iterdir()):
        if folder != path and not folder.is_symlink():
            with suppress(OSError, ValueError):
                if read_json(folder / _IDENTITY) == identity:
                    yield folder
