"""Running a package in a contest worker re-created on labelled pictures."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolkit.steps.project import Project
from toolkit.steps.renewal import differs, mismatch, statistics

if TYPE_CHECKING:
    from toolkit.config import Config
    from toolkit.console import Console
    from toolkit.submission.checks import Check
    from toolkit.submission.verify import WorkerResult

_SPEED = re.compile(r"loaded in ([\d.]+) s, predicted (\d+) pictures in ([\d.]+) s")
_MANY, _SLACK = 256, 10  # pictures from which on the speed is known; else its largest error
_CLOSE = 1e-4  # between probabilities of two runtimes
_MARGIN = 0.8  # of the time limit: the contest's machine may be slower than this one


class CheckRecord(BaseModel):
    """One check of a package.

    Attributes:
        name: What was looked at.
        ok: Whether it holds.
        message: What was seen, and what to do where it does not hold.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    message: str


def records(checks: Sequence[Check]) -> list[CheckRecord]:
    """Checks of the domain as the results of steps carry them."""
    return [CheckRecord(name=check.name, ok=check.ok, message=check.message) for check in checks]


def label_values(classes: Sequence[str]) -> list[int] | None:
    """The integers that a contest expects for the classes: their names where these are numbers, else None.

    Args:
        classes: Names by index.
    """
    canonical = all(name.isascii() and name.isdigit() and str(int(name)) == name for name in classes)
    return [int(name) for name in classes] if canonical else None


def run_in_worker(
    project: Project,
    submission: Path,
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    what: str,
    python: str | None = None,
) -> WorkerResult:
    """Run a zip in a contest worker on labelled pictures.

    Args:
        project: The contest.
        submission: The zip.
        images: `(n, h, w, 3)` uint8.
        labels: `(n,)` class indices.
        classes: Names by index.
        what: A few words for the progress bar.
        python: Interpreter with the contest's versions, None for the one that runs here.
    """
    from toolkit.submission.bundle import write_bundle
    from toolkit.submission.verify import run_worker

    settings = project.config.package
    with project.console.progress(what) as on_progress, tempfile.TemporaryDirectory(prefix="contest-") as folder:
        bundle = write_bundle(
            Path(folder) / "bundle",
            images,
            labels,
            class_names=classes,
            title=project.config.name,
            label_values=label_values(classes),
            output=settings.output,
            time_limit_s=settings.time_limit,
            keep_probabilities=True,
        )
        result = run_worker(submission, bundle, python=python or sys.executable, time_limit_s=settings.time_limit,
                            max_mb=settings.max_mb)  # fmt: skip
        on_progress(1, 1)
    return result


def same_probabilities(there: np.ndarray | None, here: np.ndarray, where: str) -> CheckRecord:
    """Whether the package predicts what the training process predicts: within 1e-4, with equal labels.

    Args:
        there: `(n, k)` of the worker, None where it gave none.
        here: `(n, k)` of the same networks in this process.
        where: The runtime of the worker.
    """
    name = "same predictions as in training"
    if there is None or there.shape != here.shape:
        shape = "none" if there is None else f"of shape {there.shape}"
        return CheckRecord(name=name, ok=False, message=f"probabilities of shape {here.shape} here, {shape} there")
    largest = float(np.abs(there.astype(np.float64) - here).max(initial=0))
    other = there.argmax(axis=1) != here.argmax(axis=1)
    # Two classes that are equal but for the last digits here may be called either way there.
    top = np.sort(here, axis=1)[:, -2:]
    other &= top[:, 1] - top[:, 0] > _CLOSE
    message = f"{where}: largest difference {largest:.1e}, {int(other.sum())} of {len(here)} labels differ"
    return CheckRecord(name=name, ok=largest <= _CLOSE and not other.any(), message=message)


