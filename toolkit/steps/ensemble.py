"""`toolkit ensemble`: one model a fold and member, out-of-fold predictions, resumed where it was interrupted."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, read_json, write_json
from toolkit.config import Config
from toolkit.console import TextTable
from toolkit.manifest import Manifest
from toolkit.metrics import score
from toolkit.predictions import Predictions
from toolkit.steps import keys
from toolkit.steps.blending import out_of_fold as join_members
from toolkit.steps.blending import votes_of, votes_of_ensemble
from toolkit.steps.clean import Cleaned, cleaned_data
from toolkit.steps.fold_training import FoldRecord, read_history
from toolkit.steps.held_out import held_out_sections
from toolkit.steps.member_plan import (
    Plan,
    averaged_folds,
    averaged_members,
    member_configs,
    model_folders,
    models_per_member,
)
from toolkit.steps.networks import weights_hash
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.ensemble import ensemble_sections
from toolkit.steps.pages.training import training_sections
from toolkit.steps.project import Project
from toolkit.steps.pseudo_labels import source_fingerprint
from toolkit.steps.results import Interval, StepResult, interval, percent
from toolkit.steps.splits import Split, reporting_split
from toolkit.steps.training_rounds import train_rounds
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
        members: Members of `ensemble.members`, 1 without.
        member_accuracy: Out-of-fold accuracy of each member.
        pseudo_labelled: Pseudo-labelled pictures that a model was trained with, on average.
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
    members: int = 1
    member_accuracy: tuple[float, ...] = ()
    pseudo_labelled: float = 0.0
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
        several = f" of {self.members} members" if self.members > 1 else ""
        title = f"Ensemble: {self.folds} models{several} on {self.images:,} pictures, {source}"
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

    @cached_property
    def members(self) -> list[list[Path]]:
        """The model files of each member, by fold."""
        each = models_per_member(self.config, self.split.larger)
        folders = model_folders(self.run.path, len(self.member_configs), each)
        return [[folder / "model.keras" for folder in member] for member in folders]

    @cached_property
    def member_configs(self) -> tuple[Config, ...]:
        """The settings that each member was trained with."""
        return member_configs(self.config)

    @property
    def models(self) -> list[Path]:
        """All model files, member by member."""
        return [path for member in self.members for path in member]

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
    pseudo = config.ensemble.pseudo_labels
    key = keys.ensemble_key(config, cleaned.key, source_fingerprint(project, pseudo.source) if pseudo else None)
    split = reporting_split(cleaned.manifest, config.data.holdout, config.seed)

    def compute(run: RunDir) -> dict[str, Any]:
        write_json(run.path / "tuned.json", tuned)
        return _train_folds(project, config, split.larger, cleaned.key, run, tuned, minutes)

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
    project: Project,
    config: Config,
    data: Manifest,
    cleaned: str,
    run: RunDir,
    tuned: dict[str, Any],
    minutes: float | None,
) -> dict[str, Any]:
    plan = Plan.make(run.path, config, data, cleaned)
    pseudo = train_rounds(project, config, plan, data, minutes)
    shutil.rmtree(run.path / "activations", ignore_errors=True)
    folders = plan.folders
    records = [[FoldRecord(**read_json(folder / "DONE")) for folder in member] for member in folders]
    flat = [record for member in records for record in member]
    for index, record in enumerate(flat):
        run.log_metrics(fold=index, accuracy=record.accuracy, epochs=record.epochs)
    members = []
    for member in folders:
        members.append(averaged_folds([Predictions.load(folder / "oof.npz") for folder in member],
                                      data.image_ids.tolist()))  # fmt: skip
        if len(folders) > 1:
            members[-1].save(member[0].parent / "oof.npz")
    out_of_fold = averaged_members(members)
    out_of_fold.save(run.path / "oof.npz")
    pictures, data = len(data), data.select(out_of_fold.image_id.tolist())
    votes = votes_of(run.path, config, join_members(members, data), project.console)
    scores = score(data.labels, out_of_fold.probabilities, data.classes, seed=config.seed)
    member_accuracy = [float((member.labels == data.labels).mean()) for member in members]
    figures = {
        "folds": len(flat),
        "images": pictures,
        "fold_accuracy": [record.accuracy for record in flat],
        "accuracy": interval(scores.accuracy),
        "macro_f1": interval(scores.macro_f1),
        "epochs": [record.epochs for record in flat],
        "tuned": tuned,
        "weights_sha256": weights_hash(config),
        "members": len(members),
        "member_accuracy": member_accuracy,
        "pseudo_labelled": pseudo[-1].mean if pseudo else 0.0,
        "headline": {"out-of-fold accuracy": percent(scores.accuracy.value), "folds": str(len(flat))},
    }
    histories = [read_history(folder / "history.csv") for member in folders for folder in member]
    sections = ensemble_sections(
        flat, histories, scores, data.classes, tuned, f"toolkit evaluate -c {project.config_name}", votes
    )
    write_step_page(
        run, config.name, "ensemble",
        f"{len(flat)} models, {percent(scores.accuracy.value)} out of fold on clean pictures.",
        [*held_out_sections(config), *sections[:-1],
         *training_sections(config, records, member_accuracy, plan.lacking(data), pseudo, data.classes), sections[-1]],
        config=project.config_name,
        files={"Out-of-fold predictions": "oof.npz"},
    )  # fmt: skip
    return figures
