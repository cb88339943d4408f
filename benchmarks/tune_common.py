"""What the benchmarks of the search share: a small contest of cleaned pictures, report A's head space, our command."""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import yaml

from toolkit.steps.clean import cleaned_data
from toolkit.steps.project import Project
from toolkit.steps.splits import reporting_split, selection_split

ROOT = Path(__file__).parents[1]
VIEWS = 4
# Report A's heads: dense layers, their widths and dropout, and how they are trained.
SPACE = {
    "model.head.layers": {"int": [1, 3]},
    "model.head.units.0": {"choice": [128, 256, 512]},
    "model.head.units.1": {"choice": [64, 128, 256]},
    "model.head.units.2": {"choice": [32, 64, 128]},
    "model.head.dropout": {"float": [0.2, 0.5]},
    "train.learning_rate": {"float": [1e-4, 1e-2], "log": True},
    "train.batch_size": {"choice": [32, 64, 128]},
}


def arguments(folder, images=4000):
    """The options that all of these benchmarks take."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path, help="config of a labelled data set, such as configs/blood.yaml")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmarks") / folder)
    parser.add_argument("--images", type=int, default=images, help="cleaned pictures to take")
    return parser


def contest(config_file, folder, images, *, draw=0, seed=0, epochs=20, train=None, **tune):
    """Write a contest of so many cleaned pictures and clean it once more, with nothing to find; its config's path.

    Args:
        config_file: Config of the whole data set, which is cleaned where that has not been done.
        folder: Where all of this benchmark's files go.
        images: Number of pictures; all but a fiftieth are trained on or judge trials.
        draw: Seed of the draw of the pictures.
        seed: Of the contest: splits, sampler, heads.
        epochs: Largest number of epochs of a trial.
        train: Further settings of the section `train`.
        tune: Further settings of the section `tune`.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    source = Project(config_file)
    data = cleaned_data(source).manifest
    order = np.random.default_rng(draw).permutation(len(data))[:images]
    table = folder / f"pictures-{images}-{draw}.csv"
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image_id", "path", "label", "group"])
        for row, place in zip(order, np.array(data.table["path"])[order], strict=True):
            label = data.classes[int(data.labels[row])]
            writer.writerow([data.image_ids[row], place, label, data.groups[row]])
    policy = source.config.augment.policy.model_dump(mode="json")
    settings = {
        "name": f"n{images}-d{draw}-s{seed}",
        "seed": seed,
        "runs_dir": str(folder / "runs"),
        "data": {
            "source": str(table), "format": "csv", "images": str(data.root), "id_column": "image_id",
            "path_column": "path", "label_column": "label", "group": "group", "classes": list(data.classes),
            "image_size": 96, "holdout": 0.02,
        },
        "clean": {"duplicates": False, "outliers": False, "label_errors": False, "quality": False},
        "model": {"backbone": "efficientnet_lite0", "unfreeze": 0},
        "augment": {"policy": policy},
        "train": {"optimizer": "adam", "schedule": "constant", "class_weight": "none", "early_stopping": 0}
        | (train or {}),
        "tune": {
            "trial_epochs": epochs, "views": VIEWS, "metric": "accuracy", "test": "clean", "selection": 0.25,
            "space": SPACE,
        } | tune,
    }  # fmt: skip
    path = folder / f"{settings['name']}.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    cleaned_data(Project(path))
    return path


def split_of(project):
    """Training and selection pictures of the contest's trials."""
    config = project.config
    development = reporting_split(cleaned_data(project).manifest, config.data.holdout, config.seed).larger
    return selection_split(development, config.tune.selection, config.seed)


def save_arrays(path, target):
    """The decoded pictures of a contest, as peers read them: `(n, 96, 96, 3)` uint8 and labels of both parts."""
    project = Project(path)
    split = split_of(project)
    read = project.pixels(project.manifest, project.hashes).read
    arrays = {}
    for name, part in (("training", split.larger), ("selection", split.smaller)):
        arrays |= {name: read(part.image_ids.tolist()), f"{name}_labels": part.labels}
    np.savez(target, **arrays, classes=np.array(split.larger.classes))
    return target


def run_tune(path, *options, fresh=True):
    """Run `toolkit tune` as a user does; what it found, its seconds and its peak memory in MB."""
    folder = Project(path).folder
    if fresh:
        shutil.rmtree(folder / "tune", ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "toolkit.cli", "tune", "-c", str(path), "--json", *options]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    peaks = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peaks))
    watcher.start()
    output, errors = process.communicate()
    seconds = time.perf_counter() - begin
    watcher.join()
    if process.returncode:
        raise SystemExit(f"toolkit tune failed: {errors.strip()[-2000:]}")
    found = json.loads(output.strip().splitlines()[-1])
    found["wall"] = seconds
    found["peak_mb"] = max(peaks)
    return found


def _watch(process, peaks):
    """Note the highest memory of a process and its children; `ru_maxrss` would count this process's own as theirs."""
    while process.poll() is None:
        with suppress(OSError, ValueError):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            peaks.append(sum(memory_mb(int(pid)) for pid in (process.pid, *children)))
        time.sleep(0.2)


def memory_mb(pid="self", field="VmRSS"):
    """Resident memory of a process, or with `VmHWM` its peak; 0 where the system does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return 0.0


def run_peer(script, *options, python=sys.executable):
    """Run a script of `peers/` in an interpreter; the JSON object that it prints last."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [str(python), str(Path(__file__).parent / "peers" / script), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{script} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def epoch_seconds(found):
    """Mean seconds of a peer's epoch after the first of its training, which compiles, if there are any."""
    later = [second for training in found["epoch_seconds"] for second in training[1:]]
    return float(np.mean(later or [second for training in found["epoch_seconds"] for second in training]))


def random_settings(count, seed):
    """Sets of values drawn evenly from report A's space, units of layers that do not exist left out."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        layers = int(rng.integers(1, 4))
        values = {"model.head.layers": layers}
        for number in range(layers):
            values[f"model.head.units.{number}"] = int(rng.choice(SPACE[f"model.head.units.{number}"]["choice"]))
        values["model.head.dropout"] = float(rng.uniform(0.2, 0.5))
        values["train.learning_rate"] = float(10 ** rng.uniform(-4, -2))
        values["train.batch_size"] = int(rng.choice([32, 64, 128]))
        found.append(values)
    return found


def report(claim, ours, peer, ratio, must, holds):
    """Print the closing line of a benchmark."""
    print(json.dumps({"claim": claim, "ours": ours, "peer": peer, "ratio": ratio, "must": must, "holds": bool(holds)}))
