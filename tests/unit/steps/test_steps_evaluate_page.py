import json
from pathlib import Path

import numpy as np
import pytest

from toolkit.artifacts import RunDir
from toolkit.config import load_config
from toolkit.errors import ConfigError, DataError
from toolkit.evaluation.corruptions import CORRUPTIONS, corrupt
from toolkit.evaluation.estimates import predictive_interval
from toolkit.evaluation.local_tests import LocalTest, noisy
from toolkit.manifest import Manifest
from toolkit.metrics import metric, score
from toolkit.predictions import Predictions
from toolkit.report import Page, render
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult, _figures, _told
from toolkit.steps.pages.evaluate import Evaluated, evaluate_sections
from toolkit.steps.project import Project
from toolkit.steps.splits import Split
from toolkit.steps.testing import LocalPredictor, corrupted

PICTURES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)


def holdout(classes, labels):
    ids = [f"p{index}" for index in range(len(labels))]
    return Manifest.build(Path(), classes, ids, [f"{name}.png" for name in ids], labels)


def read(image_ids):
    return np.stack([PICTURES[int(name[1:])] for name in image_ids])


def found(names, severities=(3,), overlapping=(), classes=("ant", "bee", "cat"), labels=None, name="accuracy"):
    rng = np.random.default_rng(1)
    labels = np.arange(40) % len(classes) if labels is None else np.asarray(labels)
    pictures = holdout(classes, labels)
    k = len(classes)

    def predicted(strength):
        return (strength * np.eye(k)[labels] + (1 - strength) * rng.dirichlet(np.ones(k), len(labels))).astype("f4")

    objective = metric(name)
    clean = predicted(0.5)
    tests, probabilities = [], {}
    for row in names:
        for severity in severities:
            values = predicted(0.4 - 0.07 * severity)
            test = LocalTest(row, CORRUPTIONS[row].family, severity, score(labels, values, classes),
                             objective.function(labels, values), row in overlapping)  # fmt: skip
            tests.append(test)
            probabilities[test.label] = values
    scores = score(labels, clean, classes)
    told = _told(objective, tests, pictures, clean, 0)
    return Evaluated(
        pictures, pictures, scores, clean, tests, probabilities, objective, told["clean"]["value"] if told else None,
        noisy(tests, [test.scores.accuracy.value for test in tests]),
        predictive_interval(
            scores.accuracy.value, [test.scores.accuracy.value for test in tests], [test.family for test in tests],
            len(labels),
        ), left_out=("weather",),
    ), told  # fmt: skip


def page(evaluated):
    return render(Page("p", sections=evaluate_sections(evaluated, read, 0, "next")))


def titles(text):
    return [part.split("<")[0] for part in text.split("<h2>")[1:]]


def result(evaluated, told):
    return EvaluateResult(step="evaluate", run_dir=Path("r"), **json.loads(json.dumps(_figures(evaluated, told))))


def test_several_severities_have_maps_and_curves_and_overlap_is_told_apart():
    evaluated, told = found(["white_noise", "jpeg"], (1, 3, 5), overlapping=["jpeg"])
    text = page(evaluated)
    assert "Corruptions by severity" in titles(text)
    assert "Severity curves" in titles(text)
    assert "what training did not practise" in text
    assert "jpeg *" in text
    table = result(evaluated, told).tables()[0]
    assert table.columns == ("local test", "1", "3", "5", "mean")
    rows = {row[0]: row[1:] for row in table.rows}
    assert len(rows["jpeg *"]) == 4
    assert rows["noisy without overlap"][-1] == f"{evaluated.noisy.without_overlap:.3f}"
    assert rows["noisy: mean of all"][-1] == f"{evaluated.noisy.all:.3f}"
    assert "estimated hidden score" in rows


def test_one_severity_has_bars_and_no_curves_and_no_overlap_is_one_noisy_score():
    evaluated, told = found(["white_noise", "jpeg"])
    text = page(evaluated)
    assert "Severity curves" not in titles(text)
    assert "All at severity 3 of 5." in text
    shown = result(evaluated, told)
    assert shown.noisy == shown.noisy_without_overlap
    assert list(shown.headline) == ["clean", "noisy", "estimate"]
    assert "noisy without overlap" not in [row[0] for row in shown.tables()[0].rows]


