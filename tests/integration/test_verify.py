"""`toolkit verify`: each way in which a zip fails, said in its own words; bundles that were not made here."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import toolkit

from toolkit.submission import sandbox
from toolkit.submission.bundle import write_bundle
from toolkit.submission.verify import run_worker

CLASSES = ("dark", "bright", "red")
MODEL = """
import os
import numpy as np
class Model:
    def predict(self, X):
        {body}
"""
# Class 2 is red, 0 dark, 1 bright: pictures are made so that this is always right.
RIGHT = (
    "labels = np.where(X[..., 0].mean((1, 2)) > X[..., 1].mean((1, 2)) + 40, 2, X.mean((1, 2, 3)) > 127).astype(int)\n"
    "        return "
)
META = {"metadata": "description: a model\n"}
GOOD = MODEL.format(body=RIGHT + "labels")


@pytest.fixture(scope="module")
def hidden():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    pictures = rng.integers(0, 60, (90, 20, 20, 3)) + np.where(labels == 1, 180, 0)[:, None, None, None]
    pictures[labels == 2, :, :, 0] += 120
    return pictures.astype(np.uint8), labels


@pytest.fixture(scope="module")
def bundle(hidden, tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle") / "it", *hidden, class_names=CLASSES, title="A contest")


@pytest.fixture
def zip_of(tmp_path):
    def build(files):
        path = tmp_path / "submission.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path

    return build


def body(text):
    return {"model.py": MODEL.format(body=text), **META}


BROKEN = {
    "nested folder": ({f"mine/{name}": text for name, text in {"model.py": GOOD, **META}.items()}, (),
                      "flat", "lies in a folder of the zip, where the contest does not look"),
    "relative path": ({**body("return np.load('w.npy')"), "w.npy": b"\x93NUMPY"}, (),
                      "ingestion", "os.path.join(os.path.dirname(os.path.abspath(__file__)), name)"),
    "no metadata": ({"model.py": GOOD}, (), "metadata", "There is no file `metadata` beside model.py"),
    "misspelt metadata": ({"model.py": GOOD, "metadata.txt": "a: 1"}, (), "metadata", "`metadata.txt` is not it"),
    "command": ({"model.py": GOOD, "metadata": "command: python3 model.py\n"}, (), "metadata", "Take the command out"),
    "no yaml": ({"model.py": GOOD, "metadata": "a: [1\n"}, (), "metadata", "is not YAML"),
    "metadata in results": ({"predictions.csv": "0\n1\n", "metadata": "a: 1"}, (), "metadata",
                            "loses the predictions"),
    "one-hot": (body(RIGHT + "np.eye(3)[labels]"), (), "form", "labels of shape (n,), not rows of shape (90, 3)"),
    "unknown label": (body(RIGHT + "labels + 5"), (), "form", "are not among the contest's [0, 1, 2]"),
    "count": (body(RIGHT + "labels[:-1]"), (), "count", "89 predictions for 90 pictures"),
    "dtype": (body(RIGHT + "labels.astype(np.float32)"), (), "form", "expects integer labels, not float32"),
    "nan": (body(RIGHT + "np.where(labels > 1, np.nan, labels)"), (), "finite", "values are NaN or infinite"),
    "crash": (body("return 1 / 0"), (), "ingestion", "The contest still scores such a run, as a rule 0.0"),
    "too big": ({"model.py": GOOD, **META, "w.bin": "w" * 60_000}, ("--max-mb", "0.05"), "size", "too big"),
    "too slow": (body("__import__('time').sleep(30)"), ("--time-limit", "2"), "ingestion", "Too slow: ended at"),
    "permuted": (body(RIGHT + "(labels + 1) % 3"), (), "label order", "The labels are permuted: accuracy is 0.000 as "
                 "returned, but 1.000 with 0 → 2, 1 → 0, 2 → 1"),
    "reserved name": (body("open('../output/metadata', 'w').write('a: 1')\n        " + RIGHT + "labels"), (),
                      "output", "The file `metadata` in the output is the worker's own"),
    "secret": ({"model.py": GOOD, **META, "kaggle.json": "{}"}, (), "secrets", "looks like a secret key"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "options", "name", "words"), BROKEN.values(), ids=BROKEN)
def test_each_broken_zip_is_told_what_is_wrong_with_it(zip_of, bundle, files, options, name, words):
    done = toolkit("verify", zip_of(files), "--bundle", bundle, "--json", *options)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 1
    found = json.loads(done.stdout)
    assert not found["ok"]
    assert words in {check["name"]: check["message"] for check in found["checks"] if not check["ok"]}[name]
    assert name in done.stderr and "Traceback" not in done.stderr


def test_a_model_of_a_newer_keras_is_told_as_such(zip_of, bundle, tmp_path):
    import keras

    network = keras.Sequential([keras.Input((20, 20, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    network.save(tmp_path / "now.keras")
    with zipfile.ZipFile(tmp_path / "now.keras") as old, zipfile.ZipFile(tmp_path / "new.keras", "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == "metadata.json":
                text = text.replace(keras.__version__.encode(), b"99.1.0")
            new.writestr(name, text.replace(b'"units": 3', b'"units": 3, "of_the_future": 1'))
    load = "import keras; keras.models.load_model(os.path.join(os.path.dirname(__file__), 'm.keras')); "
    files = {**body(load + RIGHT + "labels"), "m.keras": (tmp_path / "new.keras").read_bytes()}
    found = {check.name: check.message for check in run_worker(zip_of(files), bundle).failures}
    assert (
        f"m.keras was saved by Keras 99.1.0, and the runtime has {keras.__version__}, which cannot" in found["versions"]
    )
    assert f"package.runtime, as in {{tensorflow: …, keras: {keras.__version__}}}" in found["versions"]
    files["m.keras"] = (tmp_path / "now.keras").read_bytes()
    assert run_worker(zip_of(files), bundle).ok


def test_a_good_zip_is_all_ticks_for_a_person_and_exit_code_0(zip_of, bundle):
    done = toolkit("verify", zip_of({"model.py": GOOD, **META}), "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    assert "✗" not in done.stdout and "✓" in done.stdout and "accuracy 1.0000" in done.stdout


def test_without_a_bundle_it_is_run_on_noise_and_no_score_is_claimed(zip_of):
    found = json.loads(toolkit("verify", zip_of({"model.py": GOOD, **META}), "--json").stdout)
    assert found["ok"] and found["scores"] == {}
    assert "nothing is known of the score" in {check["name"]: check["message"] for check in found["checks"]}["bundle"]
    broken = toolkit("verify", zip_of(body("return 1 / 0")))
    assert broken.returncode == 1 and "ZeroDivisionError" in broken.stdout


@pytest.fixture
def foreign(hidden, tmp_path):
    """A bundle in other people's manner: zipped parts, paths under /app written out, text files, another interface."""
    pictures, labels = hidden
    parts = {
        "ingest.zip": {
            "metadata": "command: python3 /app/program/run_it.py\n",
            "run_it.py": "import sys, os\nsys.path.append('/app/ingested_program')\nimport numpy as np\n"
            "from model import Model\nassert os.getcwd() == os.path.realpath('/app/program'), os.getcwd()\n"
            "X = np.load('/app/input_data/test.npz')['x']\nm = Model().fit(X[:1], [0]) if hasattr(Model, 'fit') "
            "else Model()\n"
            "with open(\"/app/output/answer.csv\", 'w') as f:\n    f.write('id,label\\n')\n"
            "    f.writelines(f'{i},{int(p)}\\n' for i, p in enumerate(m.predict(X)))\n",
        },
        "score.zip": {
            "metadata.yaml": "command: python3 score.py\n",
            "score.py": "import csv, os\nrows = lambda p: [r[1] for r in csv.reader(open(p))][1:]\n"
            "a, b = rows('/app/input/ref/truth.csv'), rows('/app/input/res/answer.csv')\n"
            "assert os.path.isdir('/app/shared')\n"
            "open('/app/output/scores.txt', 'w').write(f'acc: {sum(x == y for x, y in zip(a, b)) / len(a)}\\n')\n",
        },
        "ref.zip": {"truth.csv": "id,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels))},
    }  # fmt: skip
    path = tmp_path / "foreign.zip"
    np.savez(tmp_path / "test.npz", x=pictures)
    with zipfile.ZipFile(path, "w") as archive:
        for name, files in parts.items():
            with zipfile.ZipFile(tmp_path / name, "w") as part:
                for member, text in files.items():
                    part.writestr(member, text)
            archive.write(tmp_path / name, name)
        archive.write(tmp_path / "test.npz", "data/test.npz")
        archive.writestr(
            "competition.yaml",
            "version: 2\ntitle: Theirs\ntasks:\n- {index: 0, name: t, ingestion_program: ingest.zip, input_data: data,"
            " scoring_program: score.zip, reference_data: ref.zip}\n"
            "phases: [{name: p, start: 2024-01-01, tasks: [0], execution_time_limit: 77}]\n",
        )
    return path


@pytest.mark.parametrize("mount", [True, False], ids=["mounted", "rewritten"])
def test_a_bundle_with_paths_under_app_is_run_mounted_or_rewritten(zip_of, foreign, mount):
    if mount and not sandbox.isolation().app:
        pytest.skip("no mount namespace here")
    found = run_worker(zip_of({"model.py": GOOD, **META}), foreign, mount=mount)
    assert [check.message for check in found.failures] == []
    assert found.scores == {"acc": 1.0}
    isolation = next(check.message for check in found.checks if check.name == "isolation")
    assert ("folders under /app" if mount else "rewritten") in isolation


def test_permuted_labels_are_seen_in_the_text_files_of_a_foreign_bundle(zip_of, foreign):
    found = run_worker(zip_of(body(RIGHT + "np.array([1, 0, 2])[labels]")), foreign)
    assert [check.name for check in found.failures] == ["label order"]
    assert "0 → 1, 1 → 0" in found.failures[0].message


def test_the_time_limit_is_the_one_of_the_bundle(zip_of, foreign):
    with zipfile.ZipFile(foreign) as archive:
        text = archive.read("competition.yaml").decode().replace("77", "2")
    other = foreign.with_name("hasty.zip")
    with zipfile.ZipFile(foreign) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, text if name == "competition.yaml" else old.read(name))
    found = run_worker(zip_of(body("__import__('time').sleep(20)")), other)
    assert "time limit of 2 s" in found.failures[0].message


