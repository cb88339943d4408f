"""The contest worker's directories and commands, laid out in a folder of our own."""

from __future__ import annotations

import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission.checks import METADATA_NAMES

APP = Path("/app")  # where a worker's container has its folders
_PARTS = ("scoring_program", "ingestion_program", "input_data", "reference_data")
_REWRITTEN = {".py", ".sh", ".yaml", ".yml", ".json", ".txt", ".cfg", ".ini", ".toml", ""}
_REWRITTEN_BYTES = 1_000_000
_APP_PATH = re.compile(r"(?<![\w./-])/app(?=/(program|ingested_program|input_data|input|output|shared)\b)")
_PYTHON = re.compile(r"^(/\S*/)?python(3(\.\d+)?)?$")


@dataclass(frozen=True)
class Task:
    """The parts of a competition that a submission meets, each a folder.

    Attributes:
        scoring_program: Turns predictions into scores.
        ingestion_program: Runs the submission, None in a contest of results.
        input_data: What the submission sees.
        reference_data: The truth.
        time_limit_s: Seconds that the first phase grants each step.
    """

    scoring_program: Path
    ingestion_program: Path | None
    input_data: Path | None
    reference_data: Path | None
    time_limit_s: float = 600.0


@dataclass(frozen=True)
class Prediction:
    """Directories of the prediction step: `/app/...` of the worker.

    Attributes:
        program: Ingestion program, the working directory.
        ingested_program: The submission, unpacked.
        input_data: What the submission sees.
        output: Where predictions go.
    """

    program: Path
    ingested_program: Path
    input_data: Path
    output: Path

    def variables(self, app: Path) -> dict[str, Path]:
        """What the command's `$names` stand for, for a program that sees these directories in `app`."""
        program, output = app / "program", app / "output"
        return {"input": app / "input_data", "output": output, "program": program, "ingestion_program": program,
                "submission_program": app / "ingested_program", "hidden": app / "input" / "ref",
                "shared": app / "shared", "tmp": output, "predictions": output}  # fmt: skip


@dataclass(frozen=True)
class Scoring:
    """Directories of the scoring step: `/app/...` of the worker.

    Attributes:
        program: Scoring program, the working directory.
        input: Holds `ref`, the truth, and `res`, the predictions.
        output: Where scores go.
        shared: An empty folder.
    """

    program: Path
    input: Path
    output: Path
    shared: Path

    def variables(self, app: Path) -> dict[str, Path]:
        """What the command's `$names` stand for, for a program that sees these directories in `app`."""
        program, given, output = app / "program", app / "input", app / "output"
        return {"input": given, "output": output, "program": program, "ingestion_program": program,
                "submission_program": app / "ingested_program", "hidden": given / "ref", "shared": app / "shared",
                "tmp": output, "predictions": given / "res"}  # fmt: skip


def read_task(bundle: Path, scratch: Path) -> Task:
    """Find the first task of a competition bundle.

    Args:
        bundle: Folder, or zip of it.
        scratch: Folder for what must be unpacked.

    Raises:
        MissingFileError: The bundle, its `competition.yaml` or a part that this names is missing.
        SubmissionError: `competition.yaml` describes no task with a scoring program.
    """
    import yaml

    if not bundle.exists():
        raise MissingFileError(f"The competition bundle {bundle} does not exist.")
    folder = _unpacked(bundle, scratch / "bundle")
    description = folder / "competition.yaml"
    if not description.is_file():
        raise MissingFileError(f"{bundle} is no Codabench bundle: competition.yaml is missing from its top.")
    try:
        content: Any = yaml.safe_load(description.read_text(encoding="utf-8"))
        task = content["tasks"][0]
        names = {part: task.get(part) for part in _PARTS}
        phases = content.get("phases") or [{}]
        limit = float(phases[0].get("execution_time_limit") or Task.time_limit_s)
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise SubmissionError(
            f"{description} lists no task: a bundle needs `tasks`, each with index, name and scoring_program ({error})."
        ) from error
    if not names["scoring_program"]:
        raise SubmissionError(f"The first task of {description} has no scoring_program, so nothing can be scored.")
    parts: dict[str, Path | None] = {}
    for part, name in names.items():
        path = folder / str(name) if name else None
        if path is not None and not path.exists():
            raise MissingFileError(f"{description} names {part}: {name}, but {path} does not exist.")
        parts[part] = _unpacked(path, scratch / part) if path is not None else None
    return Task(**parts, time_limit_s=limit)  # type: ignore[arg-type]


