"""Training that survives `kill -9`: after every epoch all that the next epochs depend on lies on disk.

`progress.json` is written last and names the files that belong together, so a kill at any moment leaves either the
epoch before or the epoch after.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from toolkit.artifacts import atomic_path, read_json, write_json
from toolkit.nn.history import EpochRecord


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        records: The finished epochs.
        best_epoch: Which of `records`, counted from 1, has the best monitored value; 0 before the first.
        best_values: Model variables of that epoch.
        finished: Whether no epoch is left to do.
        stopped_early: Whether early stopping ended it.
    """

    records: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best_values: list[np.ndarray] = field(default_factory=list)
    finished: bool = False
    stopped_early: bool = False

    @property
    def best(self) -> EpochRecord:
        """The epoch with the best monitored value."""
        return self.records[self.best_epoch - 1]


def snapshot(variables: list[Any]) -> list[np.ndarray]:
    """Copies of variables, such as `model.variables`: weights, moving averages and the states of random generators."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def restore(variables: list[Any], values: list[np.ndarray]) -> None:
    """Put the values of a snapshot back."""
    if len(variables) != len(values):
        raise ValueError(f"{len(values)} values were kept of {len(variables)} variables")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@dataclass(frozen=True)
class Checkpoint:
    """The state of one training in a folder of its own.

    Attributes:
        folder: Created when needed; nothing else should be in it.
        key: Hash of everything the training depends on; the state of another training is not taken up.
    """

    folder: Path
    key: str

    def save(self, progress: Progress, variables: list[Any]) -> None:
        """Write the state after an epoch.

        Args:
            progress: With the epoch's record.
            variables: All that the next epoch depends on: of the model, of the optimiser, averages.
        """
        epoch, best = len(progress.records), progress.best_epoch
        _save_arrays(self._state(epoch), snapshot(variables))
        if not self._best(best).exists():
            _save_arrays(self._best(best), progress.best_values)
        self._commit(progress)
        for pattern, kept in (("state-*.npz", self._state(epoch)), ("best-*.npz", self._best(best))):
            for old in self.folder.glob(pattern):
                if old != kept:
                    old.unlink(missing_ok=True)

    def finish(self, progress: Progress) -> None:
        """Note that no epoch is left; only the best weights are kept."""
        self._commit(progress)
        for old in self.folder.glob("state-*.npz"):
            old.unlink(missing_ok=True)

    def load(self, variables: Callable[[Progress], list[Any]]) -> Progress:
        """Take up the state of the last finished epoch.

        Args:
            variables: From the progress found to the variables that its state is put into; not asked where nothing is
                left to do.

        Returns:
            The progress; one without epochs where there is no usable state.
        """
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = read_json(self.folder / "progress.json")
            if found["key"] == self.key:
                progress = Progress(
                    [EpochRecord(**record) for record in found["records"]],
                    int(found["best_epoch"]),
                    _load_arrays(self._best(int(found["best_epoch"]))),
                    bool(found["finished"]),
                    bool(found["stopped_early"]),
                )
                if not progress.finished:
                    values = _load_arrays(self._state(len(progress.records)))
                    restore(variables(progress), values)
                return progress
        # What another training left would be mistaken for ours: `save` keeps a best file that already exists.
        for old in self.folder.glob("*-*.npz"):
            old.unlink(missing_ok=True)
        return Progress()

    def _commit(self, progress: Progress) -> None:
        write_json(
            self.folder / "progress.json",
            {
                "key": self.key,
                "best_epoch": progress.best_epoch,
                "finished": progress.finished,
                "stopped_early": progress.stopped_early,
                "records": [asdict(record) for record in progress.records],
            },
        )

    def _state(self, epoch: int) -> Path:
        return self.folder / f"state-{epoch:04d}.npz"

    def _best(self, epoch: int) -> Path:
        return self.folder / f"best-{epoch:04d}.npz"


def _save_arrays(path: Path, arrays: list[np.ndarray]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, *arrays)


def _load_arrays(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[f"arr_{number}"] for number in range(len(arrays.files))]
