"""Folds trained one after another, side by side, or on a cluster: the same models, whatever trains them.

Side by side they run in processes that start fresh (loky) and end with the command that started them, however it ends.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from toolkit.config import Config
from toolkit.console import Console
from toolkit.errors import MissingPackageError, TrainingError
from toolkit.manifest import Manifest
from toolkit.steps.activations import Activations
from toolkit.steps.fold_reuse import reuse_folds
from toolkit.steps.fold_training import FoldTask, Read, train_fold
from toolkit.steps.gpu_slots import take_gpu
from toolkit.steps.networks import start
from toolkit.steps.project import Project

_POLL_SECONDS = 0.5
_watched: set[int] = set()


def train_folds(project: Project, tasks: Sequence[FoldTask], data: Manifest, read: Read, minutes: float | None) -> None:
    """Train the models that are not trained yet, `ensemble.jobs` at a time.

    Args:
        project: The contest.
        tasks: All models.
        data: The development pictures.
        read: Image ids → uint8 `(n, h, w, 3)`; another process can be given it.
        minutes: Stop training after about so many minutes, at the end of an epoch of each fold's share; None: never.

    Raises:
        MissingPackageError: `engine` is ray, which is not installed.
        TrainingError: Training cannot go on, or a process was killed.
    """
    missing = [task for task in tasks if not task.done]
    if missing:
        reuse_folds(project, missing, data, read)
        missing = [task for task in missing if not task.done]
    if not missing:
        return
    jobs, gpus = _jobs(project.config, len(missing))
    if jobs == 1 and project.config.engine == "local":
        _one_by_one(project, missing, data, read, minutes)
        return
    seconds = None if minutes is None else 60 * minutes / math.ceil(len(missing) / jobs)
    orders = [_Order(task, data, read, 1, seconds) for task in missing]
    for task in _by_cut(missing):  # what all folds of a member read is made once, before they need it
        _activations(project, task, data)
    if project.config.engine == "ray":
        _on_ray(project.console, orders, jobs)
    else:
        _side_by_side(project.console, orders, jobs, gpus)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _jobs(config: Config, missing: int) -> tuple[int, int]:
    """How many folds are trained at once, and how many GPUs they share."""
    wanted = config.ensemble.jobs
    if config.engine == "ray":  # the cluster has its own number
        return (missing if wanted in ("auto", 1) else min(int(wanted), missing)), 0
    if wanted == 1:
        return 1, 0
    from toolkit.nn.runtime import gpu_count

    gpus = gpu_count()
    most = (gpus or processors()) if wanted == "auto" else int(wanted)
    return min(most, missing), gpus


def _one_by_one(project: Project, tasks: Sequence[FoldTask], data: Manifest, read: Read, minutes: float | None) -> None:
    begin = time.monotonic()
    known: dict[int, Activations | None] = {}
    for number, task in enumerate(tasks):
        start(task.config)
        if id(task.config) not in known:
            known = {id(task.config): _activations(project, task, None)}
        left = None if minutes is None else 60 * minutes - (time.monotonic() - begin)
        share = None if left is None else max(0.0, left) / (len(tasks) - number)
        train_fold(project.console, task, data, read, known[id(task.config)], share)


def _activations(project: Project, task: FoldTask, data: Manifest | None) -> Activations | None:
    """Caches of the frozen layers, where they are wanted; with `data` they are filled now."""
    config = task.config
    if not config.ensemble.views or config.model.unfreeze == "all":
        return None
    start(config)
    activations = Activations(project, config, _run_folder(task) / "activations")
    if data is not None:
        ids = data.image_ids.tolist()
        activations.augmented(ids, config.ensemble.views)
        activations.plain(ids)
    return activations


def _run_folder(task: FoldTask) -> Any:
    parent = task.folder.parent
    return parent.parent if parent.name.startswith("member") else parent


def _by_cut(tasks: Sequence[FoldTask]) -> list[FoldTask]:
    """One task of each member."""
    return list({id(task.config): task for task in tasks}.values())


@dataclass(frozen=True)
class _Order:
    """What another process is given.

    Attributes:
        task: The model.
        data: The development pictures.
        read: Image ids → uint8 `(n, h, w, 3)`.
        threads: Of computation.
        seconds: Stop after the epoch in which so much time has passed; None: never.
        parent: Process that the other one ends with; None: something else sees to that.
        gpus: GPUs of the machine, of which it takes one that is free.
    """

    task: FoldTask
    data: Manifest
    read: Read
    threads: int
    seconds: float | None
    parent: int | None = None
    gpus: int = 0


def _side_by_side(console: Console, orders: Sequence[_Order], jobs: int, gpus: int) -> None:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    threads = max(1, processors() // jobs)
    orders = [replace(order, threads=threads, parent=os.getpid(), gpus=gpus) for order in orders]
    try:
        with (
            console.progress(f"Folds, {jobs} at a time") as on_progress,
            parallel_config(backend="loky", inner_max_num_threads=threads),
        ):
            run = Parallel(jobs, batch_size=1, pre_dispatch="all", return_as="generator_unordered")
            for done, notes in enumerate(run(delayed(_train_elsewhere)(order) for order in orders), start=1):
                _tell(console, notes)
                on_progress(done, len(orders))
    except TerminatedWorkerError as error:
        raise TrainingError(
            "A process that trained a fold was killed, most likely because memory ran out. What the others had done by "
            "then is kept: run the command again, with a smaller `ensemble.jobs` or `train.batch_size`."
        ) from error
    finally:
        # Idle processes would keep their share of memory, on a GPU all of it, from the steps that follow.
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def _on_ray(console: Console, orders: Sequence[_Order], jobs: int) -> None:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise MissingPackageError(
            f"`engine: ray` needs the package ray ({error}). Install it with `pip install 'contest-toolkit[cluster]'` "
            "on every machine of the cluster, or set `engine` to local."
        ) from error
    from joblib import Parallel, delayed, parallel_config

    if not ray.is_initialized():
        ray.init(logging_level="ERROR", log_to_driver=False)
    register_ray()
    places, threads, resources = _places([node["Resources"] for node in ray.nodes() if node["Alive"]], jobs)
    orders = [replace(order, threads=threads) for order in orders]
    with (
        console.progress(f"Folds on Ray, {places} at a time") as on_progress,
        parallel_config(backend="ray", ray_remote_args={**resources, "scheduling_strategy": "SPREAD"}),
    ):
        all_notes = Parallel(places, batch_size=1)(delayed(_train_elsewhere)(order) for order in orders)
        on_progress(len(orders), len(orders))
    for notes in all_notes:
        _tell(console, notes)


def _places(machines: Sequence[Mapping[str, float]], jobs: int) -> tuple[int, int, dict[str, Any]]:
    """How many folds a cluster trains at once, threads of each, and what each asks for, which every machine can give.

    Args:
        machines: `CPU` and `GPU` of each.
        jobs: Most folds at once.
    """
    kind = "GPU" if all(machine.get("GPU", 0) >= 1 for machine in machines) else "CPU"
    least = min(machine.get(kind, 1.0) for machine in machines)
    # With a single place joblib would train here instead of on the cluster.
    places = max(2, min(jobs, int(least) * len(machines)))
    on_each = math.ceil(places / len(machines))
    share = least / on_each
    processors = min(machine.get("CPU", 1.0) for machine in machines)
    asked = min(share, 1.0) if kind == "GPU" or share < 1 else float(int(share))
    return places, max(1, int(processors // on_each)), {f"num_{kind.lower()}s": asked}


def _tell(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        console.note(note)


class _Notes(Console):
    """Keeps what a person should hear of a process without a terminal."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """Keep a line."""
        self.texts.append(text)


def _train_elsewhere(order: _Order) -> list[str]:
    """Train a fold in a process of its own; what there is to tell."""
    if order.parent is not None:
        _end_with(order.parent)
    if order.gpus:
        take_gpu(order.gpus)
    config = order.task.config
    start(config, order.threads)
    console = _Notes()
    activations = _activations(Project(config, console), order.task, None)
    train_fold(console, order.task, order.data, order.read, activations, order.seconds)
    return console.texts


def _end_with(parent: int) -> None:
    """End this process as soon as its parent is gone: killed, it cannot end its children itself."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    if os.getppid() != parent:
        os._exit(1)
    if parent not in _watched:
        _watched.add(parent)
        threading.Thread(target=watch, name="parent-watch", daemon=True).start()
