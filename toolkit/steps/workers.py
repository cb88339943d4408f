"""Several worker processes for one search: started, watched and ended by the command that was asked for them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.artifacts import RunDir
from toolkit.config import restore
from toolkit.console import Console
from toolkit.errors import SearchError, ToolkitError
from toolkit.steps.clean import cleaned_data
from toolkit.steps.project import Project
from toolkit.steps.tune_search import storage_of, work
from toolkit.tuning.search import StudyResult, TrialRecord, load_study, open_study, study_result

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 60.0
_START = "from toolkit.steps.workers import main; main()"


def search_with_workers(
    project: Project,
    run: RunDir,
    count: int,
    threads: int | None,
    on_trial: Callable[[TrialRecord, StudyResult], None],
) -> StudyResult:
    """Let several processes search one study.

    Args:
        project: The contest; its pictures are cleaned.
        run: Directory of the search.
        count: Processes.
        threads: Threads of all of them together; None: one a core.
        on_trial: Called after each trial of any of them.

    Raises:
        SearchError: All of them failed.
    """
    config = project.config
    storage, name = storage_of(config, run)
    each = max(1, (threads or os.cpu_count() or 1) // count)
    order = {
        "config": config.model_dump(mode="json", by_alias=True),
        "file": str(config.file) if config.file else None,
        "run": str(run.path),
        "threads": each,
    }
    logs = [run.path / f"worker-{number}.log" for number in range(count)]
    processes = [_start(json.dumps(order), each, log) for log in logs]
    reporter = _Reporter(storage, name, on_trial)
    try:
        while any(process.poll() is None for process in processes):
            time.sleep(_POLL_SECONDS)
            reporter.look()
    except KeyboardInterrupt:
        # The terminal has interrupted the workers too; they end their trials cleanly.
        _end(processes)
        raise
    except BaseException:
        for process in processes:
            process.terminate()
        _end(processes)
        raise
    reporter.look()
    if all(process.returncode for process in processes):
        raise SearchError(_last_words(logs[0]))
    return load_study(storage, name)


def _start(order: str, threads: int, log: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=stream, stderr=stream, env=environment,
            text=True,
        )  # fmt: skip
    if process.stdin is None:
        raise RuntimeError("the process was started without a pipe")
    process.stdin.write(order)
    process.stdin.close()
    return process


class _Reporter:
    """Reports new trials; opens the study once, for each opening of a database holds connections."""

    def __init__(self, storage: Path | str, name: str, on_trial: Callable[[TrialRecord, StudyResult], None]) -> None:
        self._place = (storage, name)
        self._on_trial = on_trial
        self._study: Any = None
        self._known = 0

    def look(self) -> None:
        """Report the trials that are new."""
        if self._study is None:
            try:
                self._study = open_study(*self._place)
            except KeyError:  # no worker has created the study yet
                return
        result = study_result(self._study)
        if len(result.trials) > self._known:
            self._on_trial(result.trials[-1], result)
        self._known = len(result.trials)


def _end(processes: list[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + _GRACE_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        if process.poll() is None:
            process.kill()
            process.wait()


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return lines[-1] if lines else f"All workers ended without a result; {log} is empty."


def main() -> None:
    """A worker process: its order comes as JSON on stdin."""
    order = json.load(sys.stdin)
    project = Project(restore(order["config"], Path(order["file"]) if order["file"] else None), Console(quiet=True))
    try:
        work(project, cleaned_data(project), RunDir(Path(order["run"])), threads=order["threads"])
    except ToolkitError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
