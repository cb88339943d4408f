"""The index page of a project: where each step stands, and the next command."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from toolkit.artifacts import RunDir
from toolkit.report import Figure, RunSummary, write_index

ROAD = ("clean", "tune", "ensemble", "evaluate", "package")
# No part of the road: shown where they have run.
ASIDE = ("preview", "tune-modify", "tune-unfreeze", "tune-compare", "paper")


def write_runs_index(folder: Path, config: str) -> Path:
    """Write `runs/<name>/index.html` from the runs below it.

    Args:
        folder: `runs/<name>`.
        config: Path of the config, for the commands shown.

    Returns:
        The page.
    """
    runs: list[RunSummary] = []
    for step in (*ROAD, *ASIDE):
        found = [RunDir(path) for path in sorted((folder / step).glob("*")) if _is_run(path)]
        runs += [_summary(step, run, config) for run in found]
        if not found and step in ROAD:
            runs.append(RunSummary(step, command=f"toolkit {step} -c {config}"))
    page = folder / "index.html"
    write_index(page, runs, name=folder.name, next_command=f"toolkit predict -c {config} --data NEW -o predictions.npz")
    return page


def _is_run(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and (path / "config.json").exists()


def _summary(step: str, run: RunDir, config: str) -> RunSummary:
    figures: tuple[Figure, ...] = ()
    if run.done:
        with suppress(OSError, ValueError):
            figures = tuple(Figure(label, value) for label, value in run.summary().get("headline", {}).items())
    report = run.path / "report.html"
    marker = run.path / ("DONE" if run.done else "config.json")
    return RunSummary(
        step=step,
        status="done" if run.done else "interrupted",
        key=run.path.name,
        when=datetime.fromtimestamp(marker.stat().st_mtime).astimezone(),
        figures=figures,
        report=report if report.exists() else None,
        command=f"toolkit {step.replace('-', ' --')} -c {config}",
        latest=(run.path.parent / "latest").resolve() == run.path.resolve(),
    )
