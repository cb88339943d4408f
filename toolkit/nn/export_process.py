"""Exporting networks in a process of its own, so that the same network always gives the same bytes.

TensorFlow numbers functions and nodes over the whole life of a process, and these numbers become part of what is
written. A new process that exports nothing but these networks, in their order, always counts alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from toolkit.errors import SubmissionError, ToolkitError

Exported = Literal["savedmodel", "onnx"]
_CODE = "from toolkit.nn.export_process import main; main()"
_DONE, _ERROR = "exported", "error: "


def export_apart(
    models: Sequence[Path],
    destinations: Sequence[Path],
    form: Exported,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Export networks, always to the same bytes with the same versions of TensorFlow and Keras.

    Args:
        models: `.keras` files.
        destinations: A folder (SavedModel) or file (ONNX) for each.
        form: What is written.
        on_progress: Is told how many are done, of how many.

    Raises:
        SubmissionError: A network cannot be exported; for ONNX, what writes such files may be missing.
    """
    root = str(Path(__file__).parents[2])
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "PYTHONHASHSEED": "0",
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",  # this process may hold the memory of the GPU
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    request = json.dumps([form, [[str(pair[0]), str(pair[1])] for pair in zip(models, destinations, strict=True)]])
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE, request], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    lines: list[str] = []
    with process:
        for line in process.stdout or ():
            lines.append(line.strip())
            if on_progress is not None and lines[-1] == _DONE:
                on_progress(lines.count(_DONE), len(models))
    if process.returncode:
        told = next((line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)), None)
        last = " ".join(lines[-3:])[-500:]
        raise SubmissionError(
            told or f"The networks cannot be exported as {form}: {last}. Choose another package.runtime."
        )


def main() -> None:
    """Export what the first argument asks for; what `export_apart` starts."""
    from toolkit.nn import runtime

    runtime.setup()
    from toolkit.nn.exporting import export_onnx, export_savedmodel
    from toolkit.nn.saving import load_model

    form, pairs = json.loads(sys.argv[1])
    try:
        for model, destination in pairs:
            export = export_onnx if form == "onnx" else export_savedmodel
            export(load_model(Path(model)), Path(destination))
            sys.stdout.write(f"{_DONE}\n")
            sys.stdout.flush()
    except ToolkitError as error:
        sys.stdout.write(f"{_ERROR}{' '.join(str(error).split())}\n")
        sys.exit(1)
