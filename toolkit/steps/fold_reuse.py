"""Models that another run of `ensemble` has trained already: nothing that a model depends on is trained twice.

Test-time augmentation, `train_folds`, further members or repeats change which models there are, or what is done with
them, not how each of them is trained.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from toolkit.artifacts import RunDir, read_json, write_json
from toolkit.console import Console
from toolkit.errors import ToolkitError
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps.fold_training import ORIGIN, WAIT_SECONDS, FoldRecord, FoldTask, Read, predict_fold
from toolkit.steps.networks import start
from toolkit.steps.project import Project

_FILES = ("model.keras", "history.csv")


def reuse_folds(project: Project, tasks: Sequence[FoldTask], data: Manifest, read: Read) -> None:
    """Take over the models that other runs have trained with the same settings on the same pictures.

    Files are linked, not copied, where the disk allows it. Under other views the fold is predicted anew.

    Args:
        project: The contest.
        tasks: Models that are not trained yet.
        data: The development pictures.
        read: Image ids → uint8 `(n, h, w, 3)`.
    """
    known = dict(_trained(project.folder / "ensemble"))
    taken = 0
    for task in tasks:
        if task.origin in known:
            with RunDir(task.folder).locked(wait=WAIT_SECONDS):
                taken += _take(project.console, task, known[task.origin], data, read)
    if taken:
        project.console.note(f"{taken} of {len(tasks)} models were trained by an earlier run and are used again.")


def _trained(runs: Path) -> Iterator[tuple[str, Path]]:
    """Origin and folder of every finished model of all runs in a folder."""
    for file in sorted(runs.glob(f"**/fold*/{ORIGIN}")):
        with suppress(OSError, ValueError, KeyError):
            if (file.parent / "DONE").exists():
                yield read_json(file)["origin"], file.parent


def _take(console: Console, task: FoldTask, folder: Path, data: Manifest, read: Read) -> bool:
    if task.done or (task.folder / "checkpoint").exists():
        return False
    fold = data.select(task.ids[1])
    views = list(task.config.ensemble.tta)
    try:
        for name in _FILES:
            _link(folder / name, task.folder / name)
        if read_json(folder / ORIGIN)["views"] == views:
            found = Predictions.load(folder / "oof.npz").select(fold.image_ids)
        else:
            start(task.config)
            from toolkit.nn.runtime import release
            from toolkit.nn.saving import load_model

            found = predict_fold(console, task, load_model(task.folder / "model.keras"), fold, read)
            release()
    except (ToolkitError, OSError):  # it was removed meanwhile, or is damaged: trained anew
        for name in _FILES:  # a link, through which training must not write
            (task.folder / name).unlink(missing_ok=True)
        return False
    found.save(task.folder / "oof.npz")
    record = FoldRecord(**read_json(folder / "DONE"))
    right = float((found.labels == fold.labels).mean())
    write_json(task.folder / ORIGIN, {"origin": task.origin, "views": views})
    write_json(task.folder / "DONE", record.model_copy(update={"accuracy": right}).model_dump())
    return True


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