def test_where_all_overlaps_every_place_says_so():
    evaluated, told = found(["brightness", "hue"], overlapping=["brightness", "hue"])
    assert "there is no noisy score without overlap" in page(evaluated)
    shown = result(evaluated, told)
    assert shown.noisy_without_overlap is None
    assert list(shown.headline) == ["clean", "noisy, all overlap training", "estimate"]
    rows = {row[0]: row[1] for row in shown.tables()[0].rows}
    assert rows["noisy without overlap"] == "none: all overlap"


@pytest.mark.parametrize("name", ["macro_f1", "log_loss", "auc", "quadratic_kappa"])
def test_a_metric_of_choice_stands_beside_accuracy_and_leads_the_headline(name):
    evaluated, told = found(["white_noise", "jpeg"], (1, 5), name=name)
    assert name.replace("_", " ").replace("f1", "F1") in page(evaluated)
    shown = result(evaluated, told)
    assert next(iter(shown.headline)) == name.replace("_", " ")
    assert "estimate" in shown.headline
    assert shown.metric.clean.low <= shown.metric.clean.value <= shown.metric.clean.high
    assert shown.tables()[0].columns[-1] == name


def test_a_class_without_pictures_is_named_and_one_class_is_no_trouble():
    evaluated, _ = found(["white_noise"], (1, 5), labels=np.arange(40) % 2)
    assert "holds no picture of cat" in page(evaluated)
    alone, told = found(["white_noise"], classes=("ant",))
    assert "There is one class only" in page(alone)
    assert result(alone, told).clean.value == 1.0


def predictor(folder, assignments=()):
    config = load_config({"name": "n", "runs_dir": str(folder), "data": {"source": "train.csv"}}, assignments)
    pictures = holdout(("ant", "bee"), np.arange(6) % 2)
    ensemble = Ensemble("key", RunDir(folder), config, None, Split(pictures, pictures))
    return lambda name: LocalPredictor(Project(config), ensemble, RunDir(folder / name))


def test_a_finished_test_is_found_again_after_an_interruption_and_by_a_later_run(tmp_path):
    ids = [f"p{index}" for index in range(6)]
    values = np.tile(np.array([[0.25, 0.75]], np.float32), (6, 1))
    for name in "abc":
        (tmp_path / name).mkdir()
    first = predictor(tmp_path)("a")
    Predictions.build(ids, values, ("ant", "bee")).save(tmp_path / "a" / "predictions-jpeg-3.npz")
    assert np.array_equal(first.predict("jpeg-3", "", read, ids), values)
    # No model exists, so these can only come from the file; a part of the pictures will do.
    assert np.array_equal(
        predictor(tmp_path, ["evaluate.metric=auc"])("b").predict("jpeg-3", "", read, ids[:2]), values[:2]
    )
    assert (tmp_path / "b" / "predictions-jpeg-3.npz").exists()
    with pytest.raises(Exception, match=r"fold0|model\.keras"):
        predictor(tmp_path, ["ensemble.vote=mean"])("c").predict("jpeg-3", "", read, ids)


def test_pictures_are_corrupted_alike_however_often_they_are_read():
    ids = [f"p{index}" for index in range(5)]
    seen = corrupted(read, "white_noise", 2, 7)
    whole = corrupt(read(ids), ids, "white_noise", 2, 7)
    assert np.array_equal(seen(ids[:3]), whole[:3])
    assert np.array_equal(seen(ids[1:]), whole[1:])
    assert np.array_equal(seen(ids), whole)


@pytest.mark.parametrize("wrong", ["evaluate.severity=[]", "evaluate.severity=[0,3]", "evaluate.corruptions=[]",
                                   "evaluate.pictures=0", "evaluate.metric=acc"])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match=wrong.partition("=")[0]):
        load_config({"name": "n", "data": {"source": "train.csv"}}, [wrong])


def test_probabilities_that_are_not_numbers_are_refused_before_anything_is_kept():
    with pytest.raises(DataError, match="NaN"):
        Predictions.build(["a"], np.array([[np.nan, 0.5]]), ("x", "y"))
