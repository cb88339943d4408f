"""The folder of a Kaggle kernel: valid metadata, a wheel that installs, a notebook that runs wherever it is mounted."""

import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from toolkit.errors import SubmissionError
from toolkit.submission import sandbox
from toolkit.submission.kernel import submit_commands, write_kernel
from toolkit.submission.kernel_rules import check_kernel
from toolkit.submission.kernel_run import LAYOUTS, STUB, run_kernel
from toolkit.submission.wheel import write_wheel

# Without networks: bright pictures are bees.
MODEL = """
import numpy as np
CLASS_NAMES = ("ant", "bee")
IMAGE_SIZE = 8
class Model:
    def predict_proba(self, X):
        bright = np.array([picture.mean() > 127 for picture in X])
        return np.stack([~bright, bright], axis=1).astype(float)
"""


@pytest.fixture
def build(tmp_path):
    def make(model=MODEL, name="My_contest.v2", **extra):
        (tmp_path / "model.py").write_text(model)
        return write_kernel(
            tmp_path / "out", {"model.py": tmp_path / "model.py", **extra}, name=name, key="0123456789ab", owner="me",
            competition="bees", sample="sample_submission.csv",
        )  # fmt: skip

    return make


@pytest.fixture
def contest(tmp_path):
    """Seven pictures, of which the odd ones are bright, and their sample submission."""
    pictures = {}
    for index in range(7):
        pictures[f"p{index}.png"] = tmp_path / f"p{index}.png"
        Image.new("RGB", (9, 7), (255 * (index % 2),) * 3).save(pictures[f"p{index}.png"])
    (tmp_path / "s.csv").write_text("id,label\n" + "".join(f"p{index},ant\n" for index in reversed(range(7))))
    return tmp_path / "s.csv", pictures


def failures(folder):
    return {check.name: check.message for check in check_kernel(folder) if not check.ok}


@pytest.mark.parametrize("name", ["a", "My_contest.v2", "ünïcode", "x" * 90])
def test_the_metadata_are_valid_for_any_name(build, tmp_path, name):
    members = build(name=name)
    assert failures(tmp_path / "out") == {}
    assert {"dataset/model.py", "kernel/submit.ipynb", "kernel/kernel-metadata.json"} <= set(members)
    meta = json.loads((tmp_path / "out/kernel/kernel-metadata.json").read_text())
    assert meta["enable_internet"] is False and meta["competition_sources"] == ["bees"]
    assert meta["dataset_sources"] == [json.loads((tmp_path / "out/dataset/dataset-metadata.json").read_text())["id"]]
    assert f"kaggle kernels push -p {tmp_path}/out/kernel" in submit_commands(tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("dataset/dataset-metadata.json", {"title": "short"}, "6 to 50"),
        ("dataset/dataset-metadata.json", {"subtitle": "short"}, "20 to 80"),
        ("dataset/dataset-metadata.json", {"id": "me"}, "owner/slug"),
        ("dataset/dataset-metadata.json", {"licenses": []}, "one license"),
        ("kernel/kernel-metadata.json", {"title": "Another"}, "turn into the id's slug"),
        ("kernel/kernel-metadata.json", {"enable_internet": True}, "must be false"),
        ("kernel/kernel-metadata.json", {"code_file": "x.ipynb"}, "missing"),
    ],
)
def test_each_broken_rule_is_named(build, tmp_path, file, change, words):
    build()
    path = tmp_path / "out" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert words in failures(tmp_path / "out")[path.name]


def test_the_wheel_is_reproducible_and_installs_without_a_network(tmp_path):
    (tmp_path / "again").mkdir()
    wheel = write_wheel(tmp_path)
    assert wheel.read_bytes() == write_wheel(tmp_path / "again").read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        assert "toolkit/submission/templates/model.py.tmpl" in archive.namelist()
        assert not [name for name in archive.namelist() if name.endswith(".pyc")]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", tmp_path / "t",
               "--find-links", tmp_path, "contest-toolkit"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    where = "import toolkit.submission.table as t; print(t.__file__)"
    shown = subprocess.run([sys.executable, "-c", where], env={"PYTHONPATH": str(tmp_path / "t")}, cwd=tmp_path,
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert shown.stdout.startswith(str(tmp_path / "t"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_notebook_finds_its_inputs_in_every_layout(build, contest, tmp_path, layout):
    build()
    ran = run_kernel(tmp_path / "out", *contest, ("ant", "bee"), layout=layout, python=sys.executable)
    assert [check.message for check in ran.checks if not check.ok] == [], ran.log
    assert ran.table.splitlines()[1:] == [f"p{index},{('ant', 'bee')[index % 2]}" for index in reversed(range(7))]


def test_a_commit_run_sees_three_rows_and_the_rerun_its_variable(build, contest, tmp_path):
    build(MODEL + "import os; print('SEES', os.environ.get('KAGGLE_IS_COMPETITION_RERUN'), os.getcwd())\n")
    stub = run_kernel(tmp_path / "out", *contest, ("ant", "bee"), rerun=False, rows=STUB, python=sys.executable)
    assert len(stub.table.splitlines()) == 1 + STUB and "SEES None" in stub.log
    whole = run_kernel(tmp_path / "out", *contest, ("ant", "bee"), python=sys.executable)
    assert "SEES 1" in whole.log
    assert ("/kaggle/working" in whole.log) or not sandbox.isolation().app


def test_where_no_mount_is_permitted_paths_are_rewritten(build, contest, tmp_path):
    build()
    ran = run_kernel(tmp_path / "out", *contest, ("ant", "bee"), python=sys.executable, mount=False)
    assert all(check.ok for check in ran.checks), ran.log


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (MODEL.replace("bright = ", "bright = 1 / 0 #"), "ZeroDivisionError"),
        (MODEL.replace(".astype(float)", " * np.nan"), "NaN"),
        (MODEL + "import socket; socket.create_connection(('192.0.2.1', 80), 3)\n", "unreachable|timed out"),
    ],
    ids=["crash", "nan", "network"],
)
def test_a_notebook_that_fails_is_told_so(build, contest, tmp_path, model, words):
    build(model)
    ran = run_kernel(tmp_path / "out", *contest, ("ant", "bee"), python=sys.executable)
    assert not ran.checks[0].ok and re.search(words, ran.checks[0].message)
    assert "no submission.csv" in ran.checks[1].message


def test_a_picture_beside_the_networks_is_not_taken_for_one_of_the_contest(build, contest, tmp_path):
    build()
    dataset = tmp_path / "out" / "dataset"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(dataset / "p1.png")
    ran = run_kernel(tmp_path / "out", *contest, ("ant", "bee"), python=sys.executable)
    assert "p1,bee" in ran.table


def test_secrets_and_foreign_folders_are_refused(build, tmp_path):
    (tmp_path / "kaggle.json").write_text("{}")
    with pytest.raises(SubmissionError, match="secret"):
        build(**{"kaggle.json": tmp_path / "kaggle.json"})
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(SubmissionError, match="not overwritten"):
        build()
