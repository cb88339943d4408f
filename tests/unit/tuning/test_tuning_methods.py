import importlib.util
import math

import numpy as np
import optuna
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from toolkit.errors import ConfigError, MissingPackageError, SearchError, TrainingError
from toolkit.metrics import metric, objective_metric
from toolkit.tuning.pruners import PRUNERS, MedianOfLastEpochs, build_pruner, compares
from toolkit.tuning.samplers import SAMPLERS
from toolkit.tuning.search import Outcome, search
from toolkit.tuning.space import Choice, Condition, FloatRange, IntRange
from toolkit.tuning.storage import check_storage

SPACE = {
    "layers": IntRange(1, 2),
    "units": Choice((8, 16)),
    "rate": FloatRange(0.1, 0.4, step=0.1),
}
RULES = (Condition("units", "layers", 2),)
DISTINCT = 4 + 2 * 4


def run(folder, trials, objective, name="s", **settings):
    return search(objective, SPACE, storage=folder / "journal.log", name=name, trials=trials, conditions=RULES,
                  trial_epochs=8, **settings)  # fmt: skip


def bowl(params, live=None):
    return Outcome(-((params["rate"] - 0.2) ** 2) - params["layers"])


def learning(params, live):
    """A course towards the rate: who is worse at the end is worse all the way."""
    for epoch in range(1, 9):
        if live.epoch(-params["rate"] + 0.01 * epoch):
            break
    return Outcome(-params["rate"])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_continues_a_study_as_if_never_stopped(tmp_path, sampler):
    if sampler == "gp" and importlib.util.find_spec("torch") is None:
        with pytest.raises(MissingPackageError, match=r"torch.*contest-toolkit\[gp\]"):
            run(tmp_path, 2, bowl, sampler=sampler)
        return
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    run(tmp_path / "halves", 5, bowl, sampler=sampler)
    halves = run(tmp_path / "halves", 11, bowl, sampler=sampler)
    whole = run(tmp_path / "whole", 11, bowl, sampler=sampler)
    assert [trial.params for trial in halves.trials] == [trial.params for trial in whole.trials]
    assert all(("units" in trial.params) == (trial.params["layers"] == 2) for trial in whole.trials)


@pytest.mark.parametrize("sampler", ["grid", "bruteforce"])
def test_exhaustive_samplers_visit_every_distinct_point_once_and_end(tmp_path, sampler):
    result = run(tmp_path, 50, bowl, sampler=sampler)
    visited = {tuple(sorted(trial.params.items())) for trial in result.trials}
    assert len(result.trials) == len(visited) == DISTINCT


@pytest.mark.parametrize("pruner", [name for name in PRUNERS if name != "wilcoxon"])
def test_pruned_trials_count_but_are_no_result(tmp_path, pruner):
    result = run(tmp_path, 24, learning, sampler="random", pruner=pruner, live=True)
    assert len(result.trials) == 24
    pruned = [trial for trial in result.trials if trial.state == "pruned"]
    assert bool(pruned) == (pruner != "none")
    assert all(trial.value is None and trial.epochs < 8 and trial.reason for trial in pruned)
    assert result.best.params["rate"] == 0.1


def test_wilcoxon_compares_folds(tmp_path):
    def folds(params, live):
        for fold in range(8):
            live.compare(fold, -params["rate"] + 0.001 * fold)
        return Outcome(-params["rate"])

    result = run(tmp_path, 20, folds, sampler="random", pruner="wilcoxon", live=True)
    assert result.count("pruned") > 0


