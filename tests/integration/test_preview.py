"""`toolkit preview` as a user calls it."""

import json
from pathlib import Path

from conftest import SMALL, toolkit

from toolkit.steps.demo_contest import build_contest


def test_preview_writes_a_page_before_anything_has_run_and_changes_no_data(tmp_path):
    build_contest(tmp_path, SMALL)
    (tmp_path / "contest.yaml").write_text(
        "name: small\ndata: {source: contest/train.csv, image_size: 48}\nevaluate: {corruptions: [frost]}\n",
        encoding="utf-8",
    )
    arguments = ("preview", "-c", tmp_path / "contest.yaml", "--set", "tune.corruptions=[grid]", "--pictures", 1)
    done = toolkit(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    result = json.loads(done.stdout)
    assert (result["step"], result["classes"], result["pictures"]) == ("preview", 10, 10)
    assert result["corruptions"] == ["frost", "grid"]
    assert (Path(result["run_dir"]) / "report.html").stat().st_size < 3_000_000
    assert sorted(path.name for path in (tmp_path / "runs" / "small").iterdir() if path.is_dir()) == [
        ".cache",
        "preview",
    ]
    again = toolkit(*arguments)
    assert "Already done" in again.stdout
    assert "tensorflow" not in again.stderr.lower()
