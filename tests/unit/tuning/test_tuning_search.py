import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolkit.errors import SearchError, TrainingError
from toolkit.tuning.search import Outcome, load_study, search
from toolkit.tuning.space import Choice, Condition, FloatRange, IntRange

SPACE = {
    "units.1": IntRange(1, 64),
    "layers": IntRange(1, 2),
    "rate": FloatRange(1e-4, 1e-1, log=True),
    "kind": Choice(("a", None, 3, [1, 2])),
}
CONDITIONS = (Condition("units.1", "layers", 2),)


def bowl(params):
    return Outcome(-((params["rate"] - 0.01) ** 2) - params["layers"], {"clean": 0.5})


def run(folder: Path, trials: int, objective=bowl, **settings):
    return search(
        objective, SPACE, storage=folder / "journal.log", name="s", trials=trials, conditions=CONDITIONS, **settings
    )


def test_a_dimension_exists_only_where_its_condition_holds(tmp_path):
    result = run(tmp_path, 12)
    assert {trial.params["layers"] for trial in result.trials} == {1, 2}
    for trial in result.trials:
        assert ("units.1" in trial.params) == (trial.params["layers"] == 2)
        assert trial.params["kind"] in ("a", None, 3, [1, 2])


def test_raising_the_number_of_trials_continues_the_study_as_if_never_stopped(tmp_path):
    run(tmp_path / "halves", 6)
    halves = run(tmp_path / "halves", 14)
    whole = run(tmp_path / "whole", 14)
    assert [trial.params for trial in halves.trials] == [trial.params for trial in whole.trials]
    assert len(halves.trials) == 14


def test_the_same_number_of_trials_runs_nothing(tmp_path):
    run(tmp_path, 4)
    calls = []
    again = run(tmp_path, 4, objective=lambda params: calls.append(1) or Outcome(0.0))
    assert not calls
    assert again == load_study(tmp_path / "journal.log", "s")


def test_other_seeds_draw_other_values(tmp_path):
    first = run(tmp_path / "a", 3, seed=1)
    second = run(tmp_path / "b", 3, seed=2)
    assert [trial.params for trial in first.trials] != [trial.params for trial in second.trials]


def test_a_failed_trial_is_recorded_with_its_reason_and_the_study_goes_on(tmp_path):
    seen = []

    def second_fails(params):
        seen.append(params)
        if len(seen) == 2:
            raise TrainingError("The loss is NaN.")
        return bowl(params)

    result = run(tmp_path, 5, objective=second_fails)
    assert [trial.state for trial in result.trials] == ["complete", "failed", "complete", "complete", "complete"]
    assert result.trials[1].reason == "The loss is NaN."
    assert result.best is not None


def test_a_study_whose_first_trials_all_fail_stops_with_the_reason(tmp_path):
    def fails(params):
        raise MemoryError("no room")

    with pytest.raises(SearchError, match=r"first 5 trials all failed.*no room"):
        run(tmp_path, 50, objective=fails)


def test_best_follows_the_direction(tmp_path):
    result = run(tmp_path, 8, direction="minimize")
    assert result.best.value == min(trial.value for trial in result.trials)
    assert result.best_so_far()[-1] == result.best.value


SCRIPT = """
import sys, time, json
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_tuning_search import run, bowl
def slow(params):
    print("trial", flush=True)
    time.sleep(0.2)
    return bowl(params)
run(Path({folder!r}), 8, objective=slow)
"""


def test_a_killed_search_loses_only_the_running_trial_and_ends_the_same(tmp_path):
    script = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "killed"))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    for _ in range(4):
        process.stdout.readline()
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    kept = load_study(tmp_path / "killed" / "journal.log", "s")
    assert len(kept.trials) == 3
    resumed = run(tmp_path / "killed", 8)
    whole = run(tmp_path / "whole", 8)
    assert json.dumps([t.params for t in resumed.trials]) == json.dumps([t.params for t in whole.trials])
    assert resumed.best.params == whole.best.params
