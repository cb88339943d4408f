"""`toolkit verify`: any submission, ours or not, run and read as the contest will."""

from __future__ import annotations

import ast
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from toolkit.artifacts import environment, file_hash
from toolkit.console import Console, TextTable
from toolkit.errors import MissingFileError, SubmissionError, ToolkitError
from toolkit.steps.cards import folder_hash
from toolkit.steps.package import check_table
from toolkit.steps.proving import CheckRecord, foretell, records
from toolkit.steps.results import Result
from toolkit.steps.verify_kernel import kernel_python, verify_kernel

if TYPE_CHECKING:
    from toolkit.submission.environments import Pins

_TRIAL = (24, 61, 83)  # pictures, height, width: none of which a network is likely to want
_TIMED = 300  # pictures where the time is asked for: few tell little but how long it takes to start
_LOG_LINES, _LOG_WIDTH = 15, 300  # of the log that is shown
_MEANINGLESS = {"scores", "label order"}  # on pictures of noise


class VerifyResult(Result):
    """What was found.

    Attributes:
        path: The submission.
        ok: Whether every check holds.
        checks: Everything looked at.
        scores: What the bundle's scoring wrote; empty without a bundle.
        seconds: Wall time of the prediction step.
        peak_memory_mb: Its largest resident memory.
        log: The end of what the programs wrote.
    """

    path: Path
    ok: bool
    checks: tuple[CheckRecord, ...]
    scores: dict[str, float] = Field(default_factory=dict)
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    log: str = ""

    def tables(self) -> list[TextTable]:
        """One row a check."""
        scored = ", ".join(f"{name} {value:.4f}" for name, value in self.scores.items())
        return [check_table(self.path.name, self.checks, scored)]

    def lines(self) -> list[str]:
        """What the programs wrote, where something is wrong."""
        if self.ok:
            return ["Nothing found that would make it fail."]
        last = [_shorten(line) for line in self.log.strip().splitlines() if line.strip()][-_LOG_LINES:]
        return ["The end of the log:", *last] if last else []

    def raise_if_wrong(self) -> None:
        """Raise `SubmissionError` where a check does not hold, so that scripts see exit code 1."""
        failed = [check for check in self.checks if not check.ok]
        if failed:
            raise SubmissionError(
                f"{self.path.name} would fail: {len(failed)} of {len(self.checks)} checks do not hold "
                f"({', '.join(check.name for check in failed)})."
            )


def _shorten(line: str) -> str:
    """A line of a log as it is shown: Keras writes whole configurations into one."""
    return line if len(line) <= _LOG_WIDTH else f"{line[: _LOG_WIDTH // 2]} … {line[-_LOG_WIDTH // 2 :]}"


def verify(
    path: Path,
    *,
    bundle: Path | None = None,
    sample: Path | None = None,
    python: str | None = None,
    runtime: str | None = None,
    time_limit_s: float | None = None,
    max_mb: float = 500.0,
    hidden_images: int | None = None,
    console: Console | None = None,
) -> VerifyResult:
    """Check a submission.

    Args:
        path: A Codabench zip of code or results, a Kaggle table (CSV), or a Kaggle kernel's folder.
        bundle: Competition bundle, folder or zip; without one, code is run on pictures of noise, which shows whether
            it runs but not what it scores.
        sample: The contest's sample submission, which a table is compared with.
        python: Interpreter that runs the programs: one with the contest's versions of TensorFlow and Keras.
        runtime: Versions, as in `tensorflow=2.17.1,keras=3.4.1,python=3.11`, of which an environment is built in place
            of `python`; or `current`. Without both, those that the card beside the submission names.
        time_limit_s: Seconds for each step; None: what the bundle says, else 600.
        max_mb: Largest zip in MB.
        hidden_images: Pictures of the hidden test, to foretell the time.
        console: Shows the progress.

    Raises:
        MissingFileError: A file is missing.
        SubmissionError: The bundle is none.
    """
    if path.suffix == ".csv":
        return _table(path, sample)
    if (path / "kernel").is_dir():
        there = python or kernel_python(_pins(path, runtime), console or Console(quiet=True))
        with (console or Console(quiet=True)).progress("Running it as Kaggle does") as on_progress:
            kernel, seconds, log = verify_kernel(path, sample, there, time_limit_s)
            on_progress(1, 1)
        return _result(path, [_integrity(path), *kernel], seconds, log)
    if path.is_dir():
        raise SubmissionError(f"{path} is a folder. Zip the files in it (not the folder) as they are to be handed in.")
    from toolkit.submission.verify import run_worker

    python, told = _interpreter(path, python, runtime, console or Console(quiet=True))
    with (
        tempfile.TemporaryDirectory(prefix="verify-") as scratch,
        (console or Console(quiet=True)).progress("Running it as the contest does") as on_progress,
    ):
        place = bundle or _trial_bundle(path, Path(scratch) / "bundle", _TIMED if hidden_images else _TRIAL[0])
        result = run_worker(path, place, python=python, time_limit_s=time_limit_s, max_mb=max_mb)
        on_progress(1, 1)
    checks = [_integrity(path), *records(result.checks), CheckRecord(name="runtime", ok=True, message=told)]
    if bundle is None:
        checks = [check for check in checks if check is None or check.name not in _MEANINGLESS]
        told = "none given: run on pictures of noise, so nothing is known of the score; give --bundle"
        checks.append(CheckRecord(name="bundle", ok=True, message=told))
    checks.append(foretell(result.log, hidden_images, time_limit_s or 600.0))
    return _result(
        path, checks, result.seconds, result.log, scores=result.scores if bundle else {},
        peak_memory_mb=round(result.peak_memory_mb, 1),
    )  # fmt: skip


