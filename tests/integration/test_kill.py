"""`kill -9` at a random moment of each step, then the same command again: the same result, to the bit."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import toolkit

STEPS = ("clean", "tune", "ensemble", "evaluate", "package")


def outcome(folder, step):
    """What must be equal, apart from times."""
    run = folder / "runs" / "small" / step / "latest"
    if step == "clean":
        return (run / "issues.csv").read_text(), (run / "manifest.csv").read_text()
    if step == "tune":
        with (run / "trials.csv").open() as stream:
            rows = [
                {key: row[key] for key in row if key not in ("seconds", "number")} for row in csv.DictReader(stream)
            ]
        return rows, json.loads((run / "best.json").read_text())
    if step == "ensemble":
        with np.load(run / "oof.npz") as arrays:
            return arrays["image_id"].tolist(), arrays["probabilities"].tobytes()
    if step == "evaluate":
        return (run / "evaluation.json").read_text()
    done = json.loads((run / "DONE").read_text())
    return done["worker_accuracy"], [check["ok"] for check in done["checks"]]


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_step_goes_on_and_ends_the_same(road, tmp_path, step):
    folder = tmp_path / "again"
    shutil.copytree(road.folder, folder, symlinks=True)
    for later in STEPS[STEPS.index(step) :]:
        shutil.rmtree(folder / "runs" / "small" / later)
    if step == "clean":
        shutil.rmtree(folder / "runs" / "small" / ".cache")
    if step == "package":
        shutil.rmtree(folder / "submissions")
    command = [sys.executable, "-m", "toolkit.cli", step, "-c", str(folder / "contest.yaml")]
    took = road.result[step]["seconds"]
    moment = random.uniform(0.2, max(1.0, took)) + 1.0  # the start of Python counts too
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
    finished = (folder / "runs" / "small" / step / "latest" / "DONE").exists()
    again = toolkit(step, "-c", folder / "contest.yaml", "--json")
    assert again.returncode == 0, f"killed after {moment:.2f} s: {again.stderr}"
    assert json.loads(again.stdout)["reused"] == finished
    assert outcome(folder, step) == outcome(road.folder, step), f"killed after {moment:.2f} s"
    leftovers = [path for path in folder.rglob(".*") if path.is_file() and path.suffix in {".csv", ".json", ".npz"}]
    assert len(leftovers) <= 2, "a kill may leave a temporary file of the moment, no more"