def test_a_folder_is_not_shown_where_it_would_hide_the_interpreter():
    assert not sandbox.can_show("app", "/app/venv/bin/python")
    assert not sandbox.can_show("app", "/usr/bin/python3", "/app/../app/tmp")
    assert sandbox.can_show("app", "/application/python") == sandbox.isolation().app


def test_the_machine_is_left_as_it_was(zip_of, bundle):
    before = Path("/app").exists(), Path("/proc/mounts").read_text()
    run_worker(zip_of({"model.py": GOOD, **META}), bundle)
    assert (Path("/app").exists(), Path("/proc/mounts").read_text()) == before


def test_a_result_zip_is_scored_without_any_ingestion(zip_of, hidden, tmp_path):
    folder = write_bundle(tmp_path / "b", *hidden, class_names=CLASSES, title="t")
    text = (folder / "competition.yaml").read_text().replace("  ingestion_program: ingestion_program\n", "")
    (folder / "competition.yaml").write_text(text)
    np.save(tmp_path / "predictions.npy", hidden[1])
    found = run_worker(zip_of({"predictions.npy": (tmp_path / "predictions.npy").read_bytes()}), folder)
    assert [check.message for check in found.failures] == []
    assert found.scores["accuracy"] == 1.0


def test_a_package_changed_after_it_was_built_does_not_fit_its_card(road, tmp_path):
    package = Path(road.folder / road.result["package"]["path"])
    for path in (package, package.with_name(package.stem + ".card.json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with zipfile.ZipFile(tmp_path / package.name, "a") as archive:
        archive.writestr("more.txt", "x")
    done = toolkit("verify", tmp_path / package.name)
    assert done.returncode == 1 and "card" in done.stderr
