"""The index page of a project: where each step stands, what it found, what to run next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from toolkit.artifacts import write_text
from toolkit.report.blocks import Badge, Cell, Code, Column, Figure, Link, Table
from toolkit.report.formatting import Tone, number
from toolkit.report.page import render_template

Status = Literal["done", "running", "interrupted", "failed", "waiting"]
STEPS = ("clean", "tune", "ensemble", "evaluate", "package")

_TONES: dict[Status, Tone] = {
    "done": "good",
    "running": "warn",
    "interrupted": "warn",
    "failed": "bad",
    "waiting": "plain",
}
_WORDS: dict[Status, str] = {"waiting": "not run yet"}
_PURPOSES = {
    "clean": "Find what is wrong in the data",
    "tune": "Search the model and its training",
    "ensemble": "Train the folds and let them vote",
    "evaluate": "Measure, and estimate the hidden score",
    "package": "Build and prove the submission",
    "preview": "Look at what the network sees",
    "tune-modify": "Sweep two settings around the best",
    "tune-unfreeze": "Unfreeze where settings do not help",
    "tune-compare": "Search methods under one budget",
    "paper": "A report's experiments, made again",
}


@dataclass(frozen=True)
class RunSummary:
    """One run of a step.

    Attributes:
        step: `clean`, `tune`, …
        status: `waiting` for a step that never ran.
        key: Key of the run directory.
        when: When it ended, or started if it has not.
        figures: Its key figures.
        report: Its `report.html`, absolute or relative to the working directory; None where there is none.
        command: The command that runs this step.
        latest: Whether `latest` points to it; otherwise the newest run of a step is shown as its card.
    """

    step: str
    status: Status = "waiting"
    key: str = ""
    when: datetime | None = None
    figures: Sequence[Figure] = ()
    report: Path | None = None
    command: str = ""
    latest: bool = False


@dataclass(frozen=True)
class _Card:
    number: int
    run: RunSummary
    purpose: str
    badge: Badge
    when: str
    link: Link | None
    is_next: bool = False


def write_index(path: Path, runs: Sequence[RunSummary], *, name: str = "", next_command: str = "") -> None:
    """Write the index page of a project, whole or not at all.

    Args:
        path: `runs/<name>/index.html`.
        runs: All runs of all steps, in any order; steps without one are shown as not run yet.
        name: The project; by default the name of the folder.
        next_command: What to run once every step is done; before that it is the command of the first that is not.

    Raises:
        DiskFullError: The disk is full.
    """
    write_text(path, render_index(path, runs, name=name, next_command=next_command))


def render_index(path: Path, runs: Sequence[RunSummary], *, name: str = "", next_command: str = "") -> str:
    """The HTML that `write_index` writes to `path`; links are relative to its folder."""
    steps = [*STEPS, *sorted({run.step for run in runs} - set(STEPS))]
    shown = [_current(step, runs) for step in steps]
    cards = [_card(index, run, path.parent) for index, run in enumerate(shown, start=1)]
    upcoming = next((card for card in cards if card.run.step in STEPS and card.run.status != "done"), None)
    if upcoming is not None:
        cards[upcoming.number - 1] = replace(upcoming, is_next=True)
        next_command = upcoming.run.command
    older = sorted((run for run in runs if run not in shown), key=_age, reverse=True)
    done = sum(card.run.status == "done" for card in cards if card.run.step in STEPS)
    return render_template(
        "index.html",
        title=name or path.resolve().parent.name,
        subtitle=f"{done} of {len(STEPS)} steps done",
        cards=cards,
        command=Code(next_command) if next_command else None,
        next_step=upcoming.run.step if upcoming else "",
        older=_older(older, path.parent) if older else None,
    )


def _current(step: str, runs: Sequence[RunSummary]) -> RunSummary:
    of_step = [run for run in runs if run.step == step]
    return max(of_step, key=lambda run: (run.latest, *_age(run)), default=RunSummary(step))


def _age(run: RunSummary) -> tuple[float, str]:
    return (run.when.timestamp() if run.when else float("-inf"), run.key)


def _card(index: int, run: RunSummary, folder: Path) -> _Card:
    badge = Badge(_WORDS.get(run.status, run.status), _TONES[run.status])
    link = _link("Open the report", run, folder)
    return _Card(index, run, _PURPOSES.get(run.step, ""), badge, _time(run), link)


def _link(text: str, run: RunSummary, folder: Path) -> Link | None:
    if run.report is None:
        return None
    return Link(text, Path(os.path.relpath(run.report.absolute(), folder.absolute())).as_posix())


def _time(run: RunSummary) -> str:
    return run.when.strftime("%Y-%m-%d %H:%M") if run.when else ""


def _older(runs: Sequence[RunSummary], folder: Path) -> Table:
    rows: list[list[Cell]] = []
    for run in runs:
        figures = ", ".join(
            f"{figure.label} {number(figure.value, figure.style, figure.digits)}" for figure in run.figures
        )
        badge = Badge(_WORDS.get(run.status, run.status), _TONES[run.status])
        rows.append([run.step, run.key, _time(run), badge, figures, _link("report", run, folder) or ""])
    columns = [Column("Step"), Column("Run"), Column("When"), Column("Status"), Column("Figures"), Column("Report")]
    return Table(columns, rows)
