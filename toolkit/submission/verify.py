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
from toolkit.submission.bundle import PROBABILITIES
from toolkit.submission.checks import UNSAFE, Check, inspect, is_result, open_archive
from toolkit.submission.label_files import LabelFile, find_labels, paired, to_labels
from toolkit.submission.outcome import judge_predictions, read_expected, read_scores
from toolkit.submission.permutation import judge_order
from toolkit.submission.versions import judge_versions
from toolkit.submission.worker import (
    APP,
    Prediction,
    Scoring,
    Task,
    arguments,
    lay_out_prediction,
    lay_out_scoring,
    read_command,
    read_task,
    rewrite_paths,
)

_STILL_SCORED = "The contest still scores such a run, as a rule 0.0, and counts it as a submission."

_SKEW = "The versions are not those that it was made for: see `versions`."


@dataclass(frozen=True)
class WorkerResult:
    """What came of running a submission.

    Attributes:
        checks: Everything looked at, in order.
        scores: What the scoring program wrote, by name; empty if it wrote none.
        predictions: What the submission returned, None if nothing.
        probabilities: `(n, k)` behind them where the bundle's ingestion kept them, else None.
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
    probabilities: np.ndarray | None = None

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
    time_limit_s: float | None = None,
    max_mb: float = 500.0,
    work_dir: Path | None = None,
    mount: bool = True,
) -> WorkerResult:
    """Run a submission as Codabench's compute worker does: prediction, then scoring.

    Each step starts in the directory of its program, as a process of its own with an emptied environment, without
    network and with the submission read-only as far as this machine permits, and is ended with all its processes at
    the time limit. It sees its directories under `/app`, as in the worker's container, where a mount namespace is
    permitted; else paths under `/app` are rewritten in copies of the programs. A submission is wrong, not an error: see
    the checks.

    Args:
        submission: The zip.
        bundle: Competition bundle, a folder or a zip.
        python: Interpreter that runs the programs.
        time_limit_s: Seconds for each step, None for what the bundle's first phase says.
        max_mb: Largest zip in MB.
        work_dir: Folder in which to make the temporary one, None for the system's.
        mount: False: rewrite paths under `/app` even where a mount namespace is permitted.

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
        limit = task.time_limit_s if time_limit_s is None else time_limit_s
        mounts = mount and sandbox.can_show(APP.name, python, scratch)
        worker = _Worker(Path(scratch), python, limit, mounts)
        return _run(archive, task, worker, checks)


@dataclass(frozen=True)
class _Worker:
    """How steps are run: folder for everything, interpreter, seconds, whether they see `/app`."""

    scratch: Path
    python: str
    time_limit_s: float
    mounts: bool

    def step(self, command: str, places: Prediction | Scoring, read_only: Path | None = None) -> sandbox.Ran:
        app = places.program.parent
        return sandbox.run(
            arguments(command, places.variables(APP if self.mounts else app), self.python),
            working_dir=places.program,
            time_limit_s=self.time_limit_s,
            home=self.scratch / "home",
            read_only=read_only,
            shown=sandbox.Shown(app, APP.name, places.program.name) if self.mounts else None,
        )

    def settle(self, places: Prediction | Scoring) -> None:
        """Make paths under `/app` work where they are not mounted."""
        if not self.mounts:
            rewrite_paths(places.program.parent)

    def check(self) -> Check:
        """What this machine permitted."""
        permitted = sandbox.isolation()
        network = "no network" if permitted.network else "network not cut off (needs root or user namespaces)"
        paths = "folders under /app" if self.mounts else "paths under /app rewritten in copies of the programs"
        return Check("isolation", True, f"emptied environment, {network}, submission read-only, {paths}")


