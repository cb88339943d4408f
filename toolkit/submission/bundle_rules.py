"""What Codabench demands of a competition bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from toolkit.submission.checks import METADATA_NAMES, Check

_REQUIRED = ("version", "title", "image", "terms", "pages", "phases", "tasks", "leaderboards")
_PHASE = ("name", "start", "tasks")
_TASK = ("index", "name", "scoring_program")
_BOARD = ("title", "key", "columns")
_COLUMN = ("title", "key", "index", "sorting")


def check_bundle(folder: Path) -> list[Check]:
    """Look at an unpacked bundle as Codabench's unpacker does.

    Args:
        folder: Holds `competition.yaml`.

    Returns:
        One check each for the description, its files, phases, tasks and leaderboards.
    """
    import yaml

    path = folder / "competition.yaml"
    if not path.is_file():
        message = "competition.yaml is missing from the top: zip the files themselves, not the folder that holds them."
        return [Check("competition.yaml", False, message)]
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [Check("competition.yaml", False, f"competition.yaml is not YAML ({error}).")]
    if not isinstance(content, dict):
        return [
            Check("competition.yaml", False, "competition.yaml must be a mapping of keys such as title and phases.")
        ]
    looks = {
        "competition.yaml": _keys(content),
        "phases": _phases(content),
        "tasks": _tasks(content),
        "leaderboards": _boards(content),
        "files": _files(content, folder),
    }
    checks = []
    for name, problems in looks.items():
        found = list(problems)
        checks.append(Check(name, not found, " ".join(found) or "as Codabench demands"))
    return checks


def _keys(content: Mapping[str, Any]) -> Iterator[str]:
    missing = [key for key in _REQUIRED if not content.get(key)]
    if missing:
        yield f"competition.yaml lacks {', '.join(missing)}: add them."
    if content.get("version") not in (2, "2"):
        yield f"version is {content.get('version')!r}, but must be 2."


def _listed(content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = content.get(key)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _lacking(entry: Mapping[str, Any], keys: tuple[str, ...], what: str) -> Iterator[str]:
    missing = [key for key in keys if entry.get(key) in (None, "", [])]
    if missing:
        yield f"{what} lacks {', '.join(missing)}."


def _phases(content: Mapping[str, Any]) -> Iterator[str]:
    known = {task.get("index") for task in _listed(content, "tasks")}
    phases = _listed(content, "phases")
    if not phases:
        yield "There is no phase."
    for number, phase in enumerate(phases):
        yield from _lacking(phase, _PHASE, f"Phase {number}")
        if "end" not in phase and number < len(phases) - 1:
            yield f"Phase {number} lacks end, which only the last phase may do without."
        strangers = [index for index in phase.get("tasks") or [] if index not in known]
        if strangers:
            yield f"Phase {number} names the tasks {strangers}, which are not among {sorted(map(str, known))}."
        start, end = _moment(phase.get("start")), _moment(phase.get("end"))
        if start is None or ("end" in phase and end is None):
            yield f"Phase {number} has a start or end that is no date."
        elif end is not None and end <= start:
            yield f"Phase {number} ends before it starts."


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None


def _tasks(content: Mapping[str, Any]) -> Iterator[str]:
    tasks = _listed(content, "tasks")
    if not tasks:
        yield "There is no task."
    for number, task in enumerate(tasks):
        yield from _lacking(task, _TASK, f"Task {number}")


def _boards(content: Mapping[str, Any]) -> Iterator[str]:
    boards = _listed(content, "leaderboards")
    if not boards:
        yield "There is no leaderboard."
    for number, board in enumerate(boards):
        yield from _lacking(board, _BOARD, f"Leaderboard {number}")
        for column in _listed(board, "columns"):
            yield from _lacking(column, _COLUMN, f"A column of leaderboard {number}")
            if column.get("sorting") not in ("asc", "desc"):
                yield f"The sorting of column {column.get('key')!r} must be asc or desc."


def _files(content: Mapping[str, Any], folder: Path) -> Iterator[str]:
    named = {"image": content.get("image"), "terms": content.get("terms")}
    for number, page in enumerate(_listed(content, "pages")):
        named[f"page {number}"] = page.get("file")
    for task in _listed(content, "tasks"):
        for part in ("ingestion_program", "scoring_program", "input_data", "reference_data"):
            named[part] = task.get(part)
    for what, name in named.items():
        if not name:
            continue
        path = folder / str(name)
        if not path.resolve().is_relative_to(folder.resolve()):
            yield f"{what} names {name}, which lies outside of the bundle."
        elif not path.exists():
            yield f"{what} names {name}, which is not in the bundle."
        elif what.endswith("_program") and path.is_dir() and not any((path / m).is_file() for m in METADATA_NAMES):
            yield f"{name} has no metadata.yaml with a command, so it cannot be run."
