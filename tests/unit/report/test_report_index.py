import re
from datetime import datetime

import pytest

from toolkit.report import Figure, RunSummary, write_index


@pytest.fixture
def project(tmp_path):
    return tmp_path / "runs" / "digits & co"


def run(project, step, key, hour, **settings):
    report = project / step / key / "report.html"
    return RunSummary(step, "done", key, datetime(2025, 1, 31, hour), report=report, **settings)


def read(project, runs, **settings):
    write_index(project / "index.html", runs, **settings)
    return (project / "index.html").read_text(encoding="utf-8")


def test_steps_stand_in_the_order_of_the_road_whatever_order_they_come_in(project):
    html = read(project, [run(project, step, "k", 9) for step in ("package", "clean", "evaluate", "tune", "ensemble")])
    assert re.findall(r"<h3>(\w+)</h3>", html) == ["clean", "tune", "ensemble", "evaluate", "package"]
    assert "5 of 5 steps done" in html
    assert "<h1>digits &amp; co</h1>" in html


def test_links_are_relative_to_the_index(project):
    elsewhere = RunSummary("predict", "done", report=project.parent / "other project" / "report.html")
    html = read(project, [run(project, "clean", "3f2a", 9), elsewhere])
    assert re.findall(r'<a href="([^"]*)"', html) == ["clean/3f2a/report.html", "../other%20project/report.html"]
    assert str(project) not in html


def test_first_step_that_is_not_done_says_what_to_run(project):
    runs = [
        run(project, "clean", "a", 9),
        RunSummary("tune", "interrupted", "b", command="toolkit tune -c my.yaml"),
        RunSummary("ensemble", command="toolkit ensemble -c my.yaml"),
    ]
    html = read(project, runs, next_command="toolkit submit")
    assert "Next: tune" in html
    assert "<pre><code>toolkit tune -c my.yaml</code></pre>" in html
    assert "toolkit submit" not in html
    assert html.count("not run yet") == 3


def test_finished_project_names_the_command_after_the_road(project):
    runs = [run(project, step, "k", 9) for step in ("clean", "tune", "ensemble", "evaluate", "package")]
    assert "<pre><code>toolkit submit</code></pre>" in read(project, runs, next_command="toolkit submit")
    assert "<pre>" not in read(project, runs)


def test_newest_run_is_the_card_and_older_ones_stand_in_the_table(project):
    runs = [
        run(project, "clean", "new", 10, figures=(Figure("Dropped", 143),)),
        run(project, "clean", "old", 8, figures=(Figure("Dropped", 1510),)),
        run(project, "clean", "older", 7),
    ]
    cards, _, table = read(project, runs).partition("Earlier runs")
    assert "clean/new/report.html" in cards
    assert "clean/old/report.html" not in cards
    assert table.index("clean/old/report.html") < table.index("clean/older/report.html")
    assert "Dropped 1,510" in table


def test_run_that_latest_points_to_is_the_card_even_when_older(project):
    runs = [run(project, "clean", "new", 10), run(project, "clean", "old", 8, latest=True)]
    cards, _, table = read(project, runs).partition("Earlier runs")
    assert "clean/old/report.html" in cards
    assert "clean/new/report.html" in table


def test_same_runs_give_the_same_bytes_in_any_order(project):
    runs = [run(project, "clean", key, hour) for key, hour in (("a", 8), ("b", 9), ("c", 10))]
    assert read(project, runs) == read(project, runs[::-1])


def test_project_without_runs_has_a_page(project):
    html = read(project, [])
    assert "0 of 5 steps done" in html
    assert "Earlier runs" not in html


def test_hostile_names_stay_text(project):
    name = "<img src=x onerror=alert(1)>"
    runs = [RunSummary(name, "failed", name, figures=(Figure(name, name),), command=name)] * 2
    assert "<img" not in read(project, runs, name=name)
