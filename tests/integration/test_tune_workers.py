"""Several processes on one study, some of them killed: no trial is lost, none is made twice."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import optuna
import pytest
from conftest import toolkit
from postgresql import postgresql_server

from toolkit.tuning.search import load_study, open_study

TRIALS = 16
WORKER = """
import sys, time
from toolkit.tuning.search import Outcome, search
from toolkit.tuning.space import FloatRange, IntRange

begun = []
def objective(params, live):
    begun.append(params)
    print("began", flush=True)
    if len(begun) == int(sys.argv[4]):
        time.sleep(600)
    for epoch in range(4):
        time.sleep(0.05)
        if live.epoch(params["x"] * epoch):
            break
    return Outcome(-(params["x"] - 3) ** 2)

settings = dict(trials=int(sys.argv[2]), epochs=int(sys.argv[3]) or None, trial_epochs=4, heartbeat=1, live=True)
search(objective, {"x": FloatRange(0, 10), "n": IntRange(1, 9)}, storage=sys.argv[1], name="s", **settings)
"""


@pytest.fixture(scope="module")
def database():
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=["journal", "postgresql"])
def storage(request, tmp_path):
    if request.param == "journal":
        yield str(tmp_path / "journal.log")
        return
    url = request.getfixturevalue("database")
    yield url
    optuna.delete_study(study_name="s", storage=url)


def start(storage, trials=TRIALS, epochs=0, hangs_at=0):
    command = [sys.executable, "-c", WORKER, storage, *map(str, (trials, epochs, hangs_at))]
    # In the background a shell has children ignore Ctrl-C, and they would hand that on.
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listens)


def end(workers):
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
        assert "database is locked" not in errors


def wait(workers, trial):
    """Until each has begun so many trials."""
    for worker in workers:
        for _ in range(trial):
            assert worker.stdout.readline() == "began\n"


def kill(workers):
    """Kill -9, all together: none must retry what another lost."""
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
    for worker in workers:
        worker.communicate()


def test_four_workers_of_which_two_are_killed_make_every_trial_once(storage):
    victims = [start(storage, hangs_at=2) for _ in range(2)]
    wait(victims, trial=2)
    others = [start(storage) for _ in range(2)]
    wait(others, trial=1)
    kill(victims)
    end(others)
    result = load_study(storage, "s")
    assert len(result.trials) == TRIALS
    assert [trial.reason for trial in result.trials if trial.state != "complete"] == []
    drawn = Counter((trial.params["x"], trial.params["n"]) for trial in result.trials)
    assert set(drawn.values()) == {1}, "a trial was made twice"
    raw = open_study(storage, "s").get_trials(deepcopy=False)
    lost = [trial for trial in raw if trial.user_attrs.get("reason") == "lost"]
    assert len(lost) == 2, "each killed worker loses only its running trial"
    retried = {trial.user_attrs.get("retry_of"): trial for trial in raw if "retry_of" in trial.user_attrs}
    for trial in lost:
        assert retried[trial.number].params == trial.params
    assert len({trial.worker for trial in result.trials}) >= 2


def test_a_rerun_goes_on_with_what_is_missing(storage):
    worker = start(storage, trials=6, hangs_at=4)
    wait([worker], trial=4)
    kill([worker])
    assert len(load_study(storage, "s").trials) == 3
    end([start(storage, trials=6), start(storage, trials=6)])
    result = load_study(storage, "s")
    assert [trial.state for trial in result.trials] == ["complete"] * 6
    whole = subprocess.run([sys.executable, "-c", WORKER, storage, "6", "0", "0"], capture_output=True, check=True)
    assert whole.stdout == b"", "a finished study has nothing to do"


def test_epochs_are_shared_and_overrun_by_at_most_one_a_worker(storage):
    end([start(storage, trials=100, epochs=18) for _ in range(3)])
    result = load_study(storage, "s")
    assert 18 <= result.epochs <= 18 + 3


CONFIG = """\
name: small
data: {source: contest/train.csv, image_size: 32, holdout: 0.25}
clean: {outliers: false, label_errors: false, quality: false}
model: {unfreeze: 0, head: {layers: 1, units: [32, 16]}}
train: {batch_size: 16, class_weight: none}
tune:
  trials: 6
  trial_epochs: 3
  heartbeat: 1
  pruner: median_mean5
  warm_start: [pairs]
  corruptions: [cutout]
  test: mixed
  space:
    model.head.layers: {int: [1, 2]}
    model.head.units.1: {choice: [8, 16]}
    augment.policy.name: {choice: [none, basic]}
    augment.policy.rotation: {float: [0, 30], step: 15, when: {augment.policy.name: basic}}
    train.batch_size: {choice: [16, 32]}
    train.learning_rate: {float: [0.0001, 0.03], log: true}
"""


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    from toolkit.steps.demo_contest import Amounts, build_contest

    folder = tmp_path_factory.mktemp("contest")
    build_contest(folder, Amounts(genuine=120, hidden=20, exact=2, conflicts=1, near=2, flipped=0.0, outliers=1))
    (folder / "contest.yaml").write_text(CONFIG, encoding="utf-8")
    return folder / "contest.yaml"


def test_the_command_searches_with_several_processes(contest):
    done = toolkit("tune", "-c", contest, "--workers", 2, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    run = Path(result["run_dir"])
    with (run / "trials.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == result["trials"] == 6
    assert {row["state"] for row in rows} == {"complete"}
    for row in rows:
        assert (row["augment.policy.rotation"] != "") == (row["augment.policy.name"] == "basic")
        assert float(row["value"]) == pytest.approx((float(row["clean"]) + float(row["noisy"])) / 2)
    pairs = {(row["train.batch_size"], row["train.learning_rate"]) for row in rows}
    assert {("16", "0.0001"), ("32", "0.001")} <= pairs
    assert "6 done, 0 pruned, 0 failed; best macro_f1" in done.stderr
    assert not (run / "activations").exists()
    more = [start_command(contest, "tune.trials=8") for _ in range(2)]
    for process in more:
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert json.loads(out)["trials"] == 8


def start_command(config, *assignments):
    command = [sys.executable, "-m", "toolkit.cli", "tune", "-c", str(config), "--json"]
    for assignment in assignments:
        command += ["--set", assignment]
    # In the background a shell has children ignore Ctrl-C, and they would hand that on.
    listens = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listens)


def test_ctrl_c_ends_cleanly_with_the_best_so_far(contest):
    process = start_command(contest, "seed=5", "tune.trials=200")
    runs = contest.parent / "runs" / "small" / "tune"
    try:
        for line in process.stderr:
            if "2 done" in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    unfinished = [folder for folder in runs.iterdir() if not (folder / "DONE").exists() and folder.name != "latest"]
    assert len(unfinished) == 1
    best = json.loads((unfinished[0] / "best.json").read_text(encoding="utf-8"))
    assert "train.learning_rate" in best["params"]
