"""`toolkit ensemble`: one model a fold, out-of-fold predictions, resumed where it was interrupted."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, read_json, write_json
from toolkit.config import Config
from toolkit.console import TextTable
from toolkit.folds import make_folds
from toolkit.manifest import Manifest
from toolkit.metrics import score
from toolkit.predictions import Predictions
from toolkit.steps import keys
from toolkit.steps.activations import Activations
from toolkit.steps.blending import out_of_fold as join_members
from toolkit.steps.blending import votes_of, votes_of_ensemble
from toolkit.steps.clean import Cleaned, cleaned_data
from toolkit.steps.fold_training import FoldRecord, read_history, train_fold
from toolkit.steps.held_out import held_out_sections
from toolkit.steps.networks import start, weights_hash
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.ensemble import ensemble_sections
from toolkit.steps.project import Project
from toolkit.steps.results import Interval, StepResult, interval, percent
from toolkit.steps.splits import Split, reporting_split
from toolkit.steps.tune import tuned_config
from toolkit.steps.vote_records import VoteRecord, vote_figures, vote_table


class EnsembleResult(StepResult):
    """Trained fold models.

    Attributes:
        folds: Number of models.
        images: Pictures that they were trained on, in turn.
        fold_accuracy: Accuracy of each model on its own fold.
        accuracy: Out-of-fold accuracy over all folds.
        macro_f1: Out-of-fold macro F1.
        epochs: Epochs that each model was trained.
        tuned: Settings taken from `tune`, empty without.
        weights_sha256: Of the file that the pretrained weights came from, None without one.
        vote: How the models agree; for `auto` the vote that was chosen.
        votes: What every vote scores out of fold, each on pictures it was not learned from.
        votes_note: What these scores can and cannot say.
    """

    folds: int
    images: int
    fold_accuracy: tuple[float, ...]
    accuracy: Interval
    macro_f1: Interval
    epochs: tuple[int, ...]
    tuned: dict[str, Any]
    weights_sha256: str | None = None
    vote: str = ""
    votes: tuple[VoteRecord, ...] = ()
    votes_note: str = ""

    def tables(self) -> list[TextTable]:
        """One row a fold; then one a vote."""
        rows = [
            (str(index), percent(value), str(epochs))
            for index, (value, epochs) in enumerate(zip(self.fold_accuracy, self.epochs, strict=True))
        ]
        rows.append(("all, out of fold", str(self.accuracy), ""))
        spread = f" ± {100 * np.std(self.fold_accuracy, ddof=1):.1f}" if self.folds > 1 else ""
        caption = f"mean {100 * np.mean(self.fold_accuracy):.1f}{spread} %"
        source = "settings from tune" if self.tuned else "settings from the config"
        title = f"Ensemble: {self.folds} folds of {self.images:,} pictures, {source}"
        folds = TextTable(title, ("fold", "accuracy", "epochs"), tuple(rows), caption)
        return [folds, *vote_table(self.vote, self.votes, self.votes_note)]


class Ensemble:
    """A finished ensemble, ready to predict.

    Attributes:
        key: Key of the run.
        run: Its directory.
        config: The settings that it was trained with.
        cleaned: The cleaned data.
        split: Development and holdout pictures.
    """

    def __init__(self, key: str, run: RunDir, config: Config, cleaned: Cleaned, split: Split) -> None:
        self.key = key
        self.run = run
        self.config = config
        self.cleaned = cleaned
        self.split = split

    @property
    def models(self) -> list[Path]:
        """The model files, by fold."""
        return [self.run.path / f"fold{index}" / "model.keras" for index in range(self.config.ensemble.models)]

    @property
    def owner(self) -> tuple[int, ...]:
        """The member that each of `models` belongs to: one configuration, whose folds lie in one folder."""
        folders = [path.parent.parent for path in self.models]
        number = {folder: index for index, folder in enumerate(dict.fromkeys(folders))}
        return tuple(number[folder] for folder in folders)

    @property
    def out_of_fold(self) -> list[Predictions]:
        """Out-of-fold predictions of each member."""
        folders = dict.fromkeys(path.parent.parent for path in self.models)
        return [Predictions.load(folder / "oof.npz") for folder in folders]


def ensemble_step(project: Project, *, minutes: float | None = None) -> EnsembleResult:
    """Train one model a fold; folds and epochs that are done are not trained again.

    Args:
        project: The contest.
        minutes: Stop training after about so many minutes, at the end of an epoch of each fold's share.
    """
    cleaned = cleaned_data(project)
    config, tuned = tuned_config(project, cleaned)
    key = keys.ensemble_key(config, cleaned.key)
    split = reporting_split(cleaned.manifest, config.data.holdout, config.seed)

    def compute(run: RunDir) -> dict[str, Any]:
        write_json(run.path / "tuned.json", tuned)
        return _train_folds(project, config, split.larger, run, tuned, minutes)

    result = project.perform(project.run("ensemble", key), "ensemble", compute, EnsembleResult)
    ensemble = Ensemble(key, RunDir(result.run_dir), config, cleaned, split)
    return result.model_copy(update=vote_figures(votes_of_ensemble(ensemble, project.console)))


def trained_ensemble(project: Project) -> Ensemble:
    """The finished ensemble of a project, trained now where it is not there."""
    result = ensemble_step(project)
    cleaned = cleaned_data(project)
    config, _ = tuned_config(project, cleaned)
    split = reporting_split(cleaned.manifest, config.data.holdout, config.seed)
    return Ensemble(result.run_dir.name, RunDir(result.run_dir), config, cleaned, split)


def _train_folds(
    project: Project, config: Config, data: Manifest, run: RunDir, tuned: dict[str, Any], minutes: float | None
) -> dict[str, Any]:
    begin, pictures = time.monotonic(), len(data)
    folds = make_folds(data.image_ids.tolist(), data.labels, data.groups, config.ensemble.folds, config.seed,
                       data.classes)  # fmt: skip
    read = project.pixels(project.manifest, project.hashes).read
    models = config.ensemble.models
    missing = [index for index in range(models) if not (run.path / f"fold{index}" / "DONE").exists()]
    start(config)
    activations = None
    if missing and config.ensemble.views and config.model.unfreeze != "all":
        activations = Activations(project, config, run.path / "activations")
    records: list[FoldRecord] = []
    parts: list[Predictions] = []
    for index in range(models):
        folder = run.path / f"fold{index}"
        if index in missing:
            left = None if minutes is None else 60 * minutes - (time.monotonic() - begin)
            share = None if left is None else max(0.0, left) / (models - index)
            train_fold(project.console, config, data, folds.split(index), folder, read, activations, index, share)
        records.append(FoldRecord(**read_json(folder / "DONE")))
        parts.append(Predictions.load(folder / "oof.npz"))
        run.log_metrics(fold=index, accuracy=records[-1].accuracy, epochs=records[-1].epochs)
    shutil.rmtree(run.path / "activations", ignore_errors=True)
    predicted = np.concatenate([part.image_id for part in parts])
    if models < config.ensemble.folds:
        known = set(predicted.tolist())
        data = data.select(name for name in data.image_ids if name in known)
    out_of_fold = Predictions.build(
        predicted, np.concatenate([part.probabilities for part in parts]), data.classes
    ).select(data.image_ids)
    out_of_fold.save(run.path / "oof.npz")
    votes = votes_of(run.path, config, join_members([out_of_fold], data), project.console)
    scores = score(data.labels, out_of_fold.probabilities, data.classes, seed=config.seed)
    figures = {
        "folds": models,
        "images": pictures,
        "fold_accuracy": [record.accuracy for record in records],
        "accuracy": interval(scores.accuracy),
        "macro_f1": interval(scores.macro_f1),
        "epochs": [record.epochs for record in records],
        "tuned": tuned,
        "weights_sha256": weights_hash(config),
        "headline": {"out-of-fold accuracy": percent(scores.accuracy.value), "folds": str(models)},
    }
    sections = ensemble_sections(
        records, [read_history(run.path / f"fold{index}" / "history.csv") for index in range(len(records))],
        scores, data.classes, tuned,
        f"toolkit evaluate -c {project.config_name}", votes,
    )  # fmt: skip
    write_step_page(
        run, config.name, "ensemble",
        f"{len(records)} folds, {percent(scores.accuracy.value)} out of fold on clean pictures.",
        [*held_out_sections(config), *sections], config=project.config_name,
        files={"Out-of-fold predictions": "oof.npz"},
    )  # fmt: skip
    return figures
