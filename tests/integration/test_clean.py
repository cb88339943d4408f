"""`clean` on real files: leaks, other files, decisions by a person, all through the command line."""

import csv
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

KINDS, EACH, SIZE = ("disc", "bars", "cross"), 24, 64


def draw(kind, rng):
    image = rng.normal(120, 12, (SIZE, SIZE, 3)) + cv2.resize(rng.normal(0, 30, (6, 6, 3)), (SIZE, SIZE))
    image = np.clip(image, 0, 255).astype(np.uint8)
    colour = tuple(int(value) for value in rng.integers(150, 256, 3))
    x, y, r = (int(value) for value in (*rng.integers(22, 42, 2), rng.integers(10, 18)))
    if kind == "disc":
        cv2.circle(image, (x, y), r, colour, -1)
    elif kind == "bars":
        for shift in range(-r, r, 6):
            cv2.line(image, (x + shift, y - r), (x + shift, y + r), colour, 2)
    else:
        cv2.line(image, (x - r, y - r), (x + r, y + r), colour, 4)
        cv2.line(image, (x - r, y + r), (x + r, y - r), colour, 4)
    return image


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    """A folder of 72 pictures, four of which are in `test/` too, once re-encoded."""
    folder = tmp_path_factory.mktemp("contest")
    rng = np.random.default_rng(0)
    (folder / "test").mkdir()
    for kind in KINDS:
        (folder / "train" / kind).mkdir(parents=True)
        for number in range(EACH):
            Image.fromarray(draw(kind, rng)).save(folder / "train" / kind / f"{number:02d}.png")
        Image.fromarray(draw(kind, rng)).save(folder / "test" / f"new-{kind}.png")
    with Image.open(folder / "train/disc/03.png") as leaked:
        leaked.save(folder / "test/same.png")
    with Image.open(folder / "train/bars/05.png") as leaked:
        leaked.save(folder / "test/recoded.jpg", quality=92)
    (folder / "train/disc/notes.txt").write_text("not a picture")
    toolkit(folder, "init", "train", "-o", "contest.yaml")
    return folder


def toolkit(folder, *arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "toolkit.cli", *arguments, "--json"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def clean(folder, *arguments, code=0):
    sets = ("--set", "data.image_size=64", "--set", "clean.against=[test]")
    return toolkit(folder, "clean", "-c", "contest.yaml", *sets, *arguments, code=code)


def rows(run, name="issues.csv"):
    with (run / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_leaks_other_files_and_decisions(contest):
    first = clean(contest)
    run = contest / first["run_dir"]
    leaks = {row["image_id"]: row["reason"] for row in rows(run) if row["issue"] == "leak"}
    assert {name.rsplit(".", 1)[0] for name in leaks} == {"disc/03", "bars/05"}
    assert all("test" in reason for reason in leaks.values())
    assert (run / "other_files.txt").read_text() == "disc/notes.txt\n"
    before = {row["image_id"]: row["label"] for row in rows(run, "manifest.csv")}

    ids = sorted(before)
    dropped, relabelled = ids[0], ids[-1]
    chosen = contest / "decisions.csv"
    chosen.write_text(f"image_id,action,label\n{dropped},drop,\n{relabelled},relabel,bars\n")
    decided = clean(contest, "--decisions", "decisions.csv")
    after = {row["image_id"]: row["label"] for row in rows(contest / decided["run_dir"], "manifest.csv")}
    assert set(before) - set(after) == {dropped}
    assert {name for name in after if after[name] != before[name]} == {relabelled}
    assert decided["decisions"] == 2

    # Applied again, or simply remembered: the same result, found and not computed.
    for arguments in (("--decisions", "decisions.csv"), ()):
        again = clean(contest, *arguments)
        assert (again["run_dir"], again["reused"]) == (decided["run_dir"], True)

    chosen.write_text("image_id,action,label\nnobody.png,drop,\n")
    told = clean(contest, "--decisions", "decisions.csv", code=1)
    assert "no picture 'nobody.png'" in " ".join(told.split())
    assert clean(contest)["run_dir"] == decided["run_dir"]
