"""The configs that come with the project are valid, and each says its command and what it takes."""

from pathlib import Path

import pytest
import yaml

from toolkit.config import load_config
from toolkit.steps.demo import SETTINGS

CONFIGS = sorted((Path(__file__).parents[3] / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_config_loads_and_its_header_holds_its_command(path):
    load_config(path)
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert any("toolkit " in line and str(path.name) in line for line in header)


def test_the_demo_config_is_the_one_that_the_demo_writes():
    shipped = yaml.safe_load((CONFIGS[0].parent / "demo.yaml").read_text(encoding="utf-8"))
    places = {"runs_dir": "runs", "package": {"destination": "submissions"}}
    shipped["data"]["source"] = SETTINGS["data"]["source"]
    for key, value in places.items():
        shipped[key] = value
    ours, demo = load_config({**shipped}), load_config(SETTINGS)
    assert ours == demo
