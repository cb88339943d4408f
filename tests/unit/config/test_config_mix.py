import json

import pytest

from toolkit.config import load_config
from toolkit.config.mix import read_mix
from toolkit.errors import ConfigError, MissingFileError
from toolkit.steps import keys
from toolkit.steps.trials import selection_mix


def written(folder, weights):
    path = folder / "mix.json"
    path.write_text(json.dumps({"weights": weights, "scores": {"a": 0.7}}), encoding="utf-8")
    return path


def config(folder, **tune):
    return load_config({"data": {"source": str(folder)}, "tune": tune})


def test_the_heaviest_cells_are_kept_and_weigh_one(tmp_path):
    path = written(tmp_path, {"clean": 0.3, "jpeg@3": 0.5, "fog@5": 0.16, "snow@1": 0.03, "hue@2": 0.01})
    cells = read_mix(path)
    assert list(cells) == [("jpeg", 3), ("clean", 0), ("fog", 5)]
    assert sum(cells.values()) == pytest.approx(1)
    assert cells["jpeg", 3] == pytest.approx(0.5 / 0.96)


def test_a_mix_is_what_tune_optimises_on_and_evaluate_keeps_off(tmp_path):
    mixed = config(tmp_path, mix=str(written(tmp_path, {"clean": 0.4, "jpeg@3": 0.4, "fog@5": 0.2})))
    assert mixed.tune.corruptions == ("clean", "jpeg", "fog")[1:]
    assert selection_mix(mixed) == pytest.approx({"clean": 0.4, "jpeg@3": 0.4, "fog@5": 0.2})
    assert selection_mix(config(tmp_path)) is None


def test_the_content_of_a_mix_is_in_the_key_and_its_place_is_not(tmp_path):
    def key(folder, weights):
        folder.mkdir()
        return keys.tune_key(config(tmp_path, mix=str(written(folder, weights))), "cleaned")

    one = key(tmp_path / "a", {"jpeg@3": 0.6, "fog@5": 0.4})
    assert key(tmp_path / "b", {"jpeg@3": 0.6, "fog@5": 0.4}) == one
    assert key(tmp_path / "c", {"jpeg@3": 0.5, "fog@5": 0.5}) != one
    assert keys.tune_key(config(tmp_path), "cleaned") != one


def test_what_is_no_mix_is_refused_with_a_reason(tmp_path):
    with pytest.raises(MissingFileError, match="toolkit evaluate"):
        config(tmp_path, mix="nowhere.json")
    with pytest.raises(ConfigError, match="is no mix"):
        config(tmp_path, mix=str(written(tmp_path, {"jpeg": 0.5})))
    with pytest.raises(ConfigError, match="weighs no corruption"):
        config(tmp_path, mix=str(written(tmp_path, {"clean": 1.0})))
    with pytest.raises(ConfigError, match="jpg"):
        selection_mix(config(tmp_path, mix=str(written(tmp_path, {"jpg@3": 1.0}))))