def lay_out_prediction(root: Path, task: Task, submission: zipfile.ZipFile) -> Prediction:
    """Create the directories of the prediction step under `root/app`."""
    app = root / "app"
    places = Prediction(app / "program", app / "ingested_program", app / "input_data", app / "output")
    submission.extractall(places.ingested_program)
    places.ingested_program.mkdir(exist_ok=True)
    places.output.mkdir()
    _copy(task.ingestion_program, places.program)
    _copy(task.input_data, places.input_data)
    if not any((places.ingested_program / name).exists() for name in METADATA_NAMES):
        # Without one of these files it is a result submission, all of which are predictions.
        shutil.copytree(places.ingested_program, places.output, dirs_exist_ok=True)
    return places


def lay_out_scoring(root: Path, task: Task, predictions: Path) -> Scoring:
    """Create the directories of the scoring step under `root/app`."""
    app = root / "app"
    places = Scoring(app / "program", app / "input", app / "output", app / "shared")
    places.output.mkdir(parents=True)
    places.shared.mkdir()
    _copy(task.scoring_program, places.program)
    _copy(task.reference_data, places.input / "ref")
    _copy(predictions, places.input / "res")
    return places


def read_command(program: Path) -> str | None:
    """The `command` of a program's `metadata.yaml`, else `metadata`; None where there is none."""
    import yaml

    for name in METADATA_NAMES:
        if (program / name).is_file():
            try:
                content = yaml.safe_load((program / name).read_text(encoding="utf-8"))
            except yaml.YAMLError:
                return None
            command = content.get("command") if isinstance(content, dict) else None
            return str(command) if command else None
    return None


def arguments(command: str, variables: dict[str, Path], python: str) -> list[str]:
    """Split a command as the worker does, at spaces and without a shell, and fill in its `$names`.

    Args:
        command: From the metadata of a program.
        variables: Paths by name.
        python: Interpreter that takes the place of a leading `python` or `python3`.
    """
    words = [word for word in command.split(" ") if word]
    # Longer names first, so that none is taken for a shorter one that it starts with.
    for name in sorted(variables, key=len, reverse=True):
        words = [word.replace(f"${name}", str(variables[name])) for word in words]
    if words and _PYTHON.match(words[0]):
        words[0] = python
    return words


def rewrite_paths(app: Path) -> None:
    """Replace `/app/program` and the like by their places below `app` in the text files of programs and submission.

    This stands in for a mount where none is permitted. It finds paths that are written out; a path that a program puts
    together from parts is not found.

    Args:
        app: Holds copies, which are changed in place.
    """
    for part in ("program", "ingested_program"):
        for path in sorted((app / part).rglob("*")) if (app / part).is_dir() else ():
            if not path.is_file() or path.suffix not in _REWRITTEN or path.stat().st_size > _REWRITTEN_BYTES:
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            changed = _APP_PATH.sub(lambda _: str(app), text)
            if changed != text:
                path.write_text(changed, encoding="utf-8")


def _copy(source: Path | None, destination: Path) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    if source is not None:
        shutil.copytree(source, destination, dirs_exist_ok=True)


def _unpacked(path: Path, destination: Path) -> Path:
    if path.is_dir():
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(destination)
    except zipfile.BadZipFile as error:
        raise SubmissionError(f"{path} is neither a folder nor a zip that can be read ({error}).") from error
    return destination