def _run(archive: zipfile.ZipFile, task: Task, worker: _Worker, checks: list[Check]) -> WorkerResult:
    checks.append(worker.check())
    places = lay_out_prediction(worker.scratch / "prediction", task, archive)
    seconds, memory, log = 0.0, 0.0, ""
    goes_on = True
    if task.ingestion_program is not None:
        worker.settle(places)
        command = read_command(places.program)
        if command is None:
            checks.append(Check("ingestion", False, "The bundle's ingestion program has no command in its metadata."))
            return WorkerResult(tuple(checks), {}, None, seconds, memory, log)
        ran = worker.step(command, places, read_only=places.ingested_program)
        seconds, memory, log = ran.seconds, ran.peak_memory_mb, f"[ingestion]\n{ran.log}"
        versions = judge_versions(archive, worker.python, ran.exit_code == 0, ran.log)
        skew = any(not check.ok for check in versions)
        checks += [_ingestion_check(ran, archive.namelist(), worker.time_limit_s, skew), *versions]
        goes_on = ran.exit_code is not None
    expected = read_expected(task.input_data)
    predictions, judged = judge_predictions(places.output, expected, () if is_result(archive) else archive.namelist())
    checks.extend(judged)
    checks.extend(_order(task, places.output, predictions, expected.label_values))
    kept = places.output / PROBABILITIES
    probabilities = np.load(kept, allow_pickle=False) if kept.is_file() and predictions is not None else None
    if task.ingestion_program is not None and (places.output / "metadata").exists():
        checks.append(Check("output", False, "The file `metadata` in the output is the worker's own. Don't write it."))
        goes_on = False
    scores: dict[str, float] = {}
    if goes_on:
        scoring = lay_out_scoring(worker.scratch / "scoring", task, places.output)
        scores, scoring_log, judged = _score(scoring, worker)
        log += scoring_log
        checks.extend(judged)
    return WorkerResult(tuple(checks), scores, predictions, seconds, memory, log, probabilities)


def _order(
    task: Task, output: Path, predictions: np.ndarray | None, label_values: tuple[int, ...] | None
) -> list[Check]:
    """Whether labels are permuted, where truth and predictions can be told."""
    labels = None if predictions is None else to_labels(predictions, label_values)
    given = find_labels(output) if labels is None else LabelFile(labels)
    truth = None if given is None else find_labels(task.reference_data, len(given.labels))
    both = None if truth is None or given is None else paired(truth, given)
    return [] if both is None else [judge_order(*both)]


def _score(places: Scoring, worker: _Worker) -> tuple[dict[str, float], str, list[Check]]:
    worker.settle(places)
    command = read_command(places.program)
    if command is None:
        return {}, "", [Check("scoring", False, "The bundle's scoring program has no command in its metadata.")]
    ran = worker.step(command, places)
    log = f"[scoring]\n{ran.log}"
    if ran.exit_code != 0:
        limit = f"went over {worker.time_limit_s:g} s"
        how = limit if ran.exit_code is None else f"ended with status {ran.exit_code}"
        message = f"The scoring program {how}: {_last_line(ran.log)}. The submission fails."
        return {}, log, [Check("scoring", False, message)]
    scores, check = read_scores(places.output)
    return scores, log, [Check("scoring", True, f"{ran.seconds:.1f} s"), check]


def _ingestion_check(ran: sandbox.Ran, members: list[str], time_limit_s: float, skew: bool) -> Check:
    if ran.exit_code is None:
        return Check(
            "ingestion",
            False,
            f"Too slow: ended at the time limit of {time_limit_s:g} s, so the submission fails. Pack fewer members "
            "(package.members) or a smaller backbone.",
        )
    if ran.exit_code == 0:
        return Check("ingestion", True, f"{ran.seconds:.1f} s, {ran.peak_memory_mb:.0f} MB")
    advice = _SKEW if skew else _advice(ran, members)
    message = f"Ended with status {ran.exit_code}: {_last_line(ran.log)}. {advice} {_STILL_SCORED}"
    return Check("ingestion", False, message)


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
