"""Which statistics of batch normalisation a package predicts with."""

import pytest

from toolkit.config import load_config
from toolkit.console import Console
from toolkit.steps.proving import same_setting
from toolkit.steps.renewal import renewing, statistics


@pytest.fixture
def configured(tmp_path):
    (tmp_path / "c.yaml").write_text("data: {source: a}\n")
    return lambda *assignments: load_config(tmp_path / "c.yaml", list(assignments))


@pytest.mark.parametrize(
    ("ensemble", "package", "expected"),
    [("train", "auto", "train"), ("target", "auto", "target"), ("target", "train", "train"),
     ("train", "target", "target")],
)  # fmt: skip
def test_a_package_does_as_the_ensemble_unless_told_otherwise(configured, ensemble, package, expected, capsys):
    config = configured(f"ensemble.batch_norm={ensemble}", f"package.batch_norm={package}")
    assert statistics(config) == expected
    assert renewing(config) == ("target" in {ensemble, expected})
    checks = same_setting(config, Console())
    said = capsys.readouterr().err
    if expected == ensemble:
        assert not checks and not said
    else:
        assert f"package.batch_norm: {expected}" in checks[0].message
        assert f"ensemble.batch_norm: {ensemble}" in checks[0].message
        assert "package.batch_norm: auto" in " ".join(said.split())


def test_it_follows_by_default(configured):
    assert configured().package.batch_norm == "auto"
    assert statistics(configured("ensemble.batch_norm=target")) == "target"
