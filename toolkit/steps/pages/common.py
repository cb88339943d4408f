"""What all pages share."""

from __future__ import annotations

import time
from collections.abc import Mapping

from toolkit.artifacts import RunDir
from toolkit.report import Link, Page, Section, write_page


def write_step_page(
    run: RunDir,
    name: str,
    step: str,
    subtitle: str,
    sections: list[Section],
    *,
    config: str,
    files: Mapping[str, str] | None = None,
) -> None:
    """Write `report.html` of a run; arguments as those of `step_page`."""
    write_page(run.path / "report.html", step_page(run, name, step, subtitle, sections, config=config, files=files))


def step_page(
    run: RunDir,
    name: str,
    step: str,
    subtitle: str,
    sections: list[Section],
    *,
    config: str,
    files: Mapping[str, str] | None = None,
) -> Page:
    """The page of a run.

    Args:
        run: Its directory.
        name: Name of the project.
        step: Name of the step.
        subtitle: What was found, in a sentence.
        sections: From top to bottom.
        config: The config as a command would name it.
        files: Files beside the page that are worth a link: what they are, and their names.
    """
    links = [Link("All steps", "../../index.html"), *(Link(text, path) for text, path in (files or {}).items())]
    meta = {"config": config, "run": run.path.name, "written": time.strftime("%Y-%m-%d %H:%M")}
    return Page(f"{name}: {step}", subtitle, sections, meta, links)