def _result(path: Path, checks: Sequence[CheckRecord | None], seconds: float, log: str, **figures: Any) -> VerifyResult:
    kept = tuple(check for check in checks if check is not None)
    return VerifyResult(step="verify", path=path, ok=all(check.ok for check in kept), checks=kept,
                        seconds=round(seconds, 2), log=log[-4000:], **figures)  # fmt: skip


def _interpreter(path: Path, python: str | None, runtime: str | None, console: Console) -> tuple[str, str]:
    """The interpreter that runs a submission, and what is to be said of it."""
    from toolkit.submission.environments import runtime_python

    if python is not None:
        return python, f"run by {python}"
    pins = _pins(path, runtime)
    if pins is None:
        return sys.executable, f"the versions that run here: {_versions_here()}"
    return str(runtime_python(pins, on_note=console.note)), pins.words


def _pins(path: Path, runtime: str | None) -> Pins | None:
    """The versions that a submission is run in: as told, else as its card says; None for those that run here."""
    from toolkit.submission.card import card_path, read_card
    from toolkit.submission.environments import Pins, parse_pins

    if runtime is not None:
        return None if runtime == "current" else parse_pins(runtime)
    said = read_card(card_path(path)).config.get("package", {}).get("runtime") if card_path(path).is_file() else None
    return Pins(**{**said, "packages": tuple(said.get("packages", ()))}) if isinstance(said, dict) else None


def _versions_here() -> str:
    found = environment()["packages"]
    named = {"TensorFlow": "tensorflow", "Keras": "keras"}
    return ", ".join(f"{name} {found[package]}" for name, package in named.items() if package in found)


def _integrity(path: Path) -> CheckRecord | None:
    """Whether the file is the one that its card describes; None without a card."""
    from toolkit.submission.card import card_path, read_card

    card = card_path(path)
    if not card.is_file() or not path.exists():
        return None
    same = read_card(card).sha256 == (folder_hash(path) if path.is_dir() else file_hash(path))
    changed = f"{path.name} is not what {card.name} describes: it was changed since. Build it again."
    return CheckRecord(name="card", ok=same, message=f"as {card.name} says" if same else changed)


def _table(path: Path, sample: Path | None) -> VerifyResult:
    from toolkit.sources.table import read_table
    from toolkit.submission.card import card_path, read_card
    from toolkit.submission.sample import read_form
    from toolkit.submission.table import judge

    if sample is None:
        raise MissingFileError(
            f"{path.name} is compared with the contest's sample: give --sample sample_submission.csv."
        )
    card = card_path(path)
    if not card.is_file():
        raise MissingFileError(f"{card.name}, which names the classes, is not beside {path.name}: build it again.")
    described = read_card(card)
    form = read_form(sample, described.classes, str(described.config.get("package", {}).get("values", "auto")))
    checks = tuple(check for check in (_integrity(path), *records(judge(form, read_table(path).columns))) if check)
    return VerifyResult(step="verify", path=path, ok=all(check.ok for check in checks), checks=checks)


def _trial_bundle(path: Path, folder: Path, count: int) -> Path:
    """A bundle of noise for a submission whose contest is not known."""
    from toolkit.submission.bundle import CLASSES_FILE, write_bundle

    said = _constants(path)
    names = [str(name) for name in said.get("CLASS_NAMES", ("0", "1"))]
    _, height, width = _TRIAL
    pictures = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    write_bundle(
        folder, pictures, np.arange(count) % len(names), class_names=names, title="trial",
        label_values=said.get("LABEL_VALUES"), output=said.get("OUTPUT", "labels"),
    )  # fmt: skip
    if "CLASS_NAMES" not in said:
        (folder / "input_data" / CLASSES_FILE).unlink()  # so that no form is asked for
    return folder


def _constants(path: Path) -> dict[str, Any]:
    """What a `model.py` of ours says of classes and output, by reading it, not by running it."""
    try:
        with zipfile.ZipFile(path) as archive:
            tree = ast.parse(archive.read("model.py"))
        found = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name in {"CLASS_NAMES", "LABEL_VALUES", "OUTPUT"}:
                    found[name] = ast.literal_eval(node.value)
        return found if len(found) == 3 else {}
    except (OSError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile, ToolkitError):
        return {}
