"""A real zip of real networks in the re-created contest worker, and every way in which a zip goes wrong there."""

import importlib.util
import json
import os
import time
import zipfile

import numpy as np
import psutil
import pytest

from toolkit.errors import MissingFileError, SubmissionError
from toolkit.submission import sandbox
from toolkit.submission.bundle import write_bundle
from toolkit.submission.codabench import build_zip
from toolkit.submission.verify import run_worker

CLASSES = ("dark", "bright", "red")
SIZE = 24
# Without Keras a worker takes tenths of a second, so what is not about networks is tried with this.
PREDICTS = """
import os
import numpy as np
class Model:
    def predict(self, X):
        {body}
"""
NOTHING_WRONG = "return (np.asarray(X).mean(axis=(1, 2, 3)) > 127).astype(np.int64)"


@pytest.fixture(scope="session")
def hidden():
    """Pictures of odd size, and labels of which the networks may be right or wrong."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (70, 31, 45, 3), dtype=np.uint8), rng.integers(0, 3, 70)


@pytest.fixture(scope="session")
def bundle(hidden, tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle") / "it", *hidden, class_names=CLASSES, title="A contest")


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """Three small untrained networks as `.keras` files."""
    import keras

    folder = tmp_path_factory.mktemp("networks")
    for index in range(3):
        keras.utils.set_random_seed(index)
        network = keras.Sequential(
            [
                keras.Input((SIZE, SIZE, 3)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dense(3, activation="softmax", kernel_initializer="glorot_normal"),
            ]
        )
        network.save(folder / f"{index}.keras")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def package(networks, tmp_path_factory):
    return build_zip(networks, tmp_path_factory.mktemp("zip") / "mine.zip", class_names=CLASSES, image_size=SIZE)


@pytest.fixture(scope="session")
def result(package, bundle):
    return run_worker(package.path, bundle, time_limit_s=300)


@pytest.fixture
def zip_of(tmp_path):
    def build(files):
        path = tmp_path / "submission.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path

    return build


@pytest.fixture
def run_body(zip_of, bundle):
    """Run a submission whose `predict` has this body."""

    def run(body, **settings):
        files = {"model.py": PREDICTS.format(body=body), "metadata": "description: a model\n"}
        return run_worker(zip_of(files), bundle, **settings)

    return run


def messages(result):
    return {check.name: check.message for check in result.failures}


def test_a_real_package_passes_every_check(result):
    assert messages(result) == {}
    assert {"flat", "model.py", "metadata", "isolation", "ingestion", "count", "form", "scoring", "scores"} <= {
        check.name for check in result.checks
    }
    assert 0 < result.seconds < 300 and result.peak_memory_mb > 100
    assert "predicted 70 pictures" in result.log


def test_its_predictions_equal_those_of_this_process(result, package, networks, hidden, tmp_path):
    import keras

    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(tmp_path)
    spec = importlib.util.spec_from_file_location("packaged_model", tmp_path / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Model()
    np.testing.assert_array_equal(model.fit(hidden[0], hidden[1]).predict(hidden[0]), result.predictions)

    pictures = module.prepare(hidden[0], False)
    members = np.stack([keras.models.load_model(path).predict(pictures, verbose=0) for path in networks])
    votes = np.stack([(members.argmax(axis=2) == label).sum(axis=0) for label in range(3)], axis=1)
    expected = (votes + members.mean(axis=0)) / 4
    np.testing.assert_allclose(model.predict_proba(hidden[0]), expected, atol=1e-5)
    assert len(set(result.predictions.tolist())) > 1

    grey = hidden[0][..., 0]
    np.testing.assert_array_equal(model.predict(grey), model.predict(np.repeat(grey[..., None], 3, axis=3)))
    np.testing.assert_array_equal(model.predict(hidden[0] / 255.0), result.predictions)


def test_the_score_is_the_accuracy_of_these_predictions(result, hidden):
    assert result.scores["accuracy"] == pytest.approx(np.mean(result.predictions == hidden[1]))


def test_the_environment_is_empty_and_the_working_directory_the_programs(run_body, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "leaked")
    monkeypatch.setenv("PYTHONPATH", "/")
    found = run_body(f"print('ENV', dict(os.environ), os.getcwd(), __file__); {NOTHING_WRONG}")
    assert messages(found) == {}
    shown = next(line for line in found.log.splitlines() if line.startswith("ENV"))
    names = set(eval(shown[4 : shown.index("}") + 1]))
    assert names - {"PWD", "SHLVL", "_", "LC_CTYPE", "OLDPWD"} == {"PATH", "HOME", "TMPDIR", "PYTHONUNBUFFERED"}
    assert "leaked" not in found.log
    assert "app/program" in shown and "app/ingested_program/model.py" in shown


def test_the_network_is_cut_off_and_the_submission_read_only_where_permitted(run_body):
    tries = (
        "import socket\n        for what in ('net', 'write'):\n            try:\n"
        "                socket.create_connection(('127.0.0.1', 9), 1) if what == 'net' else "
        "open(os.path.join(os.path.dirname(__file__), 'x'), 'w')\n"
        "            except OSError as error:\n                print('TRY', what, error)\n        " + NOTHING_WRONG
    )
    found = run_body(tries)
    permitted = sandbox.isolation()
    assert ("unreachable" in found.log) == permitted.network
    assert ("TRY write" in found.log) == (permitted.read_only or os.getuid() != 0)


@pytest.mark.parametrize(
    ("body", "name", "words"),
    [
        ("return 1 / 0", "ingestion", "ZeroDivisionError"),
        ("return np.zeros(len(X) - 1, int)", "count", "69 predictions for 70 pictures"),
        ("return np.zeros(len(X) + 9, int)", "count", "79 predictions"),
        ("return np.eye(3)[np.zeros(len(X), int)]", "form", "labels of shape (n,), not rows of shape (70, 3)"),
        ("return np.zeros((len(X), 1), int)", "form", "not rows of shape (70, 1)"),
        ("return np.zeros(len(X), np.float32)", "form", "integer labels, not float32"),
        ("return np.full(len(X), 7)", "form", "[7] are not among"),
        ("return np.full(len(X), np.nan)", "finite", "70 values are NaN"),
        ("return np.full(len(X), 'dark')", "form", "not <U4"),
        ("return np.array([None] * len(X))", "ingestion", "Object arrays cannot be saved"),
        ("os._exit(9)", "ingestion", "status 9"),
        ("import nothing_like_it", "ingestion", "The package nothing_like_it is not there"),
    ],
    ids=["crash", "too few", "too many", "one-hot", "column", "float", "unknown label", "nan", "text", "objects",
         "exits", "package"],
)  # fmt: skip
def test_what_predict_returns_wrong_is_found(run_body, body, name, words):
    found = run_body(body)
    assert not found.ok
    assert words in messages(found)[name]


def test_a_crash_is_scored_all_the_same_and_said_so(run_body):
    found = run_body("raise RuntimeError('on purpose')")
    assert found.scores == {"accuracy": 0.0, "macro_f1": 0.0}
    assert found.predictions is None
    assert "still scores" in messages(found)["ingestion"] and "on purpose" in messages(found)["ingestion"]


def test_weights_opened_in_the_working_directory_are_found(zip_of, bundle):
    code = PREDICTS.format(body="return np.load('weights.npy')")
    files = {"model.py": code, "metadata": "a: 1", "weights.npy": b"\x93NUMPY"}
    found = run_worker(zip_of(files), bundle)
    assert "os.path.dirname" in messages(found)["ingestion"]
    assert found.scores["accuracy"] == 0.0


def test_a_zip_of_a_folder_is_run_as_the_contest_would_and_scores_zero(zip_of, bundle):
    code = PREDICTS.format(body=NOTHING_WRONG)
    found = run_worker(zip_of({"mine/model.py": code, "mine/metadata": "a: 1"}), bundle)
    assert {"flat", "model.py", "metadata", "ingestion"} <= set(messages(found))
    assert "not in a folder" in messages(found)["ingestion"]
    assert found.scores["accuracy"] == 0.0


def test_without_metadata_the_submission_lands_in_the_predictions(zip_of, bundle):
    files = {"model.py": PREDICTS.format(body="print('OUT', sorted(os.listdir('../output'))); " + NOTHING_WRONG)}
    found = run_worker(zip_of(files | {"weights.bin": "w"}), bundle)
    assert set(messages(found)) == {"metadata"}
    assert "OUT ['model.py', 'weights.bin']" in found.log


def test_weights_that_the_worker_copied_are_not_taken_for_predictions(zip_of, bundle):
    found = run_worker(zip_of({"model.py": PREDICTS.format(body="return 1 / 0"), "w.npy": b"\x93NUMPY"}), bundle)
    assert set(messages(found)) == {"metadata", "ingestion", "predictions"}
    assert "No predictions were written" in messages(found)["predictions"]


def test_a_command_in_the_metadata_is_a_failure_but_is_not_run(zip_of, bundle, tmp_path):
    files = {"model.py": PREDICTS.format(body=NOTHING_WRONG), "metadata": f"command: touch {tmp_path}/ran\n"}
    found = run_worker(zip_of(files), bundle)
    assert set(messages(found)) == {"metadata"}
    assert not (tmp_path / "ran").exists()


def test_unsafe_paths_are_not_unpacked(zip_of, bundle):
    found = run_worker(zip_of({"model.py": "class Model: pass", "metadata": "a: 1", "../../escaped": "x"}), bundle)
    assert "paths" in messages(found)
    assert found.scores == {} and "ingestion" not in {check.name for check in found.checks}


def test_at_the_time_limit_all_processes_end_and_nothing_is_scored(run_body, tmp_path):
    note = tmp_path / "pids"
    body = (
        "import subprocess, time\n"
        "        child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        f"        open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n        time.sleep(60)"
    )
    found = run_body(body, time_limit_s=8)
    assert "time limit of 8 s" in messages(found)["ingestion"]
    assert found.scores == {}
    for pid in map(int, note.read_text().split()):
        for _ in range(50):
            if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"process {pid} outlived the time limit")


def test_peak_memory_counts_what_predict_allocates(run_body):
    found = run_body(f"np.ones(50_000_000); __import__('time').sleep(0.5); {NOTHING_WRONG}")  # 400 MB, soon freed
    assert found.peak_memory_mb > 400


def test_a_zipped_bundle_with_scores_in_yaml_works_too(hidden, zip_of, tmp_path):
    folder = write_bundle(tmp_path / "b", *hidden, class_names=CLASSES, title="t")
    (folder / "scoring_program" / "metadata.yaml").unlink()
    (folder / "scoring_program" / "metadata").write_text("command: python score.py $predictions $hidden $output\n")
    (folder / "scoring_program" / "score.py").write_text(
        "import sys, os\np, h, o = sys.argv[1:]\n"
        "assert os.listdir(h) == ['y.npy'] and 'predictions.npy' in os.listdir(p)\n"
        "open(o + '/scores.txt', 'w').write('correct: 0.5\\n')\n"
    )
    zipped = tmp_path / "bundle.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    submission = zip_of({"model.py": PREDICTS.format(body=NOTHING_WRONG), "metadata": "a: 1"})
    found = run_worker(submission, zipped, work_dir=tmp_path)
    assert messages(found) == {} and found.scores == {"correct": 0.5}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("worker-")]


@pytest.mark.parametrize(
    ("program", "words"),
    [("raise SystemExit('no truth')", "no truth"), ("pass", "neither scores.json nor scores.txt"),
     ("open(__import__('sys').argv[2] + '/scores.json', 'w').write('[1]')", "not one flat mapping")],
    ids=["crash", "no scores", "not flat"],
)  # fmt: skip
def test_a_failing_scoring_program_fails_the_submission(hidden, zip_of, tmp_path, program, words):
    folder = write_bundle(tmp_path / "b", *hidden, class_names=CLASSES, title="t")
    (folder / "scoring_program" / "scoring.py").write_text(program)
    submission = zip_of({"model.py": PREDICTS.format(body=NOTHING_WRONG), "metadata": "a: 1"})
    found = run_worker(submission, folder)
    assert words in "".join(messages(found).values()) and found.scores == {}


def test_a_bundle_that_is_none_is_an_error(package, tmp_path):
    with pytest.raises(MissingFileError, match="does not exist"):
        run_worker(package.path, tmp_path / "gone")
    with pytest.raises(MissingFileError, match=r"competition\.yaml"):
        run_worker(package.path, tmp_path)
    (tmp_path / "competition.yaml").write_text("title: x\n")
    with pytest.raises(SubmissionError, match="no task"):
        run_worker(package.path, tmp_path)


def test_results_are_readable_by_a_machine(result):
    assert json.dumps({check.name: [check.ok, check.message] for check in result.checks})
