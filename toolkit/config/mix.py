"""The mix of corruptions that explains past scores, as an objective of `tune`."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.errors import ConfigError, MissingFileError

CLEAN = "clean"
# Cells that together weigh less than the rest of this cost a prediction each and decide nothing.
_KEPT_WEIGHT = 0.95


def read_mix(path: Path) -> dict[tuple[str, int], float]:
    """Weights by (corruption, severity) from the `mix.json` of `evaluate`; they sum to 1.

    The heaviest cells are kept that make up 95 % of the weight. Pictures as they are count as `("clean", 0)`.

    Raises:
        MissingFileError: There is no such file.
        ConfigError: It holds something else, or nothing but clean pictures.
    """
    if not path.is_file():
        raise MissingFileError(
            f"tune.mix names {path}, which does not exist. `toolkit evaluate` writes mix.json into its run once "
            "submissions/leaderboard.csv holds a past score."
        )
    try:
        weights = {str(name): float(weight) for name, weight in json.loads(path.read_text("utf-8"))["weights"].items()}
        cells = {_cell(name): weight for name, weight in weights.items() if weight > 0}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'{path} is no mix: expected {{"weights": {{"clean": 0.2, "jpeg@3": 0.8}}}}, as `evaluate` writes it '
            f"({error})."
        ) from error
    kept: dict[tuple[str, int], float] = {}
    for cell, weight in sorted(cells.items(), key=lambda item: -item[1]):
        if sum(kept.values()) >= _KEPT_WEIGHT * sum(cells.values()):
            break
        kept[cell] = weight
    if not set(kept) - {(CLEAN, 0)}:
        raise ConfigError(f"{path} weighs no corruption: set tune.mix to null and tune.test to clean.")
    return {cell: weight / sum(kept.values()) for cell, weight in kept.items()}


def _cell(name: str) -> tuple[str, int]:
    corruption, _, severity = name.partition("@")
    return (CLEAN, 0) if corruption == CLEAN else (corruption, int(severity))
