"""Finished runs as `compare` needs them: what each got right on which test, its settings and its learning curves."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, read_json
from toolkit.errors import DataError, MissingFileError, StepOrderError
from toolkit.evaluation.contenders import Answers
from toolkit.predictions import Predictions
from toolkit.steps.fold_training import read_history

OUT_OF_FOLD, CLEAN, LABELLED = "out of fold", "clean", "labelled pictures"
_SECTIONS = ("data", "clean", "model", "augment", "train", "ensemble", "evaluate")
# What changes no answer: two runs that differ in nothing else are the same configuration.
_NO_MATTER = {
    "data.cache_gb",
    "train.workers",
    "evaluate.data",
    "evaluate.target",
    "evaluate.leaderboard",
    "ensemble.tuned",
    "ensemble.jobs",
}


@dataclass(frozen=True)
class Truth:
    """What is known of pictures.

    Attributes:
        source: Where it was read, for messages.
        name: Class name by image id.
        group: Group by image id.
    """

    source: str
    name: Mapping[str, str]
    group: Mapping[str, str]


@dataclass(frozen=True)
class FinishedRun:
    """A run, or a file of predictions.

    Attributes:
        path: Resolved.
        project: Name of the contest, or of the file.
        seed: None where unknown.
        classes: Class names by index.
        settings: Settings that affect the result, by dotted name, what `tune` found included.
        answers: By test.
        truth: Class name of each picture, by test.
        corruptions: Tests that are corruptions.
        histories: Rows of each `history.csv`.
        notes: What a reader should know.
    """

    path: Path
    project: str
    seed: int | None
    classes: tuple[str, ...]
    settings: Mapping[str, Any]
    answers: Mapping[str, Answers]
    truth: Mapping[str, Mapping[str, str]]
    corruptions: tuple[str, ...] = ()
    histories: tuple[list[dict[str, float]], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path | None:
        """`runs/<name>`, None for a file."""
        return None if self.path.is_file() else self.path.parent.parent


@dataclass
class _Reading:
    """What has been read of a run so far."""

    answers: dict[str, Answers] = field(default_factory=dict)
    truth: dict[str, dict[str, str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def add(self, test: str, predictions: Predictions, truth: Truth, path: Path) -> None:
        """Judge predictions; pictures without a known class are left out."""
        if self.classes and predictions.class_names != self.classes:
            raise DataError(
                f"{path} names the classes {_some(predictions.class_names)}, but other predictions of the same run "
                f"name {_some(self.classes)}. The run is damaged: make it again."
            )
        self.classes = predictions.class_names
        ids = predictions.image_id.tolist()
        known = [row for row, name in enumerate(ids) if name in truth.name]
        if not known:
            raise DataError(
                f"None of the {len(ids):,} pictures predicted in {path} has a label in {truth.source}: ids there look "
                f"like {_some(truth.name)}, in the predictions like {_some(ids)}. Name the labelled source of exactly "
                "these pictures with --labels."
            )
        if len(known) < len(ids):
            self.notes.append(
                f"{len(ids) - len(known):,} of {len(ids):,} pictures in {path.name} have no label in {truth.source} "
                "and do not count."
            )
        kept = [ids[row] for row in known]
        said = np.asarray(predictions.class_names, dtype=str)[predictions.labels[known]]
        true = np.asarray([truth.name[name] for name in kept], dtype=str)
        groups = np.asarray([truth.group.get(name, name) for name in kept], dtype=str)
        self.answers[test] = Answers(np.asarray(kept, dtype=str), (said == true).astype(float), groups)
        self.truth[test] = dict(zip(kept, true.tolist(), strict=True))


def locate_run(path: Path) -> Path:
    """The run directory or file that a person means by `path`.

    Args:
        path: A `.npz` of predictions, a finished ensemble or evaluate run, the folder of such a step, or
            `runs/<name>`; of the folders, the latest run counts, of evaluate before ensemble.

    Raises:
        MissingFileError: There is nothing.
        StepOrderError: Nothing finished.
        DataError: Something else.
    """
    if not path.exists():
        raise MissingFileError(
            f"There is no run at {path}. Name a folder such as runs/NAME or runs/NAME/evaluate/KEY, or a .npz of "
            "predictions."
        )
    if path.is_file():
        if path.suffix.lower() != ".npz":
            raise DataError(f"{path} is no run: name a run's folder, or a .npz of predictions with --labels SOURCE.")
        return path.resolve()
    steps = ("evaluate", "ensemble")
    for place in (*(path / step / "latest" for step in steps), *([path / "latest"] if path.name in steps else [])):
        if (place / "DONE").exists():
            return place.resolve()
    if (path / "config.json").exists() and path.resolve().parent.name in steps:
        if not (path / "DONE").exists():
            raise StepOrderError(
                f"{path} is not finished. Run its `toolkit {path.resolve().parent.name}` command again: it goes on "
                "where it stopped."
            )
        return path.resolve()
    raise DataError(
        f"{path} is no finished run of `ensemble` or `evaluate`, and holds none. Name a folder such as runs/NAME, "
        "runs/NAME/evaluate/KEY or runs/NAME/ensemble/KEY, or run `toolkit evaluate` first."
    )


def read_predictions(path: Path, labels: Truth) -> FinishedRun:
    """A file of predictions, judged by labels."""
    reading = _Reading()
    reading.add(LABELLED, Predictions.load(path), labels, path)
    return FinishedRun(
        path, path.stem, None, reading.classes, {}, reading.answers, reading.truth, notes=tuple(reading.notes)
    )


def read_run(path: Path, labels: Truth | None) -> FinishedRun:
    """A finished ensemble or evaluate run, judged by the labels of its cleaned manifest.

    The out-of-fold predictions of an evaluate run are those of the ensemble that it names.

    Args:
        path: From `locate_run`.
        labels: Of the further source that `evaluate --data` scored; None leaves it out.
    """
    config, reading = read_json(path / "config.json"), _Reading()
    evaluated = path.parent.name == "evaluate"
    ensemble = _ensemble_of(path, config, reading.notes) if evaluated else path
    corruptions: list[str] = []
    histories: list[list[dict[str, float]]] = []
    tuned: dict[str, Any] = {}
    if ensemble is not None:
        predictions = Predictions.load(ensemble / "oof.npz")
        reading.add(OUT_OF_FOLD, predictions, _cleaned(path, config, predictions), ensemble / "oof.npz")
        histories = [read_history(file) for file in sorted(ensemble.rglob("history.csv"))]
        tuned = read_json(ensemble / "tuned.json") if (ensemble / "tuned.json").exists() else {}
    if evaluated:
        for file in sorted(path.glob("predictions-*.npz")):
            name = file.stem.removeprefix("predictions-")
            if name == "target":
                continue  # nobody knows its labels
            predictions = Predictions.load(file)
            if name != "data":
                test = name if name == CLEAN else _corruption(name, config)
                corruptions += [test] if test != CLEAN else []
                reading.add(test, predictions, _cleaned(path, config, predictions), file)
            elif labels is not None:
                reading.add(LABELLED, predictions, labels, file)
            else:
                reading.notes.append(
                    f"{_short(file)} is left out: name its labelled source with --labels to compare it too."
                )
    settings = {**_settings(config), **{f"tuned {name}": value for name, value in tuned.items()}}
    return FinishedRun(
        path, path.parent.parent.name, config.get("seed"), reading.classes, settings, reading.answers, reading.truth,
        tuple(corruptions), tuple(histories), tuple(reading.notes),
    )  # fmt: skip


def _corruption(name: str, config: Mapping[str, Any]) -> str:
    """A test's name with its severity, so that different severities are never taken for the same test."""
    severity = config.get("evaluate", {}).get("severity")
    told = name.replace("_", " ")
    return told if severity is None or name[-1].isdigit() else f"{told} at severity {severity}"


