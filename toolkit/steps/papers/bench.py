"""One training with its whole course and its predictions on tests; what it can share, it shares."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import atomic_path, make_key
from toolkit.config import Config, apply
from toolkit.manifest import Manifest
from toolkit.metrics import Scores, score
from toolkit.steps import keys
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.activations import Activations, cut_key
from toolkit.steps.networks import start, training_phases, training_settings
from toolkit.steps.project import Project

_KEPT = 12  # small networks that stay in memory, cut and ready


@dataclass(frozen=True)
class Test:
    """Pictures that a training is tested on.

    Attributes:
        name: Of the test.
        project: Whose pictures they are.
        pictures: Which of them.
        corruption: Under which corruption; None: as they are.
        severity: Of the corruption, 1–5.
    """

    name: str
    project: Project
    pictures: Manifest
    corruption: str | None = None
    severity: int = 3

    def score(self, probabilities: np.ndarray) -> Scores:
        """Scores of predictions `(n, k)` in the order of the pictures."""
        return score(self.pictures.labels, probabilities, self.pictures.classes, seed=self.project.config.seed)


@dataclass(frozen=True)
class Course:
    """A training.

    Attributes:
        curve: Fields of `nn.history.EpochRecord`, one entry an epoch.
        best_epoch: Whose weights made the predictions, from 1.
        seconds: Wall time without the caches that it shares with others.
        probabilities: `(n, k)` by name of the test.
    """

    curve: tuple[dict[str, Any], ...]
    best_epoch: int
    seconds: float
    probabilities: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def best(self) -> dict[str, Any]:
        """The epoch whose weights were kept."""
        return self.curve[self.best_epoch - 1]


class Bench:
    """Trains what lies behind the frozen layers on shared activations; each result is kept and found again.

    Args:
        project: The contest.
        pictures: All pictures that trainings of this bench may see, for training or validation.
        folder: Where results are kept.
    """

    def __init__(self, project: Project, pictures: Manifest, folder: Path) -> None:
        self._project = project
        self._pictures = pictures
        self._folder = folder
        self._store = ActivationStore(folder / "activations")
        self._cuts: dict[str, Activations] = {}
        self._networks: Any = None

    def train(
        self,
        settings: Mapping[str, Any],
        training: Manifest,
        validation: Manifest,
        *,
        epochs: int,
        seed: int = 0,
        tests: Sequence[Test] = (),
    ) -> Course:
        """Train, or find what an earlier call of the same kind found.

        Args:
            settings: Over the contest's own, by dotted path.
            training: Pictures to train on.
            validation: Pictures that judge each epoch.
            epochs: Largest number.
            seed: Of weights and order; augmented views have the contest's.
            tests: To predict afterwards.
        """
        config = apply(self._project.config, settings)
        told = [(one.name, one.project.fingerprint, one.pictures.image_ids.tolist(), one.corruption, one.severity)
                for one in tests]  # fmt: skip
        key = make_key(
            keys.training_settings(config), config.tune.views, self._project.fingerprint, training.image_ids.tolist(),
            validation.image_ids.tolist(), epochs, seed, told,
        )  # fmt: skip
        file = self._folder / "courses" / f"{key}.npz"
        if not file.exists():
            _save(file, self._train(config, training, validation, epochs, seed, tests))
        return _load(file)

    def clear(self) -> None:
        """Remove the caches; results stay."""
        self._cuts.clear()
        self._networks = None
        self._store.clear()

    def _train(
        self, config: Config, training: Manifest, validation: Manifest, epochs: int, seed: int, tests: Sequence[Test]
    ) -> Course:
        from toolkit.nn.feeding import Feeder
        from toolkit.nn.phases import train_phases
        from toolkit.nn.prediction import predict
        from toolkit.nn.runtime import release
        from toolkit.nn.training import Validation
        from toolkit.nn.trial_networks import TrialNetworks

        start(config)
        if self._networks is None:
            self._networks = TrialNetworks()
        activations = self._cut(self._project, config, "")
        ids, classes = self._pictures.image_ids.tolist(), len(self._pictures.classes)
        with activations.in_use():
            augmented, plain = activations.augmented(ids, config.tune.views), activations.plain(ids)
            seen = [(one, *self._tested(config, one)) for one in tests]
            begin = time.monotonic()
            own = config.seed + 7919 * seed
            feeder = Feeder(
                augmented.load, training.image_ids.tolist(), training.labels, classes, seed=own, workers=1,
                sampling=config.train.sampling,
            )  # fmt: skip
            try:
                with activations.network(self._networks, config, classes, own) as model:
                    history = train_phases(
                        model,
                        training_phases(config, model, feeder, epochs, "all"),
                        Validation(plain.read, validation.image_ids.tolist(), validation.labels),
                        on_note=self._project.console.note,
                        **training_settings(config, training.class_counts()),
                    )
                    found = {one.name: predict(model, cache.read, names, batch_size=256) for one, cache, names in seen}
            finally:
                release()
        return Course(
            tuple(asdict(record) for record in history.records), history.best_epoch, time.monotonic() - begin, found
        )

    def _tested(self, config: Config, test: Test) -> tuple[Any, list[str]]:
        """Activations of a test's pictures and their ids."""
        ids = test.pictures.image_ids.tolist()
        own = test.project.fingerprint == self._project.fingerprint
        place = make_key(test.project.fingerprint, ids)
        activations = self._cut(self._project if own else test.project, config, place)
        if test.corruption is None:
            return activations.plain(ids), ids
        return activations.corrupted(ids, test.corruption, test.severity), ids

    def _cut(self, project: Project, config: Config, place: str) -> Activations:
        """The network cut as `config` asks for it, with the pictures of `project`."""
        key = f"{cut_key(config)}-{place}"
        if key not in self._cuts:
            while len(self._cuts) >= _KEPT:
                del self._cuts[next(iter(self._cuts))]
            data = {"data.image_size": config.data.image_size, "data.resize": config.data.resize}
            own = apply(
                project.config, {"model": config.model.model_dump(), "augment": config.augment.model_dump()} | data
            )
            if place:
                self._cuts[key] = Activations(project, own, self._folder / "activations" / f"tests-{place}")
            else:
                self._cuts[key] = Activations(project, config, self._store.path(""), self._store)
        return self._cuts[key]


def _save(file: Path, course: Course) -> None:
    told = {"curve": course.curve, "best_epoch": course.best_epoch, "seconds": course.seconds}
    arrays: dict[str, Any] = {f"test:{name}": values for name, values in course.probabilities.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, told=np.array(json.dumps(told)), **arrays)
    with atomic_path(file) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _load(file: Path) -> Course:
    with np.load(file, allow_pickle=False) as stored:
        told = json.loads(str(stored["told"]))
        found = {name.removeprefix("test:"): stored[name] for name in stored.files if name.startswith("test:")}
    return Course(tuple(told["curve"]), told["best_epoch"], told["seconds"], found)
