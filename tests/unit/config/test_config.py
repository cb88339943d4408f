from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.config import Config, apply, load_config
from toolkit.config.text import commented_yaml
from toolkit.errors import ConfigError, MissingFileError

MINIMAL = {"data": {"source": "train.csv"}}


def write(folder: Path, text: str) -> Path:
    path = folder / "contest.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data": {"source": "x", "imagesize": 64}}, "did you mean 'data.image_size'"),
        ({**MINIMAL, "trian": {}}, "unknown key 'trian'; did you mean 'train'"),
        ({**MINIMAL, "model": {"head": {"unit": [3]}}}, "did you mean 'model.head.units'"),
        (
            {**MINIMAL, "tune": {"space": {"train.epochs": {"itn": [1, 2]}}}},
            "did you mean 'tune.space.train.epochs.int'",
        ),
        ({**MINIMAL, "train": {"epochs": "many"}}, "train.epochs: .*integer.*got 'many'"),
        ({**MINIMAL, "train": {"epochs": 0}}, "train.epochs: .*greater than or equal to 1.*got 0"),
        ({**MINIMAL, "model": {"head": {"layers": 5}}}, "layers is 5, but units names only 3"),
        ({**MINIMAL, "augment": {"engine": "keras_cv"}}, "offers only the policy rand_augment"),
        ({"name": "x"}, "'data' is missing"),
        ({**MINIMAL, "name": "../escape"}, "name: "),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:30],
)
def test_a_wrong_setting_is_named_with_what_was_expected(values, message):
    with pytest.raises(ConfigError, match=message):
        load_config(values)


def test_all_wrong_settings_are_reported_at_once():
    with pytest.raises(ConfigError, match="2 wrong settings"):
        load_config({**MINIMAL, "seed": -1, "train": {"batch_size": 0}})


def test_file_overrides_defaults_and_set_overrides_the_file(tmp_path):
    file = write(tmp_path, "data: {source: a.csv}\ntrain: {epochs: 3, batch_size: 8}\n")
    config = load_config(file, ["train.epochs=5", "model.head.units.0=32", "train.learning_rate=1e-4"])
    assert (config.train.epochs, config.train.batch_size) == (5, 8)
    assert config.model.head.units == (32, 128, 64)
    assert config.train.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.epoch=5", "did you mean 'train.epochs'"),
        ("train.epochs", "not of the form"),
        ("train.epochs=[", "not valid YAML"),
        ("model.head.units.9=3", "not an index below 3"),
        ("name.x=3", "has no part 'x'"),
    ],
)
def test_a_wrong_assignment_is_explained(assignment, message):
    with pytest.raises(ConfigError, match=message):
        load_config({**MINIMAL, "name": "n"}, [assignment])


def test_a_search_dimension_can_be_added_by_assignment():
    config = load_config(MINIMAL, ["tune.space.train.batch_size={choice: [8, 16]}"])
    assert config.tune.space["train.batch_size"].choice == (8, 16)
    assert "model.head.layers" in config.tune.space


def test_relative_paths_start_from_the_config_file(tmp_path):
    file = write(tmp_path, "data: {source: ../d/a.csv}\nruns_dir: out\nmodel: {weights: w.h5}\n")
    config = load_config(file)
    assert config.data.source == tmp_path.parent / "d" / "a.csv"
    assert config.runs_dir == tmp_path / "out"
    assert config.model.weights == str(tmp_path / "w.h5")
    assert config.clean.weights == "packaged"


def test_a_loaded_config_loads_again_to_the_same(tmp_path):
    config = load_config(write(tmp_path, "data: {source: a.csv}\n"))
    assert load_config(config) == config
    assert load_config(config).file == config.file


def test_apply_replaces_settings_by_dotted_path():
    config = apply(load_config(MINIMAL), {"model.head.units.1": 7, "model.unfreeze": "all"})
    assert config.model.head.units == (256, 7, 64)
    assert config.model.unfreeze == "all"


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(MissingFileError, match="toolkit init"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "", "\x00"])
def test_a_file_that_is_no_config_is_a_clear_error(tmp_path, text):
    with pytest.raises(ConfigError, match=r"contest\.yaml"):
        load_config(write(tmp_path, text))


def test_every_key_is_explained_in_the_written_file():
    text = commented_yaml(MINIMAL, "header")
    lines = [line for line in text.splitlines() if ":" in line and not line.startswith("#")]
    unexplained = [line for line in lines if "#" not in line and not line.strip().startswith(("model.", "train."))]
    assert not unexplained
    assert set(yaml.safe_load(text)) == set(Config.model_fields)


@settings(max_examples=60, deadline=None)
@given(
    source=st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="~"), min_size=1, max_size=20),
    classes=st.lists(st.text(st.characters(blacklist_categories=("Cs",)), max_size=12), min_size=1, max_size=5),
    rate=st.floats(1e-9, 10, allow_nan=False),
    unfreeze=st.one_of(st.integers(0, 500), st.just("all")),
)
def test_a_written_config_reads_back_to_the_same_values(source, classes, rate, unfreeze):
    values = {
        "data": {"source": source, "classes": classes},
        "train": {"learning_rate": rate},
        "model": {"unfreeze": unfreeze},
    }
    assert load_config(yaml.safe_load(commented_yaml(values, "h"))) == load_config(values)


def test_assignments_leave_the_callers_mapping_alone():
    mapping = {"data": {"source": "a.csv"}, "train": {"epochs": 3}}
    load_config(mapping, ["train.epochs=5"])
    assert mapping == {"data": {"source": "a.csv"}, "train": {"epochs": 3}}


def test_backbone_options_are_written_and_read_back():
    options = {"patch_size": 16, "dropout": 0.2, "mlp_units": [96, 48]}
    values = {"data": {"source": "x"}, "model": {"backbone": "vit", "backbone_options": options, "unfreeze": "stage:2"}}
    read = load_config(yaml.safe_load(commented_yaml(values, "")))
    assert read.model.backbone_options == options | {"mlp_units": (96, 48)}
    assert read.model.unfreeze == "stage:2"
    with pytest.raises(ConfigError, match="unfreeze"):
        load_config(values | {"model": {"unfreeze": "stages"}})