def _settings(config: Mapping[str, Any], without: Iterable[str] = ()) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in (name for name in _SECTIONS if name not in without):
        _flatten(name, config.get(name), flat)
    return {name: value for name, value in flat.items() if name not in _NO_MATTER}


def _flatten(name: str, value: Any, into: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{name}.{key}", inner, into)
    else:
        into[name] = value


def _ensemble_of(path: Path, config: Mapping[str, Any], notes: list[str]) -> Path | None:
    """The ensemble that an evaluate run scored: the one that it names, else the only one with its settings."""
    named = read_json(path / "evaluation.json").get("ensemble") if (path / "evaluation.json").exists() else None
    if named and RunDir(path.parent.parent / "ensemble" / named).done:
        return path.parent.parent / "ensemble" / str(named)
    wanted = [_settings(config, {"evaluate"}), config.get("seed")]
    found = []
    for folder in sorted((path.parent.parent / "ensemble").glob("*")):
        if not folder.is_symlink() and RunDir(folder).done:
            other = read_json(folder / "config.json")
            if [_settings(other, {"evaluate"}), other.get("seed")] == wanted:
                found.append(folder)
    if len(found) != 1:
        notes.append(
            f"Out-of-fold predictions of {_short(path)} are left out: {len(found)} finished ensembles beside it have "
            "its settings. Name the ensemble run itself to compare them."
        )
        return None
    return found[0]


def _cleaned(path: Path, config: Mapping[str, Any], predictions: Predictions) -> Truth:
    """Labels and groups from the cleaned manifest that the run was trained on."""
    ids = predictions.image_id.tolist()
    settings = _settings(config, set(_SECTIONS) - {"data", "clean"})
    found: list[tuple[bool, Truth]] = []
    for folder in sorted((path.parent.parent / "clean").glob("*")):
        if folder.is_symlink() or not RunDir(folder).done:
            continue
        truth = _read_manifest(folder / "manifest.csv")
        if all(name in truth.name for name in ids):
            same = _settings(read_json(folder / "config.json"), set(_SECTIONS) - {"data", "clean"}) == settings
            found.append((same, truth))
    best = [truth for same, truth in found if same] or [truth for _, truth in found]
    if not best:
        raise StepOrderError(
            f"The labels of the pictures that {path} predicted are not there: no finished result of `clean` beside it "
            "holds them all. Keep runs/NAME/clean, or name the run's .npz files with --labels SOURCE."
        )
    if any(truth.name[name] != best[0].name[name] for truth in best[1:] for name in ids):
        raise DataError(
            f"{len(best)} results of `clean` beside {path} give its pictures different labels, and which it was "
            "trained on is not recorded. Name the run's .npz files with --labels SOURCE, so that one truth counts."
        )
    return best[0]


def _read_manifest(path: Path) -> Truth:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return Truth(
        str(path),
        {row["image_id"]: row["class_name"] for row in rows},
        {row["image_id"]: row["group_id"] or row["image_id"] for row in rows},
    )


def _short(path: Path) -> str:
    """The last folders of a path, enough to know a run by."""
    return "/".join(path.parts[-4 if path.suffix else -3 :])


def _some(values: Iterable[str], limit: int = 3) -> str:
    return ", ".join(repr(str(value)) for value, _ in zip(values, range(limit), strict=False))
