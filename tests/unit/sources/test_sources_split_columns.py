"""The user's own folds and holdout, from the CSV to the cleaned manifest."""

import numpy as np
import pytest
from PIL import Image

from toolkit.config import load_config
from toolkit.errors import DataError, LeakError
from toolkit.manifest import Manifest
from toolkit.sources.reading import read_source
from toolkit.steps.splits import reporting_split, training_folds


@pytest.fixture
def table(tmp_path):
    def write(rows):
        for name in {row.split(",")[0] for row in rows}:
            Image.fromarray(np.full((8, 8, 3), 7, np.uint8)).save(tmp_path / name)
        file = tmp_path / "train.csv"
        file.write_text("\n".join(["path,label,patient,part,test", *rows]) + "\n")
        return file

    return write


ROWS = [f"{number}.png,{'ab'[number % 2]},p{number // 2},{number // 2 % 3},{int(number >= 12)}" for number in range(16)]
COLUMNS = {"group_column": "patient", "fold_column": "part", "holdout_column": "test"}


def test_the_columns_survive_saving_selecting_and_relabelling(table, tmp_path):
    manifest = read_source(table(ROWS), **COLUMNS)
    manifest.save(tmp_path / "manifest.csv")
    again = Manifest.load(tmp_path / "manifest.csv", manifest.root, manifest.classes)
    assert again.folds.tolist() == manifest.folds.tolist() == [str(number // 2 % 3) for number in range(16)]
    assert again.held_out.tolist() == [number >= 12 for number in range(16)]
    changed = again.with_columns(labels=[0] * 16).select(again.image_ids[3:5])
    assert changed.folds.tolist() == ["1", "2"]
    plain = read_source(table(ROWS), group_column="patient")
    assert plain.folds is None and plain.held_out is None
    hashes = ["x"] * 16
    assert plain.fingerprint(hashes) != manifest.fingerprint(hashes)


def test_training_and_holdout_follow_them(table):
    file = table(ROWS)
    config = load_config({"data": {"source": str(file), "fold": "part", "holdout_column": "test"}})
    split = reporting_split(read_source(file, **COLUMNS), 0.15, 0)
    assert split.smaller.image_ids.tolist() == [f"{number}.png" for number in range(12, 16)]
    (folds,) = training_folds(split.larger, config)
    assert folds.n_splits == 3
    assert folds.split(0)[1] == ["0.png", "1.png", "6.png", "7.png"]


def test_a_group_in_two_folds_is_a_leak(table):
    rows = [row.replace("1.png,b,p0,0", "1.png,b,p0,1") if row.startswith("1.png") else row for row in ROWS]
    config = load_config({"data": {"source": "train.csv", "fold": "part"}})
    with pytest.raises(LeakError, match="patient=p0"):
        training_folds(read_source(table(rows), **COLUMNS), config)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("0.png,a,p0,0,0", "0.png,a,p0,,0", r"1 pictures no fold \(rows 2\)"),
     ("0.png,a,p0,0,0", "0.png,a,p0,0,maybe", "by 1 or 0")],
    ids=["no fold", "strange mark"],
)  # fmt: skip
def test_cells_that_say_nothing_are_clear_errors(table, old, new, words):
    with pytest.raises(DataError, match=words):
        read_source(table([new, *ROWS[1:]] if ROWS[0] == old else []), **COLUMNS)
