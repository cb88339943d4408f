"""A folder for a Kaggle code contest, run as Kaggle would on the holdout pictures."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, file_hash
from toolkit.errors import ConfigError, SubmissionError
from toolkit.manifest import Location, Manifest
from toolkit.sources.table import read_table
from toolkit.steps import renewal
from toolkit.steps.cards import folder_hash, make_card
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult
from toolkit.steps.package_formats import Packing, choose_form, convert
from toolkit.steps.package_tables import find_sample
from toolkit.steps.packed_scores import other_statistics_scores, packed_scores
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.package import package_sections
from toolkit.steps.project import Project
from toolkit.steps.proving import CheckRecord, label_values, records, renewed, same_accuracy, same_setting, ties
from toolkit.steps.size_costs import cost_of_choice
from toolkit.steps.sizing import choose
from toolkit.steps.verify_kernel import kernel_python

_PROOF = (
    "The notebook was run with the data set and a contest of holdout pictures mounted as Kaggle mounts them, without "
    "network; and again with the three rows that a commit run sees."
)
_RUNS: tuple[tuple[str, bool], ...] = (("plain", True), ("by kind", False), ("as model", False))


def kernel_inputs(project: Project) -> list[str]:
    """Fingerprint of the sample.

    Raises:
        ConfigError: Owner or contest are not named.
        MissingFileError: There is no sample submission.
    """
    settings = project.config.package
    missing = [f"package.{name}" for name in ("owner", "competition") if getattr(settings, name) is None]
    if missing:
        raise ConfigError(
            f"The target kaggle-kernel needs {' and '.join(missing)}: your name on Kaggle and the contest's short "
            "name, as they stand in their addresses. They are written into the metadata of notebook and data set."
        )
    return [file_hash(find_sample(project.config))]


def package_kernel(
    project: Project, ensemble: Ensemble, evaluated: EvaluateResult, run: RunDir, key: str
) -> dict[str, Any]:
    """Build, prove and describe the folder; returns the figures of `PackageResult`.

    Args:
        project: The contest.
        ensemble: Its trained models.
        evaluated: Their scores.
        run: Where the page and the log go.
        key: Key of the package step.

    Raises:
        SubmissionError: The notebook fails, or scores otherwise than `evaluate`.
    """
    from toolkit.submission.card import package_path
    from toolkit.submission.codabench import build_zip
    from toolkit.submission.kernel import submit_commands, write_kernel
    from toolkit.submission.kernel_rules import check_kernel

    config = ensemble.config
    settings = config.package
    classes = ensemble.cleaned.manifest.classes
    sample = find_sample(config)
    packing = choose_form(config, ensemble.models)
    if packing.form == "keras":  # Kaggle's Keras is another than ours, and weights load in any
        packing = Packing("weights", packing.pins)
    python = kernel_python(packing.pins, project.console)
    chosen = choose(project, ensemble, evaluated, run.path / "models")
    parts = chosen.parts
    path = package_path(settings.destination, config.name, settings.target, key, "")
    with tempfile.TemporaryDirectory(prefix="kernel-") as scratch:
        built = build_zip(
            convert(parts.models, packing.form, run.path / "models", float16=settings.float16, console=project.console),
            Path(scratch) / "code.zip", form=packing.form, class_names=classes, image_size=config.data.image_size,
            resize_mode=config.data.resize, owner=parts.owner, blend=parts.blend.to_dict(), views=parts.views,
            batch_norm=renewal.statistics(config), batch_norm_source=config.ensemble.batch_norm_source,
            output="probabilities", label_values=label_values(classes),
            title=f"Networks of {config.name}.", max_mb=settings.max_mb,
        )  # fmt: skip
        files = Path(scratch) / "files"
        with zipfile.ZipFile(built.path) as archive:
            names = [name for name in archive.namelist() if name not in {"metadata", "requirements.txt"}]
            archive.extractall(files, names)
        members = write_kernel(
            path, {name: files / name for name in names}, name=config.name, key=key, owner=settings.owner or "",
            competition=settings.competition or "", sample=sample.name, values=settings.values, max_mb=settings.max_mb,
        )  # fmt: skip
    checks = [*records(check_kernel(path)), CheckRecord(name="runtime", ok=True, message=packing.words)]
    with project.console.progress("Proof as Kaggle runs it") as on_progress:
        runs, accuracy, log = _prove(path, sample, ensemble.split.smaller, settings.values, python)
        on_progress(1, 1)
    (run.path / "kernel.log").write_text(log, encoding="utf-8")
    checks += runs
    local = float((chosen.local.labels == ensemble.split.smaller.labels).mean())
    if renewal.renewing(config):
        checks.append(renewed(config, accuracy, local, len(ensemble.split.smaller)))
    else:
        undecided = ties(chosen.local.probabilities)
        checks.append(same_accuracy("notebook", accuracy, local, len(ensemble.split.smaller), undecided))
    checks += [*same_setting(config, project.console), *cost_of_choice(chosen.costs)]
    failed = [f"{check.name}: {check.message}" for check in checks if not check.ok]
    if failed:
        raise SubmissionError(
            f"{path} fails as Kaggle would run it: {'; '.join(failed)}. See {run.path / 'kernel.log'}."
        )
    commands = submit_commands(path)
    scores = packed_scores(project, ensemble, evaluated, chosen)
    if renewal.differs(config):
        scores = other_statistics_scores(scores, accuracy)
    shutil.rmtree(run.path / "models", ignore_errors=True)  # copies: they are in the package now
    card = make_card(project, ensemble, scores, path, key, members=members, checks=checks, commands=commands)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    figures = {
        "path": os.path.relpath(path, run.path),
        "card": os.path.relpath(card, run.path),
        "sha256": folder_hash(path),
        "megabytes": round(size / 1e6, 2),
        "checks": [check.model_dump() for check in checks],
        "commands": commands,
        "local_accuracy": local,
        "costs": [cost.model_dump() for cost in chosen.costs],
        "headline": {"folder": f"{size / 1e6:.1f} MB", "checks passed": str(len(checks))},
    }
    write_step_page(
        run, config.name, "package", f"{path.name}: {len(checks)} checks passed.",
        package_sections(path, figures, checks, scores, _PROOF), config=project.config_name,
        files={"Output of the notebook": "kernel.log"},
    )  # fmt: skip
    return figures


def _prove(
    path: Path, sample: Path, holdout: Manifest, values: str, python: str | None
) -> tuple[list[CheckRecord], float, str]:
    """Run the notebook on holdout pictures: checks, accuracy of the whole run, and all output."""
    from toolkit.submission.environments import clean_python
    from toolkit.submission.kernel_run import JUPYTER, NEEDED, STUB, run_kernel
    from toolkit.submission.sample import read_form
    from toolkit.submission.table import labels_of

    checks: list[CheckRecord] = []
    logs: list[str] = []
    accuracy = float("nan")
    with tempfile.TemporaryDirectory(prefix="contest-") as scratch:
        folder = Path(scratch)
        python = python or str(clean_python(folder / "clean", (*NEEDED, *JUPYTER)))
        trial = folder / "sample.csv"
        pictures = _trial(folder, trial, sample, holdout, values)
        for layout, whole in _RUNS:
            ran = run_kernel(path, trial, pictures, holdout.classes, layout=layout, rerun=whole,
                             rows=None if whole else STUB, python=python)  # fmt: skip
            checks += records(
                ran.checks if whole else [check for check in ran.checks if not check.ok or layout in check.name]
            )
            logs.append(f"[{layout}]\n{ran.log}")
            if whole and ran.table:
                (folder / "written.csv").write_text(ran.table, encoding="utf-8")
                labels = labels_of(read_form(trial, holdout.classes, values), read_table(folder / "written.csv"))
                accuracy = float((labels == holdout.labels).mean())
    return checks, accuracy, "\n".join(logs)


def _trial(folder: Path, trial: Path, sample: Path, holdout: Manifest, values: str) -> dict[str, Path]:
    """A contest of holdout pictures with the columns of the real sample; returns its pictures by file name."""
    from toolkit.sources.files import is_image
    from toolkit.submission.sample import read_form
    from toolkit.submission.table import table_text

    form = read_form(sample, holdout.classes, values)
    ending = is_image(form.ids[0])
    pictures: dict[str, Path] = {}
    ids = []
    for index, place in enumerate(holdout.locations()):
        source = _picture(place, folder / f"{index}.png")
        name = f"v{index:06}{source.suffix.lower()}"
        pictures[name] = source
        ids.append(name if ending else name.rpartition(".")[0])
    # Placeholders of the first rows, over and over.
    columns = {
        name: ids if name == form.id_column else [cells[row % len(cells)] for row in range(len(ids))]
        for name, cells in form.table.columns.items()
    }
    trial.write_text(table_text(columns), encoding="utf-8")
    return pictures


def _picture(place: Location, copy: Path) -> Path:
    """The file of a picture; a row of an array is written as one."""
    from PIL import Image

    from toolkit.images import read_image

    if place.array is None:
        return place.file
    Image.fromarray(np.asarray(read_image(place))).save(copy)
    return copy
