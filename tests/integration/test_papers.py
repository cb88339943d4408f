"""`toolkit paper` on small digits: each report's experiments end to end, and found again after an interruption."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from toolkit.console import Console
from toolkit.errors import ConfigError, MissingFileError
from toolkit.steps.papers.document import BEGIN, END
from toolkit.steps.papers.step import paper_step
from toolkit.steps.project import Project

CONFIGS = Path(__file__).parents[2] / "configs" / "papers"
# A network from scratch on small pictures in place of the pretrained ones.
SMALL = ["model.backbone=tiny_vgg", "model.weights=none", "data.image_size=32", "clean.duplicates=false",
         "clean.outliers=false", "clean.label_errors=false", "clean.quality=false"]  # fmt: skip
BUDGETS = {
    "tinyvgg": ["paper.classes=[\"0\", \"1\", \"2\", \"3\", \"4\"]", "paper.grid={train.learning_rate: [0.01, 0.001]}",
                "paper.random_trials=2", "tune.trial_epochs=2", "tune.subset=null",
                "tune.space.train.epochs={int: [1, 2]}", "paper.seeds=2", "paper.final_epochs=2"],
    "kasuri": ["paper.classes=[\"3\", \"4\"]", "paper.patterns=24", "paper.folds=2", "paper.fine_tuned=4",
               "paper.seeds=2", "tune.trials=6", "tune.trial_epochs=1", "data.holdout=0.25",
               "train.transfer={epochs: 1, batch_size: 16, learning_rate: 0.001}",
               "tune.space.train.transfer.epochs={choice: [1, 2]}"],
    "four_methods": ["paper.others={}", "paper.pictures=60", "paper.trainings=8", "paper.importance_epochs=1",
                     "paper.sets=2", "paper.epochs=1", "paper.longest=1", "paper.subset=40", "paper.fully_trained=1",
                     "paper.grid={train.learning_rate: [0.001, 0.01]}", "tune.space.model.unfreeze={choice: [0, 4]}",
                     "paper.narrowed={model.unfreeze: [4], data.image_size: [32], train.batch_size: [16]}",
                     "tune.space.data.image_size={choice: [24, 32]}"],
    "unfreeze": ["paper.classes=[\"3\", \"4\"]", "paper.pictures=50", "paper.backbones=[tiny_vgg]",
                 "paper.batch_sizes=[16, 32]", "paper.learning_rates=[0.01]", "paper.optimizers=[sgd]",
                 "train.epochs=2", "paper.attempts=2", "paper.unfrozen=4", "paper.vit_size=32", "paper.vit_epochs=1",
                 "paper.vit_attempts=1", "tune.space.model.unfreeze={choice: [0, 2]}"],
    "an2dl": ["data.format=auto", "data.id_column=null", "data.path_column=null", "data.label_column=null",
              "data.classes=null", "data.holdout=0.3", "paper.test=TEST", "paper.backbones=[tiny_vgg]", "paper.folds=2",
              "paper.variants=1", "paper.epochs=1", "paper.pictures=80", "tune.trials=1", "tune.trial_epochs=1",
              "tune.views=1", "model.unfreeze=4", "tune.space.model.unfreeze={choice: [0, 4]}",
              "evaluate.corruptions=[jpeg]"],
}  # fmt: skip


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    import cv2
    from sklearn.datasets import load_digits

    folder, found = tmp_path_factory.mktemp("papers"), load_digits()
    for index in np.flatnonzero(found.target < 5)[:150].tolist():
        part = "test" if index % 5 == 0 else "train"
        place = folder / part / str(found.target[index])
        place.mkdir(parents=True, exist_ok=True)
        grey = (found.images[index] * (255 / 16)).astype(np.uint8)
        cv2.imwrite(str(place / f"{index}.png"), cv2.resize(grey, (32, 32), interpolation=cv2.INTER_CUBIC))
    return folder


def paper(name, folder):
    document = folder / f"{name}.md"
    given = [*SMALL, f"runs_dir={folder / 'runs'}", f"paper.document={document}", f"data.source={folder / 'train'}",
             *(text.replace("TEST", str(folder / "test")) for text in BUDGETS[name])]  # fmt: skip
    return paper_step(Project(CONFIGS / f"{name}.yaml", Console(quiet=True), given)), document


@pytest.mark.slow
@pytest.mark.parametrize("name", BUDGETS)
def test_a_report_is_made_again_and_what_a_person_wrote_stays(name, digits):
    result, document = paper(name, digits)
    text = document.read_text(encoding="utf-8")
    assert not result.reused
    assert {"Scaled down", "Scaled down and changed"} & {part.title for part in result.parts}
    for part in result.parts:
        assert f"## {part.title}" in text
        for one in part.tables:
            assert len(one.rows) > 0
            assert all(len(row) == len(one.columns) for row in one.rows)
    assert f"toolkit paper -c configs/papers/{name}.yaml" in text
    page = (result.run_dir / "report.html").read_text(encoding="utf-8")
    assert all(part.title in page for part in result.parts[:2])

    document.write_text(text.replace(text[text.index(BEGIN) + len(BEGIN) : text.index(END)], "\nMy own words.\n"))
    (result.run_dir / "DONE").unlink()  # as if it had been killed before the end: stages are found again
    before = (result.run_dir / "stages").stat().st_mtime_ns
    again, _ = paper(name, digits)
    assert (again.run_dir / "stages").stat().st_mtime_ns == before
    assert again.parts == result.parts
    assert "My own words." in document.read_text(encoding="utf-8")


@pytest.mark.slow
def test_copies_of_a_pattern_are_parted_only_where_the_leak_is_shown(digits):
    result, _ = paper("kasuri", digits)
    lines = (result.run_dir.parents[1] / "data" / "patterns.csv").read_text().splitlines()
    assert len(lines) == 1 + 24 * 3
    patterns = [line.split(",")[-1] for line in lines[1:]]
    assert all(patterns.count(one) == 3 for one in patterns)
    leak = json.loads((result.run_dir / "stages" / "leak_transfer.json").read_text())["result"]
    assert set(leak) == {"grouped", "leaking"}


def test_a_missing_data_set_says_where_it_belongs(tmp_path):
    given = [f"runs_dir={tmp_path}", f"data.source={tmp_path / 'nowhere'}"]
    with pytest.raises(MissingFileError, match=r"nowhere.*put it there.*--set data\.source"):
        paper_step(Project(CONFIGS / "kasuri.yaml", Console(quiet=True), given))


def test_a_config_without_a_report_names_those_that_have_one(tmp_path):
    shutil.copy(CONFIGS.parent / "demo.yaml", tmp_path / "demo.yaml")
    with pytest.raises(ConfigError, match=r"configs/papers/.*an2dl\.yaml"):
        paper_step(Project(tmp_path / "demo.yaml", Console(quiet=True)))
