"""Training of one fold: model, out-of-fold predictions, history; marked done last."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolkit.artifacts import write_json
from toolkit.config import Config
from toolkit.console import Console
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps.networks import augmentation, new_model, start, training_settings

Read = Callable[[Sequence[str]], np.ndarray]


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


def train_fold(
    console: Console,
    config: Config,
    data: Manifest,
    ids: tuple[Sequence[str], Sequence[str]],
    folder: Path,
    read: Read,
    index: int,
    seconds: float | None,
) -> None:
    """Train one model, predict its fold, write `model.keras, oof.npz, history.csv, DONE`.

    Args:
        console: Shows the progress.
        config: All settings.
        data: The development pictures.
        ids: Image ids to train on, and those of the fold.
        folder: `fold<i>`; an interrupted training in it is taken up.
        read: Image ids → uint8 `(n, h, w, 3)`.
        index: Number of the fold.
        seconds: Stop after the epoch in which so much time has passed; None: never.
    """
    start(config)
    from toolkit.nn.feeding import Feeder
    from toolkit.nn.prediction import predict
    from toolkit.nn.runtime import release
    from toolkit.nn.saving import save_model
    from toolkit.nn.training import Validation, train

    begin = time.monotonic()
    training, fold = data.select(ids[0]), data.select(ids[1])
    # A seed of its own for each fold, so that the members differ by more than their pictures.
    seed = config.seed * 1009 + index
    model = new_model(config, len(data.classes), seed)
    feeder = Feeder.of_images(
        read,
        training.image_ids.tolist(),
        training.labels,
        n_classes=len(data.classes),
        batch_size=config.train.batch_size,
        seed=seed,
        augment=augmentation(config),
        workers=config.train.workers,
    )
    validation = Validation(read, fold.image_ids.tolist(), fold.labels)
    folder.mkdir(parents=True, exist_ok=True)
    title = f"Fold {index + 1} of {config.ensemble.folds}"
    with console.progress(f"{title}: training steps") as on_progress:
        history = train(
            model,
            feeder,
            validation,
            epochs=config.train.epochs,
            checkpoint_dir=folder / "checkpoint",
            should_stop=None if seconds is None else lambda record: time.monotonic() - begin > seconds,
            on_progress=on_progress,
            **training_settings(config, training.class_counts()),
        )
    history.save(folder / "history.csv")
    save_model(model, folder / "model.keras")
    with console.progress(f"{title}: out-of-fold predictions") as on_progress:
        probabilities = predict(model, read, fold.image_ids.tolist(), on_progress=on_progress)
    Predictions.build(fold.image_ids, probabilities, data.classes).save(folder / "oof.npz")
    record = FoldRecord(
        accuracy=float((probabilities.argmax(axis=1) == fold.labels).mean()),
        epochs=len(history.records),
        best_epoch=history.best_epoch,
        seconds=round(time.monotonic() - begin, 2),
        images_per_second=round(float(np.mean([epoch.images_per_second for epoch in history.records])), 1),
    )
    write_json(folder / "DONE", record.model_dump())
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    release()


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows of `history.csv`."""
    with path.open(encoding="utf-8") as stream:
        return [{name: float(value or "nan") for name, value in row.items()} for row in csv.DictReader(stream)]
