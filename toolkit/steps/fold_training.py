"""Training of one fold: model, out-of-fold predictions, history; marked done last."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolkit.artifacts import RunDir, write_json
from toolkit.config import Config
from toolkit.console import Console
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps.activations import Activations
from toolkit.steps.networks import augmentation, head_settings, mixing, new_model, training_phases, training_settings

Read = Callable[[Sequence[str]], np.ndarray]
# Beside a model: what it depends on, and the views that predicted its fold.
ORIGIN = "origin.json"
# A process whose command was killed lives on for a moment.
WAIT_SECONDS = 30.0


class FoldRecord(BaseModel):
    """What became of one fold.

    Attributes:
        accuracy: On the fold's own pictures, 0–1.
        epochs: Epochs trained.
        best_epoch: The epoch whose weights were kept, from 1.
        seconds: Wall time.
        images_per_second: Of the training steps.
    """

    model_config = ConfigDict(frozen=True)

    accuracy: float
    epochs: int
    best_epoch: int
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class FoldTask:
    """One model to train; another process can be given it.

    Attributes:
        config: All settings of its member.
        ids: Image ids to train on, and those of the fold.
        folder: Where it is left; an interrupted training in it is taken up.
        index: Number of the fold among those of the member, which its seed depends on.
        title: For progress bars.
        extra: Further pictures to train on that are in no fold, such as pseudo-labelled ones.
        origin: Hash of all that the trained model depends on; None where no other run can have trained the same.
    """

    config: Config
    ids: tuple[Sequence[str], Sequence[str]]
    folder: Path
    index: int
    title: str
    extra: Manifest | None = None
    origin: str | None = None

    @property
    def done(self) -> bool:
        """Whether the model is trained and its fold predicted."""
        return (self.folder / "DONE").exists()


def train_fold(
    console: Console,
    task: FoldTask,
    data: Manifest,
    read: Read,
    activations: Activations | None,
    seconds: float | None,
) -> None:
    """Train one model, predict its fold, write `model.keras, oof.npz, history.csv, DONE`; nothing where that is done.

    The folder is held against other processes meanwhile.

    Args:
        console: Shows the progress.
        task: Which model.
        data: The development pictures.
        read: Image ids → uint8 `(n, h, w, 3)`.
        activations: Caches of the frozen layers, shared by the folds; None: pictures are augmented anew each epoch.
        seconds: Stop after the epoch in which so much time has passed; None: never.

    Raises:
        BusyError: Another process goes on training this fold.
    """
    with RunDir(task.folder).locked(wait=WAIT_SECONDS):
        if not task.done:
            _train(console, task, data, read, activations, seconds)


def _train(
    console: Console,
    task: FoldTask,
    data: Manifest,
    read: Read,
    activations: Activations | None,
    seconds: float | None,
) -> None:
    from toolkit.nn.phases import train_phases
    from toolkit.nn.runtime import release
    from toolkit.nn.saving import save_model

    begin = time.monotonic()
    stopped: list[bool] = []

    def late(_: Any) -> bool:
        stopped.append(seconds is not None and time.monotonic() - begin > seconds)
        return stopped[-1]

    config, folder, title = task.config, task.folder, task.title
    training, fold = data.select(task.ids[0]), data.select(task.ids[1])
    if task.extra is not None:
        training = training.joined(task.extra)
    # A seed of its own for each fold, so that the members differ by more than their pictures.
    seed = config.seed * 1009 + task.index
    model = new_model(config, len(data.classes), seed)
    plan = _cached(config, data, activations, seed) if activations else _direct(config, model, read, data)
    with console.progress(f"{title}: training steps") as on_progress:
        history = train_phases(
            plan.network,
            training_phases(config, plan.network, plan.feed(training, seed), config.train.epochs, plan.unfreeze),
            plan.judge(fold),
            checkpoint_dir=folder / "checkpoint",
            should_stop=late,
            on_progress=on_progress,
            on_note=console.note,
            **training_settings(config, training.class_counts()),
        )
    plan.move_weights(model)
    history.save(folder / "history.csv")
    save_model(model, folder / "model.keras")
    found = predict_fold(console, task, model, fold, read)
    found.save(folder / "oof.npz")
    record = FoldRecord(
        accuracy=float((found.labels == fold.labels).mean()),
        epochs=len(history.records),
        best_epoch=history.best_epoch,
        seconds=round(time.monotonic() - begin, 2),
        images_per_second=round(float(np.mean([epoch.images_per_second for epoch in history.records])), 1),
    )
    if task.origin is not None and not any(stopped):
        write_json(folder / ORIGIN, {"origin": task.origin, "views": list(config.ensemble.tta)})
    write_json(folder / "DONE", record.model_dump())
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    release()


def predict_fold(console: Console, task: FoldTask, model: Any, fold: Manifest, read: Read) -> Predictions:
    """Out-of-fold predictions of a trained model, under the views of `ensemble.tta`.

    Args:
        console: Shows the progress.
        task: Which model.
        model: It, loaded.
        fold: Its own pictures.
        read: Image ids → uint8 `(n, h, w, 3)`.
    """
    from toolkit.nn.prediction import predict_views

    with console.progress(f"{task.title}: out-of-fold predictions") as on_progress:
        views = task.config.ensemble.tta
        probabilities = predict_views(model, read, fold.image_ids.tolist(), views, on_progress=on_progress)
    return Predictions.build(fold.image_ids, probabilities, fold.classes)


@dataclass(frozen=True)
class _Plan:
    """How a fold is trained.

    Attributes:
        network: What is trained: the whole model, or what lies behind the cut.
        unfreeze: How many of the network's own backbone layers are trained.
        feed: Training pictures and seed → batches.
        judge: Pictures of the fold → validation.
        move_weights: Puts what was learnt into the whole model.
    """

    network: Any
    unfreeze: int | str
    feed: Callable[[Manifest, int], Any]
    judge: Callable[[Manifest], Any]
    move_weights: Callable[[Any], None]


def _direct(config: Config, model: Any, read: Read, data: Manifest) -> _Plan:
    from toolkit.nn.feeding import Feeder
    from toolkit.nn.training import Validation

    def feed(pictures: Manifest, seed: int) -> Any:
        return Feeder.of_images(
            read,
            pictures.image_ids.tolist(),
            pictures.labels,
            n_classes=len(data.classes),
            seed=seed,
            augment=augmentation(config),
            mix=mixing(config),
            workers=config.train.workers,
            sampling=config.train.sampling,
        )

    def judge(fold: Manifest) -> Any:
        return Validation(read, fold.image_ids.tolist(), fold.labels)

    return _Plan(model, config.model.unfreeze, feed, judge, lambda whole: None)


def _cached(config: Config, data: Manifest, activations: Activations, seed: int) -> _Plan:
    from toolkit.nn.feeding import Feeder
    from toolkit.nn.splitting import build_trial_model, copy_trial_weights
    from toolkit.nn.training import Validation

    ids = data.image_ids.tolist()
    augmented, plain = activations.augmented(ids, config.ensemble.views), activations.plain(ids)
    network = build_trial_model(activations.cut, len(data.classes), seed=seed, **head_settings(config))

    def feed(pictures: Manifest, seed: int) -> Any:
        return Feeder(
            augmented.load,
            pictures.image_ids.tolist(),
            pictures.labels,
            len(data.classes),
            seed=seed,
            workers=config.train.workers,
            sampling=config.train.sampling,
        )

    return _Plan(
        network,
        "all",  # what stays frozen lies before the cut
        feed,
        lambda fold: Validation(plain.read, fold.image_ids.tolist(), fold.labels),
        lambda whole: copy_trial_weights(network, activations.cut, whole),
    )


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows of `history.csv`, without the name of the phase."""
    with path.open(encoding="utf-8") as stream:
        return [
            {name: float(value or "nan") for name, value in row.items() if name != "phase"}
            for row in csv.DictReader(stream)
        ]
