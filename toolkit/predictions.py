"""Class probabilities of pictures, joined on `image_id`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.artifacts import atomic_path
from toolkit.errors import DataError, MissingFileError


@dataclass(frozen=True)
class Predictions:
    """Probabilities of n pictures over k classes.

    Attributes:
        image_id: `(n,)` str, unique.
        probabilities: `(n, k)` float32 in 0–1, rows sum to 1.
        class_names: `(k,)` names by index.
    """

    image_id: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        rows, columns = self.probabilities.shape
        if rows != len(self.image_id) or columns != len(self.class_names):
            raise DataError(
                f"Predictions of shape {self.probabilities.shape} do not fit {len(self.image_id)} image ids and "
                f"{len(self.class_names)} classes."
            )
        if len(set(self.image_id.tolist())) != rows:
            raise DataError("Predictions hold an image id more than once: each picture must be predicted once.")
        if not np.isfinite(self.probabilities).all():
            raise DataError("Predictions hold NaN or infinite probabilities: the model did not converge.")

    @classmethod
    def build(
        cls, image_id: Sequence[str] | np.ndarray, probabilities: np.ndarray, names: Sequence[str]
    ) -> Predictions:
        """Make predictions with the dtypes of the contract."""
        ids = np.asarray([str(name) for name in image_id], dtype=str)
        return cls(ids, np.asarray(probabilities, np.float32), tuple(str(name) for name in names))

    @property
    def labels(self) -> np.ndarray:
        """`(n,)` int64 class index of the highest probability."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    def select(self, image_ids: Iterable[str]) -> Predictions:
        """The rows of `image_ids`, in the order given.

        Raises:
            DataError: An id was not predicted.
        """
        position = {name: row for row, name in enumerate(self.image_id.tolist())}
        wanted = [str(name) for name in image_ids]
        missing = [name for name in wanted if name not in position]
        if missing:
            raise DataError(f"{len(missing)} pictures have no prediction, for example {missing[0]!r}.")
        rows = [position[name] for name in wanted]
        return Predictions(self.image_id[rows], self.probabilities[rows], self.class_names)

    def save(self, path: Path) -> None:
        """Write `.npz` with `image_id`, `probabilities`, `class_names`, whole or not at all."""
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                image_id=self.image_id,
                probabilities=self.probabilities,
                class_names=np.asarray(self.class_names, dtype=str),
            )

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote.

        Raises:
            MissingFileError: There is no such file.
            DataError: The file holds something else.
        """
        if not path.exists():
            raise MissingFileError(f"There are no predictions at {path}.")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls.build(arrays["image_id"], arrays["probabilities"], arrays["class_names"].tolist())
        except (KeyError, ValueError, OSError) as error:
            raise DataError(
                f"{path} is not a predictions file: it must hold image_id, probabilities and class_names ({error})."
            ) from error
