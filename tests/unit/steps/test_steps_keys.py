"""What changes a step's key, what must not, and the keys themselves: other code must not lose finished results."""

import pytest

from toolkit.config import load_config
from toolkit.steps import keys

BASE = {"name": "n", "data": {"source": "train.csv"}}


def all_keys(assignments=(), fingerprint="f", base=BASE):
    config = load_config(base, assignments)
    cleaned = keys.clean_key(config, fingerprint)
    tuned = keys.tune_key(config, cleaned)
    trained = keys.ensemble_key(config, cleaned)
    evaluated = keys.evaluate_key(config, trained, None)
    return {
        "clean": cleaned,
        "tune": tuned,
        "ensemble": trained,
        "evaluate": evaluated,
        "package": keys.package_key(config, evaluated),
    }


REFERENCE = all_keys()
ALL = set(REFERENCE)
TRAINED = {"tune", "ensemble", "evaluate", "package"}


@pytest.mark.parametrize(
    ("assignment", "changed"),
    [
        # Budgets, workers, engine, storage, names and folders change nothing.
        ("tune.trials=99", set()),
        ("tune.minutes=3", set()),
        ("train.workers=7", set()),
        ("runs_dir=/elsewhere", set()),
        ("name=other", set()),
        ("data.source=/moved/train.csv", set()),
        ("data.cache_gb=1", set()),
        ("package.destination=/elsewhere", set()),
        # A step's settings change it and the steps after it.
        ("seed=1", ALL),
        ("data.image_size=64", ALL),
        ("data.resize=pad", ALL),
        ("clean.outliers=false", ALL),
        ("clean.actions.outlier=keep", ALL),
        ("data.holdout=0.3", TRAINED),
        ("model.unfreeze=3", TRAINED),
        ("model.head.dropout=0.1", TRAINED),
        ("augment.policy.name=none", TRAINED),
        ("train.learning_rate=0.1", TRAINED),
        ("train.deterministic=true", TRAINED),
        ("tune.metric=accuracy", {"tune"}),
        ("tune.trial_epochs=3", {"tune"}),
        ("tune.space.train.batch_size={choice: [8, 16]}", {"tune"}),
        ("ensemble.folds=3", {"ensemble", "evaluate", "package"}),
        ("ensemble.vote=mean", {"evaluate", "package"}),
        ("ensemble.metric=log_loss", {"evaluate", "package"}),
        ("ensemble.calibrate=true", {"evaluate", "package"}),
        ("ensemble.prior_correction=em", set()),  # a package of code meets no target pictures before it is handed in
        ("evaluate.severity=2", {"evaluate", "package"}),
        ("evaluate.severity=[3]", set()),
        ("evaluate.severity=[1,3]", {"evaluate", "package"}),
        ("evaluate.pictures=9", {"evaluate", "package"}),
        ("evaluate.metric=auc", {"evaluate", "package"}),
        ("package.output=one_hot", {"package"}),
        ("package.batch_norm=train", set()),  # as the ensemble's, which `auto` follows
        ("package.batch_norm=target", {"package"}),
        ("ensemble.batch_norm=target", {"evaluate", "package"}),
    ],
)
def test_a_setting_changes_just_the_keys_it_affects(assignment, changed):
    now = all_keys([assignment])
    assert {step for step in ALL if now[step] != REFERENCE[step]} == changed


def test_other_data_change_every_key():
    now = all_keys(fingerprint="g")
    assert not {step for step in ALL if now[step] == REFERENCE[step]}


def test_a_weights_file_counts_by_its_content_not_its_place(tmp_path):
    (tmp_path / "a").write_bytes(b"weights")
    (tmp_path / "b").write_bytes(b"weights")
    (tmp_path / "c").write_bytes(b"others")
    a, b, c = (all_keys([f"model.weights={tmp_path / name}"]) for name in "abc")
    assert a == b
    assert a["ensemble"] != c["ensemble"]
    assert a["clean"] == c["clean"]


def test_a_default_written_out_is_the_same_as_one_left_out():
    assert all_keys(["train.batch_size=32", "model.head.activation=relu"]) == REFERENCE


def test_predictions_of_a_local_test_are_shared_by_runs_that_differ_in_which_tests_there_are():
    def predictions(*assignments):
        return keys.predictions_key(load_config(BASE, assignments), "e")

    assert predictions("evaluate.corruptions=all", "evaluate.severity=[1,5]", "evaluate.metric=auc") == predictions()
    assert predictions("ensemble.vote=mean") != predictions()


def test_what_the_hidden_score_is_estimated_from_changes_the_run_but_neither_scores_nor_package():
    scores = REFERENCE["evaluate"]
    assert keys.estimates_key(scores, None, None) == scores
    assert len({scores, *(keys.estimates_key(scores, *parts) for parts in (("t", None), (None, "b"), ("t", "b")))}) == 4
    assert all_keys(["evaluate.target=/pictures", "evaluate.leaderboard=/board.csv"]) == REFERENCE


def test_the_keys_are_the_ones_under_which_results_lie_on_disk():
    """Change these values only together with `keys.SCHEMA` or a setting: the old results are then computed anew."""
    assert REFERENCE == GOLDEN


GOLDEN: dict[str, str] = {
    "clean": "9933d9aae070",
    "tune": "308973fef8ff",
    "ensemble": "36089180e2aa",
    "evaluate": "e5d3bc5f49f3",
    "package": "a6887f7c2a10",
}