def same_accuracy(where: str, there: float, here: float, pictures: int, undecided: int = 0) -> CheckRecord:
    """Whether a run of the package scores what its networks score in this process.

    Args:
        where: What ran it, a word.
        there: Accuracy there.
        here: Accuracy here, on the same pictures.
        pictures: How many they are.
        undecided: How many of them may be labelled either way, as `ties` counts them.
    """
    message = f"{where} {there:.6f}, here {here:.6f} on {pictures} pictures"
    return CheckRecord(
        name="same accuracy as evaluate", ok=abs(there - here) <= undecided / pictures + 1e-9, message=message
    )


def ties(probabilities: np.ndarray) -> int:
    """How many rows of `(n, k)` have two best classes that differ by no more than runtimes may."""
    top = np.sort(probabilities, axis=1)[:, -2:]
    return int((top[:, 1] - top[:, 0] <= _CLOSE).sum())


def same_setting(config: Config, console: Console) -> list[CheckRecord]:
    """What the card and the console say of a package whose batch normalisation is not that of the ensemble.

    Args:
        config: All settings.
        console: Is told at once.
    """
    told = mismatch(config)
    if told is None:
        return []
    console.note(told)
    return [CheckRecord(name="batch_norm", ok=True, message=told)]


def renewed(config: Config, there: float, here: float, pictures: int) -> CheckRecord:
    """What the package scores where it, or `evaluate`, predicts with the statistics of the pictures at hand.

    Predictions are not compared one by one: a worker measures statistics on at most so many pictures of a call, and in
    other batches.

    Args:
        config: All settings.
        there: Accuracy of the package.
        here: Accuracy of the same networks with the statistics of `ensemble.batch_norm`.
        pictures: Of the holdout.
    """
    told = f"{100 * (there - here):+.1f} points on the {pictures} holdout pictures ({100 * there:.1f} %)"
    against = f"against {config.ensemble.batch_norm}" if differs(config) else "against evaluate, which renews them too"
    name = f"batch_norm: {statistics(config)}"
    return CheckRecord(name=name, ok=bool(np.isfinite(there)), message=f"{told} {against}")


@dataclass(frozen=True)
class Speed:
    """What our ingestion program measured.

    Attributes:
        loading_s: Seconds until the networks were loaded.
        images: Pictures predicted.
        images_per_second: Of their prediction, starting up included.
    """

    loading_s: float
    images: int
    images_per_second: float


def measured_speed(log: str) -> Speed | None:
    """Speed from what our ingestion program printed; None where another program ran."""
    found = _SPEED.search(log)
    if found is None:
        return None
    return Speed(float(found[1]), int(found[2]), int(found[2]) / max(float(found[3]), 0.01))


def foretell(log: str, hidden_images: int | None, time_limit_s: float) -> CheckRecord | None:
    """Whether the hidden test can be predicted in time, by the speed measured here.

    On few pictures most of the time is starting up, so the speed is a lower bound: below 256 pictures, only what would
    be too slow at ten times the speed is called so.

    Args:
        log: Output of the worker.
        hidden_images: Pictures of the hidden test, None where unknown.
        time_limit_s: Seconds that the contest grants.
    """
    speed = measured_speed(log)
    if speed is None:
        return None
    few = speed.images < _MANY
    digits = 0 if speed.images_per_second >= 10 else 1
    told = f"{'at least ' if few else ''}{speed.images_per_second:.{digits}f} pictures/s here"
    if hidden_images is None:
        possible = int(max(_MARGIN * time_limit_s - speed.loading_s, 0) * speed.images_per_second)
        return CheckRecord(name="speed", ok=True, message=f"{told}: {possible:,} in {time_limit_s:g} s")
    needed = speed.loading_s + hidden_images / speed.images_per_second
    message = (
        f"{told}: {'at most ' if few else ''}{needed:.0f} s of {time_limit_s:g} s for {hidden_images:,} hidden pictures"
    )
    if needed / (_SLACK if few else 1) <= _MARGIN * time_limit_s:
        return CheckRecord(name="speed", ok=True, message=message)
    message += ". Too slow, as the contest's machine may be slower: pack fewer members or a smaller backbone"
    return CheckRecord(name="speed", ok=False, message=message)
