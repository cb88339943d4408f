"""Packages of predictions: Kaggle's `submission.csv`, and Codabench's result submissions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.artifacts import RunDir, file_hash
from toolkit.errors import ConfigError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.steps.blending import members_of, predict_target
from toolkit.steps.cards import make_card
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.package import package_sections
from toolkit.steps.project import Project
from toolkit.steps.proving import CheckRecord, label_values, records, same_setting
from toolkit.steps.renewal import differs, statistics

if TYPE_CHECKING:
    from toolkit.config import Config

_PROOF = "The file was compared with the example that the contest gives: ids, order, columns, every value."


def find_sample(config: Config) -> Path:
    """The sample submission: `package.sample`, else the one in the folder of the test or training pictures.

    Raises:
        MissingFileError: There is none.
    """
    from toolkit.sources.kaggle import sample_submission

    if config.package.sample is not None:
        if not config.package.sample.is_file():
            raise MissingFileError(f"There is no sample submission at {config.package.sample} (package.sample).")
        return config.package.sample
    folders = [path for path in (config.package.test_source, config.data.source) if path is not None]
    for folder in [*folders, *(path.parent for path in folders)]:
        found = sample_submission(folder)
        if found is not None:
            return found
    raise MissingFileError(
        "There is no sample_submission.csv beside the data. Download it from the contest's page and set package.sample "
        "to it: ids, order and columns of submission.csv are taken from it."
    )


def test_pictures(project: Project) -> Manifest:
    """The unlabelled pictures to predict: `package.test_source`, else the test part of a Kaggle folder.

    Raises:
        ConfigError: Neither is given.
    """
    from toolkit.sources.reading import recognise

    config = project.config
    source = config.package.test_source
    if source is None:
        if recognise(config.data.source) != "kaggle":
            raise ConfigError(
                f"The target {config.package.target} hands in predictions of test pictures, but package.test_source "
                "does not say where these are. Set it to their folder, CSV or .npz."
            )
        source = config.data.source
    return project.read_hidden(source)


def table_inputs(project: Project) -> list[str]:
    """Fingerprints of the test pictures and of the example."""
    config = project.config
    example = config.package.template if config.package.target == "codabench-results" else find_sample(config)
    if example is None:
        raise ConfigError(
            "The target codabench-results needs package.template: an example of the predictions file that the contest "
            "expects, as its page or starting kit offers it."
        )
    if not example.is_file():
        raise MissingFileError(f"There is no example of predictions at {example} (package.template).")
    manifest = test_pictures(project)
    return [manifest.fingerprint(project.content_hashes(manifest)), file_hash(example)]


def package_table(
    project: Project, ensemble: Ensemble, evaluated: EvaluateResult, run: RunDir, key: str
) -> dict[str, Any]:
    """Predict, check and write `submission.csv`; returns the figures of `PackageResult`.

    Args:
        project: The contest.
        ensemble: Its trained models.
        evaluated: Their scores.
        run: Where the page goes.
        key: Key of the package step.

    Raises:
        SubmissionError: The predictions do not fit the sample; nothing is written.
    """
    from toolkit.submission.card import package_path
    from toolkit.submission.sample import read_form
    from toolkit.submission.table import fill, match_ids, write_table

    config = ensemble.config
    settings = config.package
    manifest = test_pictures(project)
    form = read_form(find_sample(config), manifest.classes, settings.values)
    match_ids(form.ids, manifest.image_ids.tolist())  # before the predictions, which take minutes
    if form.values == "probabilities" and config.ensemble.vote == "majority":
        project.console.note(
            "The sample asks for probabilities, and a majority vote makes coarse ones: ensemble.vote: mean suits "
            "log loss and AUC better."
        )
    probabilities = _predict(project, ensemble, manifest)
    path = package_path(settings.destination, config.name, settings.target, key, ".csv")
    checks = records(write_table(path, form, fill(form, manifest.image_ids.tolist(), probabilities)))
    contest = settings.competition or "COMPETITION"
    commands = [f'kaggle competitions submit {contest} -f {path} -m "{config.name} {key}"']
    return _finish(project, ensemble, evaluated, run, key, path, checks, commands, [path.name])


def package_predictions(
    project: Project, ensemble: Ensemble, evaluated: EvaluateResult, run: RunDir, key: str
) -> dict[str, Any]:
    """Predict, check and zip a predictions file like `package.template`; arguments as for `package_table`."""
    from toolkit.submission.card import package_path
    from toolkit.submission.results import read_template, write_results

    config = ensemble.config
    settings = config.package
    manifest = test_pictures(project)
    path = package_path(settings.destination, config.name, settings.target, key)
    with tempfile.TemporaryDirectory(prefix="template-") as scratch:
        template = read_template(settings.template or Path(), manifest.classes, Path(scratch), settings.values)
    probabilities = _predict(project, ensemble, manifest)
    checks = records(
        write_results(template, path, manifest.image_ids.tolist(), probabilities, manifest.classes,
                      label_values(manifest.classes))
    )  # fmt: skip
    commands = [f"Upload {path} on the contest's page on Codabench, under My Submissions."]
    return _finish(project, ensemble, evaluated, run, key, path, checks, commands, [template.name])


def _predict(project: Project, ensemble: Ensemble, manifest: Manifest) -> np.ndarray:
    config = ensemble.config
    settings = config.ensemble.model_copy(update={"batch_norm": statistics(config)})
    config = config.model_copy(update={"ensemble": settings})
    ensemble = Ensemble(ensemble.key, ensemble.run, config, ensemble.cleaned, ensemble.split)
    store = project.pixels(manifest)
    members = members_of(ensemble, project.console)
    probabilities, priors = predict_target(
        ensemble, members, store.read, manifest.image_ids.tolist(), "Predicting the test pictures"
    )
    if priors is not None and priors.warning:
        project.console.note(f"ensemble.prior_correction: {priors.warning}")
    if store.unreadable:
        project.console.note(
            f"{len(store.unreadable)} test pictures cannot be decoded; what is handed in for them is a guess from a "
            f"black picture: {', '.join(sorted(store.unreadable)[:5])}"
        )
    return probabilities


def _renewed(config: Config) -> list[CheckRecord]:
    """Whether the test pictures were predicted with the statistics that the scores were measured with."""
    if statistics(config) == "train":
        return []
    told = "statistics of the test pictures; "
    told += "the local scores were measured with those of training" if differs(config) else "local tests had theirs"
    return [CheckRecord(name="batch_norm: target", ok=True, message=told)]


def _finish(
    project: Project,
    ensemble: Ensemble,
    evaluated: EvaluateResult,
    run: RunDir,
    key: str,
    path: Path,
    checks: Sequence[CheckRecord],
    commands: Sequence[str],
    members: Sequence[str],
) -> dict[str, Any]:
    config = ensemble.config
    checks = [*checks, *_renewed(config), *same_setting(config, project.console)]
    card = make_card(project, ensemble, evaluated, path, key, members=members, checks=checks, commands=commands)
    size = path.stat().st_size
    figures = {
        "path": os.path.relpath(path, run.path),
        "card": os.path.relpath(card, run.path),
        "sha256": file_hash(path),
        "megabytes": round(size / 1e6, 4),
        "checks": [check.model_dump() for check in checks],
        "commands": list(commands),
        "local_accuracy": evaluated.clean.value,
        "headline": {"file": path.name, "checks passed": str(len(checks))},
    }
    write_step_page(
        run, config.name, "package", f"{path.name}: {len(checks)} checks passed.",
        package_sections(path, figures, checks, evaluated, _PROOF), config=project.config_name,
    )  # fmt: skip
    return figures
