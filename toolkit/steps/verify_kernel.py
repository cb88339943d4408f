"""Verifying the folder of a Kaggle kernel without its project: on pictures of noise."""

from __future__ import annotations

import ast
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.steps.proving import CheckRecord, records

if TYPE_CHECKING:
    from toolkit.console import Console
    from toolkit.submission.environments import Pins

_ROWS, _HEIGHT, _WIDTH = 24, 61, 83
_TIME_LIMIT_S = 9 * 3600.0  # what Kaggle grants


def kernel_python(pins: Pins | None, console: Console) -> str | None:
    """The Python of named versions with what a notebook needs beside them; None where none are named."""
    from toolkit.submission.environments import runtime_python

    if pins is None:
        return None
    return str(runtime_python(replace(pins, packages=(*pins.packages, "pillow")), on_note=console.note))


def verify_kernel(
    path: Path, sample: Path | None, python: str | None, time_limit_s: float | None
) -> tuple[tuple[CheckRecord, ...], float, str]:
    """Run the notebook as the hidden rerun and as a commit with three rows.

    Args:
        path: Folder with `dataset/` and `kernel/`.
        sample: The contest's sample submission.
        python: Interpreter that runs it; None: a clean environment with the few packages of Kaggle's that it needs.
        time_limit_s: Seconds; None: Kaggle's nine hours.

    Returns:
        The checks, seconds of the first run, and all output.

    Raises:
        MissingFileError: No sample was given.
        SubmissionError: The folder is no kernel's.
    """
    from toolkit.submission.environments import clean_python
    from toolkit.submission.kernel_rules import check_kernel
    from toolkit.submission.kernel_run import JUPYTER, NEEDED, STUB, run_kernel
    from toolkit.submission.scan import refuse_unsafe

    if sample is None:
        raise MissingFileError(f"{path.name} is run with the contest's sample: give --sample sample_submission.csv.")
    refuse_unsafe(path, float("inf"))
    classes = _classes(path / "dataset" / "model.py")
    checks = records(check_kernel(path))
    seconds, logs = 0.0, []
    with tempfile.TemporaryDirectory(prefix="contest-") as scratch:
        python = python or str(clean_python(Path(scratch) / "clean", (*NEEDED, *JUPYTER)))
        trial = Path(scratch) / "sample.csv"
        pictures = _noise(Path(scratch), trial, sample)
        for layout, whole in (("plain", True), ("by kind", False), ("as model", False)):
            ran = run_kernel(path, trial, pictures, classes, layout=layout, rerun=whole, rows=None if whole else STUB,
                             python=python, time_limit_s=time_limit_s or _TIME_LIMIT_S)  # fmt: skip
            checks += records([check for check in ran.checks if whole or not check.ok or layout in check.name])
            seconds = ran.seconds if whole else seconds
            logs.append(ran.log)
    told = "pictures of noise were predicted, so nothing is known of the score"
    return (*checks, CheckRecord(name="pictures", ok=True, message=told)), seconds, "\n".join(logs)


def _classes(model: Path) -> tuple[str, ...]:
    """CLASS_NAMES of a `model.py`, by reading it, not by running it."""
    try:
        for node in ast.parse(model.read_text(encoding="utf-8")).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(node, ast.Assign) and isinstance(target, ast.Name) and target.id == "CLASS_NAMES":
                return tuple(str(name) for name in ast.literal_eval(node.value))
    except (OSError, ValueError, SyntaxError) as error:
        raise SubmissionError(f"{model} cannot be read ({error}): build the package again.") from error
    raise SubmissionError(f"{model} names no CLASS_NAMES: build the package again.")


def _noise(folder: Path, trial: Path, sample: Path) -> dict[str, Path]:
    from PIL import Image

    from toolkit.sources.columns import ID_NAMES
    from toolkit.sources.files import is_image
    from toolkit.sources.table import read_table
    from toolkit.submission.table import table_text

    table = read_table(sample)
    trial.write_text(table_text({name: cells[:_ROWS] for name, cells in table.columns.items()}), encoding="utf-8")
    id_column = table.guess(ID_NAMES) or next(iter(table.columns))
    rng = np.random.default_rng(0)
    pictures = {}
    for index, name in enumerate(table.column(id_column)[:_ROWS]):
        file = Path(name).name if is_image(name) else f"{Path(name).name}.png"
        pictures[file] = folder / f"{index}.png"
        Image.fromarray(rng.integers(0, 256, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)).save(pictures[file])
    return pictures
