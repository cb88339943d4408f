"""What Codabench demands of a bundle, each rule broken once."""

import numpy as np
import pytest
import yaml

from toolkit.submission.bundle import write_bundle
from toolkit.submission.bundle_rules import check_bundle


@pytest.fixture
def bundle(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    return write_bundle(tmp_path / "b", pictures, np.arange(6) % 2, class_names=("a", "b"), title="t")


def failures(folder):
    return {check.name: check.message for check in check_bundle(folder) if not check.ok}


def test_what_we_write_keeps_every_rule(bundle):
    assert failures(bundle) == {}


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (lambda c: c.pop("terms"), "competition.yaml", "lacks terms"),
        (lambda c: c.update(version=1), "competition.yaml", "must be 2"),
        (lambda c: c.update(image="gone.png"), "files", "gone.png, which is not in the bundle"),
        (lambda c: c.update(image="../gone.png"), "files", "outside of the bundle"),
        (lambda c: c["phases"][0].pop("name"), "phases", "lacks name"),
        (lambda c: c["phases"][0].update(tasks=[3]), "phases", "[3]"),
        (lambda c: c["phases"][0].update(end="2001-01-01"), "phases", "ends before it starts"),
        (lambda c: c["phases"][0].update(start="soon"), "phases", "no date"),
        (lambda c: c.update(phases=[]), "phases", "no phase"),
        (lambda c: c["tasks"][0].pop("scoring_program"), "tasks", "lacks scoring_program"),
        (lambda c: c["leaderboards"][0]["columns"][0].update(sorting="up"), "leaderboards", "asc or desc"),
        (lambda c: c.update(leaderboards=[]), "leaderboards", "no leaderboard"),
    ],
)
def test_each_broken_rule_is_named(bundle, change, name, words):
    path = bundle / "competition.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
    assert words in failures(bundle)[name]


def test_a_program_without_command_and_no_description_are_named(bundle):
    (bundle / "scoring_program" / "metadata.yaml").unlink()
    assert "no metadata.yaml" in failures(bundle)["files"]
    (bundle / "competition.yaml").write_text("a: [")
    assert "not YAML" in failures(bundle)["competition.yaml"]
    (bundle / "competition.yaml").unlink()
    assert "not the folder that holds them" in failures(bundle)["competition.yaml"]
