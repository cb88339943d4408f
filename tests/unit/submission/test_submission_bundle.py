"""The competition bundle: complete by the rules of Codabench."""

import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from sklearn.metrics import accuracy_score, f1_score

from toolkit.errors import DataError, SubmissionError
from toolkit.submission.bundle import write_bundle

NAMES = ("ant", "bee", "cat")


@pytest.fixture
def hidden():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8), rng.integers(0, 3, 30)


@pytest.fixture
def bundle(hidden, tmp_path):
    return write_bundle(tmp_path / "bundle", *hidden, class_names=NAMES, title="Ants: & bees")


def test_every_key_that_codabench_requires_is_there_and_every_file_it_names(bundle):
    competition = yaml.safe_load((bundle / "competition.yaml").read_text())
    assert competition["version"] == 2 and competition["title"] == "Ants: & bees"
    files = [competition["image"], competition["terms"], *(page["file"] for page in competition["pages"])]
    (phase,), (task,), (board,) = competition["phases"], competition["tasks"], competition["leaderboards"]
    files += [task[part] for part in ("ingestion_program", "scoring_program", "input_data", "reference_data")]
    for name in files:
        assert (bundle / name).exists(), name
        assert (bundle / name).is_dir() or (bundle / name).stat().st_size, name
    assert {"name", "start", "end", "tasks"} <= set(phase) and phase["tasks"] == [task["index"]]
    assert phase["execution_time_limit"] == 600
    assert [column["key"] for column in board["columns"]] == ["accuracy", "macro_f1"]
    for program in ("ingestion_program", "scoring_program"):
        assert yaml.safe_load((bundle / program / "metadata.yaml").read_text())["command"].startswith("python3 ")


def test_truth_is_in_the_reference_data_alone(bundle, hidden):
    np.testing.assert_array_equal(np.load(bundle / "input_data" / "X.npy"), hidden[0])
    np.testing.assert_array_equal(np.load(bundle / "reference_data" / "y.npy"), hidden[1])
    assert sorted(path.name for path in (bundle / "input_data").iterdir()) == ["X.npy", "classes.json"]


def score(bundle, folder, predictions):
    for name in ("ref", "res", "output"):
        (folder / name).mkdir(parents=True)
    np.save(folder / "ref" / "y.npy", np.load(bundle / "reference_data" / "y.npy"))
    if predictions is not None:
        np.save(folder / "res" / "predictions.npy", predictions)
    command = [sys.executable, bundle / "scoring_program" / "scoring.py", folder, folder / "output"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads((folder / "output" / "scores.json").read_text()), done.stderr


def test_scores_are_scikit_learns(bundle, hidden, tmp_path):
    predicted = np.where(np.arange(30) % 3, hidden[1], 1)
    scores, _ = score(bundle, tmp_path / "run", predicted)
    assert scores["accuracy"] == pytest.approx(accuracy_score(hidden[1], predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(hidden[1], predicted, average="macro"))


@pytest.mark.parametrize("output", ["one_hot", "probabilities"])
def test_rows_are_scored_by_their_highest_value_under_the_contests_own_labels(hidden, tmp_path, output):
    bundle = write_bundle(
        tmp_path / "bundle", *hidden, class_names=NAMES, title="t", output=output, label_values=(3, 5, 8)
    )
    assert set(np.load(bundle / "reference_data" / "y.npy")) == {3, 5, 8}
    scores, _ = score(bundle, tmp_path / "run", np.eye(3, dtype=np.float32)[hidden[1]])
    assert scores == {"accuracy": 1.0, "macro_f1": 1.0}


@pytest.mark.parametrize(
    "predictions",
    [None, np.zeros(29, int), np.zeros((30, 3)), np.full(30, np.nan), np.full(30, "ant")],
    ids=["none", "count", "form", "nan", "text"],
)
def test_anything_else_scores_zero_and_the_log_says_why(bundle, tmp_path, predictions):
    scores, log = score(bundle, tmp_path / "run", predictions)
    assert scores == {"accuracy": 0.0, "macro_f1": 0.0}
    assert "scored 0.0" in log


def test_an_older_bundle_is_replaced_but_no_other_folder(bundle, hidden, tmp_path):
    (bundle / "leftover.txt").write_text("x")
    write_bundle(bundle, *hidden, class_names=NAMES, title="again")
    assert not (bundle / "leftover.txt").exists()
    (tmp_path / "home").mkdir()
    with pytest.raises(SubmissionError, match="not"):
        write_bundle(tmp_path / "home", *hidden, class_names=NAMES, title="t")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("change", ["dtype", "shape", "count", "unlabelled", "beyond"])
def test_pictures_and_labels_that_do_not_fit_are_refused(hidden, tmp_path, change):
    images, labels = hidden
    images, labels = {
        "dtype": (images.astype(float), labels), "shape": (images[..., :1], labels), "count": (images, labels[:5]),
        "unlabelled": (images, labels - 1), "beyond": (images, labels + 1),
    }[change]  # fmt: skip
    with pytest.raises(DataError):
        write_bundle(tmp_path / "bundle", images, labels, class_names=NAMES, title="t")
    assert not (tmp_path / "bundle").exists()
