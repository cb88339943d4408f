"""Judging what a submission wrote: predictions of the form that the contest asks for, and scores."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.submission.checks import Check

_ADVICE = "Set package.output to what the contest expects and build the package again."


@dataclass(frozen=True)
class Expected:
    """What predictions must look like, None where the bundle does not say.

    Attributes:
        count: Number of pictures.
        output: `labels`, `one_hot` or `probabilities`.
        label_values: The label of each class.
    """

    count: int | None
    output: str | None
    label_values: tuple[int, ...] | None


def read_expected(input_data: Path | None) -> Expected:
    """Read `X.npy` and `classes.json`, as `write_bundle` writes them, as far as they exist."""
    count, described = None, {}
    if input_data is not None and (input_data / "X.npy").is_file():
        count = len(np.load(input_data / "X.npy", mmap_mode="r", allow_pickle=False))
    if input_data is not None and (input_data / "classes.json").is_file():
        described = json.loads((input_data / "classes.json").read_text(encoding="utf-8"))
    values = described.get("label_values")
    return Expected(count, described.get("output"), None if values is None else tuple(values))


def judge_predictions(
    output: Path, expected: Expected, copied: Collection[str] = ()
) -> tuple[np.ndarray | None, list[Check]]:
    """Read and check the one `.npy` file that the prediction step wrote.

    Args:
        output: The step's output directory.
        expected: What must be in it.
        copied: Files that the worker copied there, which nobody predicted.

    Returns:
        The predictions, None if there are none, and the checks.
    """
    named = output / "predictions.npy"
    found = (
        [named]
        if named.is_file()
        else [path for path in sorted(output.rglob("*.npy")) if path.relative_to(output).as_posix() not in copied]
    )
    if not found:
        if expected.output is None:  # a contest with files of its own, which its scoring will read
            return None, []
        return None, [
            Check("predictions", False, "No predictions were written: `Model().predict(X)` must return an array.")
        ]
    try:
        predictions = np.load(found[0], allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        return None, [Check("predictions", False, f"{found[0].name} cannot be read ({error}): return plain numbers.")]
    checks = [
        Check("predictions", True, f"{predictions.dtype} of shape {predictions.shape}"),
        _count(predictions, expected),
    ]
    if predictions.dtype.kind == "f":
        bad = int((~np.isfinite(predictions)).sum())
        advice = "Train again with a lower train.learning_rate, or look for a division by zero."
        checks.append(
            Check("finite", not bad, f"{bad} values are NaN or infinite. {advice}" if bad else "no NaN, none infinite")
        )
    if expected.output is not None and expected.label_values is not None:
        wrong = _wrong_form(predictions, expected.output, expected.label_values)
        checks.append(Check("form", wrong is None, expected.output if wrong is None else f"{wrong} {_ADVICE}"))
    return predictions, checks


def _count(predictions: np.ndarray, expected: Expected) -> Check:
    count = len(predictions) if predictions.ndim else 0
    if expected.count is not None and count != expected.count:
        return Check(
            "count", False, f"{count} predictions for {expected.count} pictures. Return one a picture, in their order."
        )
    return Check("count", True, f"{count} predictions")


def _wrong_form(predictions: np.ndarray, output: str, values: tuple[int, ...]) -> str | None:
    """What is wrong with the form of predictions, None if nothing is."""
    if output == "labels":
        if predictions.ndim != 1:
            return f"The contest expects labels of shape (n,), not rows of shape {predictions.shape}."
        if predictions.dtype.kind not in "iu":
            return f"The contest expects integer labels, not {predictions.dtype}."
        strangers = sorted(set(np.unique(predictions).tolist()) - set(values))
        if strangers:
            return f"Labels {strangers[:5]} are not among the contest's {list(values)}."
        return None
    if predictions.ndim != 2 or predictions.shape[1] != len(values):
        return f"The contest expects rows of shape (n, {len(values)}), not {predictions.shape}."
    if predictions.dtype.kind not in "iuf":
        return f"The contest expects numbers, not {predictions.dtype}."
    rows = predictions.astype(np.float64)
    if output == "one_hot" and not (np.isin(rows, (0.0, 1.0)).all() and (rows.sum(axis=1) == 1).all()):
        return "The contest expects one-hot rows: a single 1 in each, else 0."
    if output == "probabilities" and not ((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1.0, atol=1e-3)):
        return "The contest expects probabilities: none negative, each row with the sum 1."
    return None


def read_scores(output: Path) -> tuple[dict[str, float], Check]:
    """Read `scores.json`, else `scores.txt` (YAML), one flat mapping of numbers.

    Args:
        output: Output directory of the scoring step.

    Returns:
        Scores by name, empty if there are none, and the check.
    """
    import yaml

    path = next((output / name for name in ("scores.json", "scores.txt") if (output / name).is_file()), None)
    if path is None:
        return {}, Check(
            "scores", False, "The scoring program wrote neither scores.json nor scores.txt, so the submission fails."
        )
    try:
        text = path.read_text(encoding="utf-8")
        content: Any = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        scores = {str(name): float(value) for name, value in content.items()}
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        return {}, Check(
            "scores", False, f"{path.name} is not one flat mapping of numbers ({error}), so the submission fails."
        )
    return scores, Check("scores", True, ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
