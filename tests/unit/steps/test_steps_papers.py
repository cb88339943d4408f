"""The papers: their configs, the published figures, the data made for them, and the document."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from toolkit.config import apply, load_config
from toolkit.errors import ConfigError, DataError, MissingFileError
from toolkit.manifest import Manifest
from toolkit.steps.papers.data import balanced_part, check_source, drawn, imbalanced_part, resolved, with_copies
from toolkit.steps.papers.document import BEGIN, END, hand_written, render
from toolkit.steps.papers.four_methods import SUBSETS
from toolkit.steps.papers.stages import Stages
from toolkit.steps.papers.tables import METHODS, Part, mean_sd, published, table
from toolkit.steps.papers.tinyvgg_parts import SETUPS, p_values
from toolkit.steps.papers.unfreeze_parts import best_rates, final_part, pairs_part
from toolkit.steps.project import Project
from toolkit.steps.search_space import checked_space
from toolkit.tuning.unfreezing import RECOMMENDED, relative_error_drop

CONFIGS = Path(__file__).parents[3] / "configs" / "papers"


def manifest(counts, classes="abc"):
    labels = np.repeat(np.arange(len(counts)), counts)
    ids = [f"{index:03d}" for index in range(len(labels))]
    return Manifest.build(Path(), list(classes)[: len(counts)], ids, [f"{one}.png" for one in ids], labels)


@pytest.mark.parametrize("name", METHODS)
def test_the_config_of_a_report_is_valid_and_its_space_can_be_searched(name):
    config = load_config(CONFIGS / f"{name}.yaml")
    assert config.paper is not None
    assert config.paper.method == name
    assert resolved(config, config.paper.document) == (CONFIGS.parents[1] / "docs" / "papers" / f"{name}.md").resolve()
    checked_space(config)
    assert "../shared/data" in (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").split("name:")[0]


def test_a_mistyped_setting_of_a_report_is_named_as_the_file_writes_it():
    with pytest.raises(ConfigError, match=r"unknown key 'paper\.seed'; did you mean 'paper\.seeds'"):
        load_config(CONFIGS / "kasuri.yaml", ["paper.seed=3"])
    with pytest.raises(ConfigError, match=r"paper"):
        load_config(CONFIGS / "kasuri.yaml", ["paper.method=other"])


@pytest.mark.parametrize("name", METHODS)
def test_published_tables_are_whole_and_cited(name):
    found = published(name)
    assert found.citation
    assert found.tables
    for one in found.tables.values():
        assert all(len(row) == len(one.columns) for row in one.rows)


def test_only_reports_that_exist_have_published_figures():
    with pytest.raises(ConfigError, match=r"report 'other'.*an2dl"):
        published("other")


def test_grids_and_narrowed_spaces_name_dimensions_that_exist():
    for name, parts in {"tinyvgg": ("grid",), "four_methods": ("grid", "narrowed")}.items():
        config = load_config(CONFIGS / f"{name}.yaml")
        for part in parts:
            for path, values in getattr(config.paper, part).items():
                assert path in config.tune.space
                for value in values:
                    apply(config, {path: value})


def test_variants_of_subsets_are_valid_settings():
    config = load_config(CONFIGS / "four_methods.yaml")
    for _, chosen in SUBSETS.values():
        apply(config, chosen)


def test_variants_of_the_contest_recipe_are_valid_and_differ():
    from toolkit.steps.networks import augmentation
    from toolkit.steps.papers.an2dl import VARIANTS

    config = load_config(CONFIGS / "an2dl.yaml")
    made = {name: apply(config, chosen) for name, chosen in VARIANTS.items()}
    assert len({one.model_dump_json() for one in made.values()}) == len(VARIANTS)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    for name, one in made.items():
        vary = augmentation(one)
        if vary is None:
            assert name == "no augmentation"
        else:
            assert not np.array_equal(vary(images, ["a", "b"], 0), images)


def test_the_small_networks_p_values_come_out_of_its_rounded_accuracies():
    figures = published("tinyvgg").figures
    accuracies = dict(zip(SETUPS, (figures[one] for one in ("grid", "grid_aug", "random", "random_aug")), strict=True))
    found = p_values(accuracies, int(figures["n"]))
    assert set(found) == set(combinations(SETUPS, 2))
    for key, pair in {"p_grid_aug": (0, 1), "p_grid_random": (0, 2), "p_aug_random": (1, 2)}.items():
        assert found[SETUPS[pair[0]], SETUPS[pair[1]]] == pytest.approx(figures[key], abs=0.003)


def test_published_drop_of_the_error_follows_from_its_accuracies():
    for network, initial, final, *_, drop in published("unfreeze").tables["final"].rows:
        if network == "VGG-16":
            assert 100 * relative_error_drop(float(initial), float(final)) == pytest.approx(float(drop), abs=0.01)


def test_published_pairs_are_those_that_the_search_recommends():
    rows = [tuple(map(float, row)) for row in published("unfreeze").tables["pairs"].rows]
    assert rows == [(one.batch_size, one.learning_rate, one.unfrozen_learning_rate) for one in RECOMMENDED]


def test_batch_and_rate_stand_beside_the_reports_row_of_the_same_setting():
    row = {"batch": 32, "rate": 0.001, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.4, "val_accuracy": 0.85, "epochs": 7,
           "seconds": 3.0, "other": float("nan")}  # fmt: skip
    broken = {**row, "rate": 0.1, "epochs": 0}
    found = pairs_part("lite", [row, broken]).tables[0].rows
    assert found[0][5] == "0.9421"  # EfficientNetB0, table A3
    assert found[0][-3:] == ("0.8500", "7", "3.0")
    assert found[1][-6] == "NaN"
    settings = load_config(CONFIGS / "unfreeze.yaml").paper
    rates = next(one for one in best_rates({"lite": [row, broken]}, settings).tables[0].rows if one[0] == "32")
    assert rates == ("32", "0.0001", "0.0001", "0.0001", "0.0001", "0.001")


def test_a_network_that_did_not_improve_has_no_final_accuracy():
    best = {"train.batch_size": 32, "train.learning_rate": 0.001}
    found = {"initial": 0.9, "final": 0.9, "best": best, "other_initial": 0.8, "other_final": 0.8}
    better = {**found, "final": 0.95}
    rows = final_part({"same": found, "better": better}, {"same": 61.0, "better": 3700.0}).tables[0].rows
    assert rows[-2][3:8] == ("–", "00:01:01", "32", "0.001", "0.00")
    assert rows[-1][3:8] == ("0.9500", "01:01:40", "32", "0.001", "50.00")


def test_pictures_are_drawn_by_class_and_keep_the_shares():
    whole = manifest([40, 20, 10])
    part = drawn(whole, ["a", "b"], 30, seed=0)
    assert np.bincount(part.labels).tolist() == [20, 10]
    assert drawn(whole, ["a", "b"], 30, seed=0).image_ids.tolist() == part.image_ids.tolist()
    assert len(drawn(whole, None, None, seed=0)) == 70
    with pytest.raises(DataError, match="no class 'x'"):
        drawn(whole, ["x"], None, seed=0)


def test_balanced_subsets_are_balanced_and_imbalanced_ones_are_not():
    whole = manifest([60, 50, 40])
    assert np.bincount(balanced_part(whole, 45, 0).labels).tolist() == [15, 15, 15]
    assert np.bincount(balanced_part(whole, None, 0).labels).tolist() == [40, 40, 40]
    counts = np.bincount(imbalanced_part(whole, 50, 0).labels)
    assert counts[0] / counts[2] > 6


def test_copies_share_a_pattern_and_differ_from_it(tmp_path):
    import cv2

    rng = np.random.default_rng(0)
    for name in ("good", "bad"):
        (tmp_path / "raw" / name).mkdir(parents=True)
        for index in range(4):
            image = rng.integers(60, 190, (90, 100, 3), np.uint8)
            cv2.imwrite(str(tmp_path / "raw" / name / f"{index}.png"), image)
    config = {
        "name": "k",
        "runs_dir": str(tmp_path / "runs"),
        "data": {"source": str(tmp_path / "raw"), "image_size": 80},
    }
    made = with_copies(Project(config), ("good", "bad"), patterns=6, copies=2)
    found = made.manifest
    assert len(found) == 18
    assert sorted(np.unique(found.groups, return_counts=True)[1].tolist()) == [3] * 6
    for group in set(found.groups):
        assert len(set(found.labels[found.groups == group])) == 1
        images = [
            cv2.imread(str(place.file)) for place in found.select(found.image_ids[found.groups == group]).locations()
        ]
        assert {image.shape for image in images} == {(80, 80, 3)}
        assert set(np.unique(images[1][images[1] != images[0]]).tolist()) <= {0, 255}  # salt and pepper
        assert not np.array_equal(images[2], images[0])
    again = with_copies(Project(config), ("good", "bad"), patterns=6, copies=2)
    assert again.fingerprint == made.fingerprint


def test_a_missing_source_says_how_to_name_another(tmp_path):
    with pytest.raises(MissingFileError, match=r"paper\.test.*--set paper\.test=PATH"):
        check_source(tmp_path / "absent.csv", "paper.test")


def test_what_a_person_wrote_survives_the_next_run():
    part = Part(
        title="Results", text="Words.", tables=(table("T", ["a", "b"], [["x|y", 0.12345], [None, 3]], "Note."),)
    )
    first = render(published("kasuri"), "toolkit paper -c x.yaml", [part], {"clean": 61.0}, "2 cores")
    assert "| x\\|y | 0.1235 |" in first
    assert "| – | 3 |" in first
    assert "1.0 minutes in all on 2 cores" in first
    assert "not been written" in first
    written = first.replace(hand_written(first), "It agrees.\n\nMostly.")
    second = render(published("kasuri"), "toolkit paper -c x.yaml", [], {}, "4 cores", written)
    assert f"{BEGIN}\nIt agrees.\n\nMostly.\n{END}" in second
    assert "## Results" not in second


def test_mean_and_sd_are_in_per_cent():
    assert mean_sd([0.5, 0.7]) == "60.0 ± 14.1"
    assert mean_sd([0.5]) == "50.0"


def test_a_finished_stage_is_not_computed_again(tmp_path):
    from toolkit.artifacts import RunDir
    from toolkit.console import Console

    calls = []

    def compute():
        calls.append(1)
        return {"x": [1, 2]}

    for _ in range(2):
        stages = Stages(RunDir(tmp_path), Console(quiet=True))
        assert stages("one stage", compute) == {"x": [1, 2]}
        assert "one stage" in stages.seconds
    assert calls == [1]
