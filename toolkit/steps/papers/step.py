"""`toolkit paper -c configs/papers/NAME.yaml`: run a report's experiments, write its tables with ours beside them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.artifacts import RunDir, environment, make_key, read_json, write_json, write_text
from toolkit.console import TextTable as ConsoleTable
from toolkit.errors import ConfigError
from toolkit.report import Block
from toolkit.steps import keys
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.papers.data import check_source, resolved
from toolkit.steps.papers.document import render
from toolkit.steps.papers.stages import Stages
from toolkit.steps.papers.tables import METHODS, Part, published
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult

SCHEMA = 1

Found = tuple[list[Part], dict[str, list[Block]]]
Run = Callable[[Project, Any, RunDir, Stages], Found]


class PaperResult(StepResult):
    """A report's tables, made again.

    Attributes:
        method: Name of the report.
        document: The Markdown file.
        stage_seconds: Wall time of each stage.
        machine: What it ran on, and how busy that was.
        parts: Tables, published figures beside ours.
    """

    method: str
    document: Path
    stage_seconds: dict[str, float]
    machine: str
    parts: tuple[Part, ...]

    def tables(self) -> list[ConsoleTable]:
        """The tables of all parts."""
        return [ConsoleTable(f"{part.title}: {one.title}".rstrip(": "), one.columns, one.rows)
                for part in self.parts for one in part.tables]  # fmt: skip

    def lines(self) -> list[str]:
        """Where document and page are."""
        return [*super().lines(), f"Tables: {self.document}"]


def paper_step(project: Project) -> PaperResult:
    """Make the tables of a published report again; stages and trainings that are done are not computed again.

    Args:
        project: A config with the section `paper`.

    Raises:
        ConfigError: It has none.
        MissingFileError: The data set is not where the config says.
    """
    settings = project.config.paper
    if settings is None:
        raise ConfigError(
            f"{project.config_name} has no section `paper`, so there is no report to make again. Use one of "
            f"configs/papers/: {', '.join(f'{name}.yaml' for name in METHODS)}."
        )
    check_source(project.config.data.source, "data.source")
    document = resolved(project.config, settings.document)
    budget = settings.model_dump(mode="json", exclude={"document"})
    config = project.config
    key = make_key(
        "paper", SCHEMA, project.fingerprint, keys.training_settings(config), keys.section(config, "clean"),
        config.tune.model_dump(mode="json", by_alias=True, exclude={"storage", "heartbeat", "cache_gb"}),
        config.ensemble.folds, config.evaluate.model_dump(mode="json", exclude={"data"}), budget,
    )  # fmt: skip
    run = project.run("paper", key)

    def compute(run: RunDir) -> dict[str, Any]:
        return _compute(project, settings, run)

    result = project.perform(run, "paper", compute, _result(settings.method, document))
    before = document.read_text(encoding="utf-8") if document.exists() else ""
    command = f"toolkit paper -c {_shown(project)}"
    text = render(
        published(settings.method), command, result.parts, result.stage_seconds, result.machine, before
    )  # fmt: skip
    if text != before:
        write_text(document, text)
    return result


def _result(method: str, document: Path) -> Callable[..., PaperResult]:
    def make(**values: Any) -> PaperResult:
        return PaperResult(method=method, document=document, **values)

    return make


def _compute(project: Project, settings: Any, run: RunDir) -> dict[str, Any]:
    file = run.path / "machine.json"  # of the session that began it
    if not file.exists():
        write_json(file, _machine())
    stages = Stages(run, project.console)
    parts, charts = _method(settings.method)(project, settings, run, stages)
    report = published(settings.method)
    sections = [part.section(charts.get(part.title, [])) for part in parts]
    write_step_page(
        run, project.config.name, "paper", report.citation, sections, config=project.config_name,
        files={"Settings": "config.json"},
    )  # fmt: skip
    total = sum(stages.seconds.values())
    return {
        "stage_seconds": stages.seconds,
        "machine": read_json(file),
        "parts": [part.model_dump(mode="json") for part in parts],
        "headline": {"report": report.report, "minutes": f"{total / 60:.1f}"},
    }


def _method(name: str) -> Run:
    """The function that runs a report, imported when it is needed."""
    from importlib import import_module

    run: Run = import_module(f"toolkit.steps.papers.{name}").run
    return run


def _machine() -> str:
    versions = environment()["packages"]
    packages = ", ".join(f"{name} {versions[name]}" for name in ("tensorflow", "keras", "optuna") if name in versions)
    load = os.getloadavg()[0]
    cores = os.cpu_count() or 1
    words = f"{cores} cores ({platform.machine()}, Python {platform.python_version()}, {packages})"
    busy = "busy with other work" if load > 0.5 else "otherwise idle"
    return f"{words}, {busy} when it began (load {load:.1f})"


def _shown(project: Project) -> str:
    """The config as seen from the project's root, for configs that come with it."""
    file = project.config.file
    if file is not None and file.parent.name == "papers" and file.parent.parent.name == "configs":
        return f"configs/papers/{file.name}"
    return project.config_name
