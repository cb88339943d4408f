"""What the methods ask of an objective, and a record of its answers that survives a crash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

Direction = Literal["maximize", "minimize"]


class Evaluate(Protocol):
    """An objective: train with some settings, return the score."""

    def __call__(self, parameters: dict[str, Any], *, fold: int, seed: int, epochs: int | None) -> float:
        """Train and score.

        Args:
            parameters: Settings by name.
            fold: Which part of the pictures judges, from 0.
            seed: Of weights, order and augmentation.
            epochs: Largest number of epochs; None leaves it to the objective.
        """


class Ledger:
    """An objective that writes down each answer and never computes one twice.

    The methods ask the same questions again when they are started again, so a killed one goes on where it stopped.

    Args:
        evaluate: The objective.
        path: JSON lines; created, or continued. A last line that a crash cut short is passed over.
    """

    def __init__(self, evaluate: Evaluate, path: Path) -> None:
        self._evaluate = evaluate
        self._path = path
        self._known: dict[str, float] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self._known[_question(entry)] = float(entry["score"])

    def __call__(self, parameters: dict[str, Any], *, fold: int, seed: int, epochs: int | None) -> float:
        """Answer from the record, or ask and record."""
        entry = {"parameters": parameters, "fold": fold, "seed": seed, "epochs": epochs}
        key = _question(entry)
        if key not in self._known:
            score = float(self._evaluate(parameters, fold=fold, seed=seed, epochs=epochs))
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # The line break comes first: after a line that was cut short it ends that one.
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write("\n" + json.dumps({**entry, "score": score}))
            self._known[key] = score
        return self._known[key]


def better(one: float, other: float, direction: Direction) -> bool:
    """Whether `one` improves on `other`; what is not finite never does."""
    if one != one:
        return False
    return one > other if direction == "maximize" else one < other


def _question(entry: Mapping[str, Any]) -> str:
    return json.dumps([entry[name] for name in ("parameters", "fold", "seed", "epochs")], sort_keys=True)
