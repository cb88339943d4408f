"""A small messy contest that has gone the whole road once, for all integration tests."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolkit.steps.demo_contest import Amounts

SMALL = Amounts(genuine=260, hidden=40, exact=6, conflicts=3, near=6, flipped=0.02, outliers=4)
CONFIG = """\
name: small
data: {source: contest/train.csv, image_size: 48, holdout: 0.25}
model: {unfreeze: 6, head: {layers: 1, units: [32, 16]}}
augment: {policy: {horizontal_flip: false}}
train: {epochs: 8, batch_size: 16, learning_rate: 0.01, deterministic: true, class_weight: none}
tune:
  trials: 3
  trial_epochs: 3
  corruptions: [cutout]
  space:
    model.head.layers: {int: [1, 2]}
    model.head.units.1: {choice: [8, 16]}
    train.learning_rate: {float: [0.003, 0.03], log: true}
ensemble: {folds: 2}
evaluate: {corruptions: [white_noise, gaussian_blur]}
"""


def toolkit(*arguments, cwd=None):
    """Run a command of the installed toolkit, as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "toolkit.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


@dataclass(frozen=True)
class Road:
    """A contest that has gone the whole road.

    Attributes:
        folder: Holds `contest/`, `contest.yaml`, `runs/`, `submissions/`.
        result: What `toolkit run --json` printed.
    """

    folder: Path
    result: dict


@pytest.fixture(scope="session")
def road(tmp_path_factory):
    from toolkit.steps.demo_contest import build_contest

    folder = tmp_path_factory.mktemp("road")
    build_contest(folder, SMALL)
    (folder / "contest.yaml").write_text(CONFIG, encoding="utf-8")
    before = contents(folder / "contest")
    done = toolkit("run", "-c", folder / "contest.yaml", "--json")
    assert done.returncode == 0, done.stderr
    assert contents(folder / "contest") == before, "the raw data were changed"
    assert len(done.stdout.splitlines()) == 1
    return Road(folder, json.loads(done.stdout))


def contents(folder: Path) -> dict[str, bytes]:
    return {os.path.relpath(path, folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
