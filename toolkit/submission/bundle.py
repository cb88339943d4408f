"""A complete Codabench competition from a labelled set: programs, data, pages, leaderboard."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from toolkit.artifacts import write_json, write_text
from toolkit.errors import DataError, SubmissionError
from toolkit.submission.rendering import render

CLASSES_FILE = "classes.json"
PROBABILITIES = "probabilities.npy"  # of the proof of a package
_COMMANDS = {
    "ingestion_program": "python3 ingestion.py $input $output $submission_program",
    "scoring_program": "python3 scoring.py $input $output",
}
_FORMS = {
    "labels": "integer labels of shape `(n,)`",
    "one_hot": "one-hot rows of shape `(n, k)`",
    "probabilities": "probabilities of shape `(n, k)`",
}


def write_bundle(
    destination: Path,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    class_names: Sequence[str],
    title: str,
    label_values: Sequence[int] | None = None,
    output: Literal["labels", "one_hot", "probabilities"] = "labels",
    time_limit_s: int = 600,
    start: date | None = None,
    days: int = 90,
    docker_image: str = "tensorflow/tensorflow:2.17.0",
    keep_probabilities: bool = False,
) -> Path:
    """Write the folder of a competition, which Codabench accepts as a zip of its contents.

    Args:
        destination: Folder to write; an older bundle there is replaced.
        images: `(n, h, w, 3)` uint8 RGB, the hidden pictures.
        labels: `(n,)` int, index of each picture's class.
        class_names: `(k,)` names by index.
        title: Title of the competition.
        label_values: The integer that stands for each class in predictions, None for its index.
        output: What a submission's `predict` must return.
        time_limit_s: Seconds that each step may take.
        start: First day, None for today.
        days: Length in days.
        docker_image: Image that submissions run in.
        keep_probabilities: Whether the ingestion also writes the probabilities behind the predictions of a `Model` of
            ours, for a proof.

    Returns:
        The folder.

    Raises:
        DataError: Pictures and labels do not fit each other or the classes.
        SubmissionError: The destination holds something else.
    """
    values = tuple(range(len(class_names))) if label_values is None else tuple(int(value) for value in label_values)
    _check(images, labels, class_names, values)
    if destination.exists() and not (destination / "competition.yaml").is_file():
        raise SubmissionError(
            f"{destination} exists and is no competition bundle (it holds no competition.yaml), so it is not "
            "overwritten. Name another folder or remove it."
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=destination.parent) as parent:
        folder = Path(parent) / "bundle"
        _write_programs(folder, class_names, values, output, keep_probabilities)
        _write_data(folder, images, np.asarray(values, np.int64)[labels], class_names, values, output)
        _write_pages(folder, title, class_names, values, output, time_limit_s)
        _write_competition(folder, title, time_limit_s, start or date.today(), days, docker_image)
        _write_logo(folder / "logo.png")
        if destination.exists():
            shutil.rmtree(destination)
        folder.replace(destination)
    return destination


def _check(images: np.ndarray, labels: np.ndarray, class_names: Sequence[str], values: tuple[int, ...]) -> None:
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or not len(images):
        raise DataError(
            f"The pictures of a bundle must be a uint8 array (n, h, w, 3) with n ≥ 1, not {images.dtype} of shape "
            f"{images.shape}."
        )
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"A bundle of {len(images)} pictures needs as many integer labels, not {labels.dtype} of shape "
            f"{labels.shape}. Leave unlabelled pictures out."
        )
    if labels.min() < 0 or labels.max() >= len(class_names) or len(values) != len(class_names):
        raise DataError(
            f"The labels of a bundle must be 0 to {len(class_names) - 1}, an index into its {len(class_names)} class "
            f"names with one label value each, but range from {labels.min()} to {labels.max()} with {len(values)} "
            "values. Leave unlabelled pictures (-1) out."
        )


def _write_programs(
    folder: Path, class_names: Sequence[str], values: tuple[int, ...], output: str, keep_probabilities: bool
) -> None:
    scoring = render(
        "scoring.py.tmpl", label_values=repr(values), class_names=", ".join(map(repr, class_names)), output=repr(output)
    )
    write_text(folder / "ingestion_program" / "ingestion.py", render("ingestion.py.tmpl"))
    write_text(folder / "scoring_program" / "scoring.py", scoring)
    for program, command in _COMMANDS.items():
        if keep_probabilities and program == "ingestion_program":
            command += f" {PROBABILITIES}"
        write_text(folder / program / "metadata.yaml", f"command: {command}\n")


def _write_data(
    folder: Path,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    values: tuple[int, ...],
    output: str,
) -> None:
    (folder / "input_data").mkdir()
    (folder / "reference_data").mkdir()
    np.save(folder / "input_data" / "X.npy", images)
    np.save(folder / "reference_data" / "y.npy", labels)
    described = {"class_names": [str(name) for name in class_names], "label_values": list(values), "output": output}
    write_json(folder / "input_data" / CLASSES_FILE, described)


def _write_pages(
    folder: Path, title: str, class_names: Sequence[str], values: tuple[int, ...], output: str, time_limit_s: int
) -> None:
    classes = "\n".join(f"| {value} | {name} |" for value, name in zip(values, class_names, strict=True))
    write_text(
        folder / "overview.md",
        f"# {title}\n\nClassify each hidden picture as one of {len(class_names)} classes.\n\n"
        f"| Label | Class |\n|---|---|\n{classes}\n",
    )
    write_text(
        folder / "evaluation.md",
        "# Evaluation\n\nSubmit a flat zip: `model.py`, its weights, and a file `metadata` without a command. "
        "`model.py` holds `class Model` with `__init__(self)` and `predict(self, X)`; X is uint8 of shape "
        f"`(n, h, w, 3)`, RGB, 0–255. `predict` returns {_FORMS[output]}. Open weights beside `__file__`.\n\n"
        f"Ranked by accuracy; macro F1 is shown. Each step may take {time_limit_s} s. A submission that crashes, or "
        "that returns anything else, scores 0.0.\n",
    )
    write_text(folder / "terms.md", "# Terms\n\nUse the training data for this contest. One account a person.\n")


def _write_competition(folder: Path, title: str, time_limit_s: int, start: date, days: int, docker_image: str) -> None:
    import yaml

    columns = (("Accuracy", "accuracy"), ("Macro F1", "macro_f1"))
    phase = {"index": 0, "name": "Final", "description": "Submissions are run on the hidden pictures.",
             "start": start.isoformat(), "end": (start + timedelta(days=days)).isoformat(), "max_submissions": 100,
             "max_submissions_per_day": 5, "execution_time_limit": time_limit_s, "tasks": [0]}  # fmt: skip
    task = {"index": 0, "name": title, "description": title, "input_data": "input_data",
            "reference_data": "reference_data", "ingestion_program": "ingestion_program",
            "scoring_program": "scoring_program"}  # fmt: skip
    board = {
        "title": "Results",
        "key": "main",
        "columns": [
            {"title": name, "key": key, "index": index, "sorting": "desc"} for index, (name, key) in enumerate(columns)
        ],
    }
    competition = {
        "version": 2,
        "title": title,
        "description": title,
        "image": "logo.png",
        "terms": "terms.md",
        "docker_image": docker_image,
        "registration_auto_approve": True,
        "pages": [{"title": "Overview", "file": "overview.md"}, {"title": "Evaluation", "file": "evaluation.md"}],
        "phases": [phase],
        "tasks": [task],
        "leaderboards": [board],
    }
    write_text(folder / "competition.yaml", yaml.safe_dump(competition, sort_keys=False, allow_unicode=True))


def _write_logo(path: Path) -> None:
    from PIL import Image

    # Drawn, not taken from the pictures: they are hidden.
    shades = np.array([[[40, 60, 110], [70, 110, 160], [120, 170, 200]],
                       [[70, 110, 160], [240, 180, 60], [70, 110, 160]],
                       [[120, 170, 200], [70, 110, 160], [40, 60, 110]]], np.uint8)  # fmt: skip
    Image.fromarray(np.kron(shades, np.ones((64, 64, 1), np.uint8))).save(path)
