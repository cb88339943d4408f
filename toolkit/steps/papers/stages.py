"""Stages of a paper: each is computed once, kept, and timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from toolkit.artifacts import RunDir, read_json, write_json
from toolkit.console import Console


class Stages:
    """Results of a paper's stages, as JSON files in its run; a finished stage is not computed again.

    Args:
        run: The paper's run.
        console: Told the name of each stage.

    Attributes:
        seconds: Wall time of each finished stage by name. Of one that was interrupted it holds the last piece only.
    """

    def __init__(self, run: RunDir, console: Console) -> None:
        self._folder = run.path / "stages"
        self._console = console
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, compute: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a stage, computed now where it is not there.

        Args:
            name: Of the stage; its words with spaces between them.
            compute: Returns JSON-like values.
            arguments: Of `compute`.
        """
        file = self._folder / f"{name.replace(' ', '_')}.json"
        if file.exists():
            kept = read_json(file)
        else:
            self._console.note(f"Stage: {name}")
            begin = time.monotonic()
            result = compute(*arguments)
            kept = {"seconds": round(time.monotonic() - begin, 1), "result": result}
            write_json(file, kept)
            kept = read_json(file)  # a resumed run sees the same types
        self.seconds[name] = kept["seconds"]
        return kept["result"]
