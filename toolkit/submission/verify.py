"""The proof of a submission: run in a re-created contest worker, every step of it checked."""

from __future__ import annotations

import re
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.submission import sandbox
from toolkit.submission.checks import UNSAFE, Check, inspect, open_archive
from toolkit.submission.outcome import judge_predictions, read_expected, read_scores
from toolkit.submission.worker import (
    Prediction,
    Scoring,
    Task,
    arguments,
    lay_out_prediction,
    lay_out_scoring,
    read_command,
    read_task,
)

_STILL_SCORED = "The contest still scores such a run, as a rule 0.0, and counts it as a submission."


@dataclass(frozen=True)
class WorkerResult:
    """What came of running a submission.

    Attributes:
        checks: Everything looked at, in order.
        scores: What the scoring program wrote, by name; empty if it wrote none.
        predictions: What the submission returned, None if nothing.
        seconds: Wall time of the prediction step.
        peak_memory_mb: Its largest resident memory, in MB (10^6 bytes).
        log: What both steps wrote to stdout and stderr.
    """

    checks: tuple[Check, ...]
    scores: dict[str, float]
    predictions: np.ndarray | None
    seconds: float
    peak_memory_mb: float
    log: str

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.ok)


def run_worker(
    submission: Path,
    bundle: Path,
    *,
    python: str = sys.executable,
    time_limit_s: float = 600.0,
    max_mb: float = 500.0,
    work_dir: Path | None = None,
) -> WorkerResult:
    """Run a code submission as Codabench's compute worker does: prediction, then scoring.

    Each step starts in the directory of its program, as a process of its own with an emptied environment, without
    network and with the submission read-only as far as this machine permits, and is ended with all its processes at
    the time limit. A submission is wrong, not an error: see the checks.

    Args:
        submission: The zip.
        bundle: Competition bundle, a folder or a zip.
        python: Interpreter that runs the programs.
        time_limit_s: Seconds for each step.
        max_mb: Largest zip in MB.
        work_dir: Folder in which to make the temporary one, None for the system's.

    Raises:
        MissingFileError: The bundle or a part of it does not exist.
        SubmissionError: The bundle is none.
    """
    opened = open_archive(submission)
    if isinstance(opened, Check):
        return WorkerResult((opened,), {}, None, 0.0, 0.0, "")
    with opened as archive, tempfile.TemporaryDirectory(prefix="worker-", dir=work_dir) as scratch:
        task = read_task(bundle, Path(scratch))
        checks = list(inspect(archive, max_mb))
        if any(check.name in UNSAFE and not check.ok for check in checks):
            return WorkerResult(tuple(checks), {}, None, 0.0, 0.0, "")
        return _run(archive, task, Path(scratch), checks, python, time_limit_s)


def _run(
    archive: zipfile.ZipFile, task: Task, scratch: Path, checks: list[Check], python: str, time_limit_s: float
) -> WorkerResult:
    checks.append(_isolation_check())
    places = lay_out_prediction(scratch / "prediction", task, archive)
    seconds, memory, log = 0.0, 0.0, ""
    goes_on = True
    if task.ingestion_program is not None:
        command = read_command(places.program)
        if command is None:
            checks.append(Check("ingestion", False, "The bundle's ingestion program has no command in its metadata."))
            return WorkerResult(tuple(checks), {}, None, seconds, memory, log)
        ran = _step(command, places, scratch, python, time_limit_s, read_only=places.ingested_program)
        seconds, memory, log = ran.seconds, ran.peak_memory_mb, f"[ingestion]\n{ran.log}"
        checks.append(_ingestion_check(ran, archive.namelist(), time_limit_s))
        goes_on = ran.exit_code is not None
    predictions, judged = judge_predictions(places.output, read_expected(task.input_data))
    checks.extend(judged)
    if (places.output / "metadata").exists():
        checks.append(Check("output", False, "The file `metadata` in the output is the worker's own. Don't write it."))
        goes_on = False
    scores: dict[str, float] = {}
    if goes_on:
        scoring = lay_out_scoring(scratch / "scoring", task, places.output)
        scores, scoring_log, judged = _score(scoring, scratch, python, time_limit_s)
        log += scoring_log
        checks.extend(judged)
    return WorkerResult(tuple(checks), scores, predictions, seconds, memory, log)


def _score(
    places: Scoring, scratch: Path, python: str, time_limit_s: float
) -> tuple[dict[str, float], str, list[Check]]:
    command = read_command(places.program)
    if command is None:
        return {}, "", [Check("scoring", False, "The bundle's scoring program has no command in its metadata.")]
    ran = _step(command, places, scratch, python, time_limit_s)
    log = f"[scoring]\n{ran.log}"
    if ran.exit_code != 0:
        how = f"went over {time_limit_s:g} s" if ran.exit_code is None else f"ended with status {ran.exit_code}"
        return (
            {},
            log,
            [Check("scoring", False, f"The scoring program {how}: {_last_line(ran.log)}. The submission fails.")],
        )
    scores, check = read_scores(places.output)
    return scores, log, [Check("scoring", True, f"{ran.seconds:.1f} s"), check]


def _step(
    command: str,
    places: Prediction | Scoring,
    scratch: Path,
    python: str,
    time_limit_s: float,
    read_only: Path | None = None,
) -> sandbox.Ran:
    return sandbox.run(
        arguments(command, places.variables, python),
        working_dir=places.program,
        time_limit_s=time_limit_s,
        home=scratch / "home",
        read_only=read_only,
    )


def _isolation_check() -> Check:
    permitted = sandbox.isolation()
    network = "no network" if permitted.network else "network not cut off (needs root or user namespaces)"
    return Check("isolation", True, f"emptied environment, {network}, submission read-only")


def _ingestion_check(ran: sandbox.Ran, members: list[str], time_limit_s: float) -> Check:
    if ran.exit_code is None:
        return Check(
            "ingestion",
            False,
            f"Ended at the time limit of {time_limit_s:g} s, so the submission fails. Pack fewer folds or a smaller "
            "backbone.",
        )
    if ran.exit_code == 0:
        return Check("ingestion", True, f"{ran.seconds:.1f} s, {ran.peak_memory_mb:.0f} MB")
    return Check(
        "ingestion",
        False,
        f"Ended with status {ran.exit_code}: {_last_line(ran.log)}. {_advice(ran, members)} {_STILL_SCORED}",
    )


def _advice(ran: sandbox.Ran, members: list[str]) -> str:
    if ran.exit_code == -9:
        return "It was killed, most likely for want of memory: predict in smaller batches."
    if "No module named 'model'" in ran.log:
        return "model.py must lie at the top of the zip, not in a folder."
    missing = re.search(r"ModuleNotFoundError: No module named '([^']+)'", ran.log)
    if missing:
        return f"The package {missing.group(1)} is not there: do without it, or check that the contest offers it."
    absent = re.search(r"No such file|not found|cannot find|unable to open", ran.log, re.IGNORECASE)
    if absent and any(Path(name).name in ran.log for name in members if not name.endswith((".py", "/"))):
        return (
            "A file of the zip was looked for in the working directory: open it beside the code, with "
            "os.path.join(os.path.dirname(os.path.abspath(__file__)), name)."
        )
    return "Correct what the log of the ingestion shows."


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1].rstrip(".")[:300] if lines else "it wrote nothing"