def test_the_rule_of_report_e_compares_means_of_five_epochs():
    study = optuna.create_study(direction="minimize")
    for level in (1.0, 2.0, 3.0):
        trial = optuna.trial.create_trial(
            value=level, intermediate_values={epoch: level + (epoch == 3) for epoch in range(1, 9)}
        )
        study.add_trial(trial)
    rule = MedianOfLastEpochs(startup=3)

    def verdict(values):
        running = study.ask()
        for epoch, value in enumerate(values, 1):
            running.report(value, epoch)
        return rule.prune(study, study.trials[running.number])

    assert not verdict([9.0] * 4), "no mean of five before the fifth epoch"
    # The median over the finished trials at epoch 5 is (2 + 2 + 3 + 2 + 2) / 5 = 2.2.
    assert not verdict([2.19] * 5)
    assert verdict([2.21] * 5)
    assert not verdict([9.0, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(("name", "least", "reduction"), [("asha", 1, 4), ("asha", 3, 2), ("hyperband", 2, 3)])
def test_successive_halving_decides_the_same_without_what_lies_between_its_rungs(name, least, reduction):
    curves = np.random.default_rng(0).normal(size=(40, 16)).cumsum(axis=1)
    ended = []
    for every in (True, False):
        pruner = build_pruner(name, epochs=16, min_epochs=least, reduction=reduction)
        study = optuna.create_study(direction="maximize", pruner=pruner, study_name="the brackets depend on it")
        ended.append([])
        for curve in curves:
            trial = study.ask()
            last = 16
            for epoch, value in enumerate(curve, 1):
                if every or compares(name, epoch, min_epochs=least, reduction=reduction):
                    trial.report(value, epoch)
                    if trial.should_prune():
                        last = epoch
                        break
            ended[-1].append(last)
            study.tell(trial, curve[last - 1] if last == 16 else None, optuna.trial.TrialState.COMPLETE if last == 16
                       else optuna.trial.TrialState.PRUNED)  # fmt: skip
    assert ended[0] == ended[1]
    assert 0 < sum(last == 16 for last in ended[0]) < 40
    assert all(compares("median", epoch) for epoch in range(1, 9))


def test_no_more_than_so_many_trials_are_trained_to_the_end(tmp_path):
    result = run(tmp_path, 24, learning, sampler="random", pruner="asha", live=True, full_trials=2)
    assert result.count("complete") == 2
    assert len(result.trials) < 24


def test_epochs_end_the_search_and_what_the_last_trial_reached_counts(tmp_path):
    result = run(tmp_path, 24, learning, live=True, epochs=19)
    assert result.epochs == 19
    assert [trial.epochs for trial in result.trials] == [8, 8, 3]
    assert [trial.state for trial in result.trials] == ["complete"] * 3
    assert run(tmp_path, 24, learning, live=True, epochs=19) == result


def test_warm_starts_come_first_and_only_once(tmp_path):
    start = [{"layers": 2, "units": 16, "rate": 0.3}, {"rate": 7.0}, {"rate": 0.4, "other": 1}]
    first = run(tmp_path, 3, bowl, warm_start=start)
    assert first.trials[0].params == start[0]
    assert first.trials[1].params["rate"] == 0.4
    again = run(tmp_path, 6, bowl, warm_start=start)
    assert sum(trial.params == start[0] for trial in again.trials) == 1


def test_what_may_pass_is_tried_once_more_and_what_may_not_is_not(tmp_path):
    seen = []

    def fails(params):
        seen.append(params)
        if len(seen) == 2:
            raise MemoryError("no room")
        if len(seen) == 4:
            raise TrainingError("NaN")
        return bowl(params)

    result = run(tmp_path, 6, fails)
    assert [trial.state for trial in result.trials] == ["complete", "failed", "complete", "failed"] + ["complete"] * 2
    assert seen[1] == seen[2]
    assert [trial.reason for trial in result.trials if trial.reason] == ["no room", "NaN"]


def test_an_interrupted_trial_counts_for_nothing_and_is_tried_again(tmp_path):
    seen = []

    def stopped(params):
        seen.append(params)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return bowl(params)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", 5, stopped)
    resumed = run(tmp_path / "a", 5, bowl)
    whole = run(tmp_path / "b", 5, bowl)
    assert [trial.params for trial in resumed.trials] == [trial.params for trial in whole.trials]


def test_nothing_completed_is_not_an_endless_search(tmp_path):
    def nan(params):
        return Outcome(math.nan)

    with pytest.raises(SearchError, match=r"first 5 trials all failed.*NaN"):
        run(tmp_path, 9, nan)


def test_the_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    probabilities = rng.dirichlet(np.ones(4), 200)
    probabilities[np.arange(200), labels] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    assert metric("auc").function(labels, probabilities) == pytest.approx(
        roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    )
    assert metric("quadratic_kappa").function(labels, probabilities) == pytest.approx(
        cohen_kappa_score(labels, probabilities.argmax(axis=1), weights="quadratic")
    )


def test_a_function_of_the_user_judges(tmp_path):
    (tmp_path / "my_metric_module.py").write_text("def worst(labels, probabilities):\n    return 0.25\n")
    found = objective_metric("my_metric_module:worst", tmp_path, "minimize")
    assert (found.direction, found.function(np.zeros(1), np.zeros((1, 2)))) == ("minimize", 0.25)
    with pytest.raises(ConfigError, match="no attribute 'best'"):
        objective_metric("my_metric_module:best", tmp_path)
    with pytest.raises(ConfigError, match="no_such_module"):
        objective_metric("no_such_module:f", tmp_path)


@pytest.mark.parametrize("url", ["sqlite:///a.db", "mysql://x/y", "nonsense://"])
def test_a_storage_of_another_kind_is_refused(url):
    with pytest.raises(SearchError, match="expected journal"):
        check_storage(url)
