"""The charts of a search: from plain lists to a page that a browser shows without complaint."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import DataError
from toolkit.report import Axis, Field, Page, Parallel, Section, Slices, render, write_page
from toolkit.report.charts import draw
from toolkit.steps.pages.search import TrialRow, search_sections
from toolkit.tuning.analysis import analyse
from toolkit.tuning.space import Choice, FloatRange, IntRange

CHROMIUM = Path("/usr/bin/chromium")
SPACE = {
    "model.head.layers": IntRange(1, 3),
    "model.head.units.1": Choice((64, 128, 256)),
    "model.head.dropout": FloatRange(0.1, 0.5),
    "train.optimizer": Choice(("adam", "lion", "<b>sgd</b>")),
    "train.learning_rate": FloatRange(1e-4, 1e-1, log=True),
}


def trials(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        params = {
            "model.head.layers": int(rng.integers(1, 4)),
            "model.head.dropout": float(rng.uniform(0.1, 0.5)),
            "train.optimizer": SPACE["train.optimizer"].values[rng.integers(3)],
            "train.learning_rate": float(10 ** rng.uniform(-4, -1)),
        }
        if params["model.head.layers"] > 1:
            params["model.head.units.1"] = int(rng.choice([64, 128, 256]))
        score = 0.9 - 0.08 * (math.log10(params["train.learning_rate"]) + 2.6) ** 2 - 0.3 * params["model.head.dropout"]
        score += 0.01 * rng.normal()
        pruned = number % 4 == 3
        epochs = 3 if pruned else 10
        course = [(epoch, score * (1 - math.exp(-epoch / 3))) for epoch in range(1, epochs + 1)]
        rows.append(TrialRow(number, params, course[-1][1], "pruned" if pruned else "complete", course))
    rows.append(TrialRow(n, {"model.head.layers": 1}, None, "failed"))
    return rows


def page(rows):
    complete = [row for row in rows if row.state == "complete"]
    analysis = analyse([row.params for row in complete], [row.score for row in complete], SPACE)
    return Page("contest: tune", "found", search_sections(rows, SPACE, "macro_f1", analysis=analysis))


def test_the_page_has_every_chart_of_a_search():
    text = render(page(trials(40)))
    for title in (
        "All trials at once", "What mattered", "Each setting by itself", "The two most important together",
        "Learning curves", "A narrower space",
    ):  # fmt: skip
        assert f"<h2>{title}</h2>" in text
    assert text.count('class="line s6 faint"') == 10  # one pruned trial in four
    assert text.count('class="slice"') == len(SPACE)
    assert "<b>sgd</b>" not in text
    assert "nan" not in re.findall(r'd="([^"]*)"', text)


def test_learning_curves_stand_at_their_epochs():
    rows = [
        TrialRow(0, {}, 0.8, "complete", [(2, 0.5), (8, 0.7), (15, 0.8)]),
        TrialRow(1, {}, None, "pruned", [(2, 0.4)]),
    ]
    curves = next(part for part in search_sections(rows, {}, "accuracy") if part.title == "Learning curves")
    assert [line.x for line in curves.blocks[0].series] == [[2], [2, 8, 15]]


def test_few_trials_have_the_charts_that_need_no_model():
    titles = [section.title for section in page(trials(3)).sections]
    assert titles == ["All trials at once", "Each setting by itself", "Learning curves"]
    assert page([TrialRow(0, {}, None, "failed")]).sections == []


def test_a_line_breaks_where_a_trial_does_not_have_a_dimension():
    axes = [Axis("a", [0.0, 1.0]), Axis("b", [None, 1.0]), Axis("c", [0.0, 1.0])]
    drawn = str(draw(Parallel(axes, [0.1, 0.2])))
    paths = re.findall(r' d="([^"]*)"', drawn)
    assert [path.count("M") for path in paths] == [2, 1]  # the worse, broken one lies below the best


def test_the_best_is_drawn_last_in_either_direction():
    axes = [Axis("a", [1, 2, 3])]
    for minimize, best in ((False, "trial 2"), (True, "trial 0")):
        drawn = str(draw(Parallel(axes, [0.1, 0.2, 0.3], minimize=minimize)))
        assert re.findall(r'class="line (s\d)"', drawn) == ["s1", "s1", "s2"]
        assert best in re.findall(r"<title>(trial \d)", drawn)[-1]


def test_a_field_fills_its_plane_and_shows_numbers_and_choices():
    field = Field(
        Axis("rate", [1e-3, 1e-2], log=True),
        Axis("kind", ["a", "b"], order=["a", "b", "c"]),
        [0.5, 0.6],
        [1e-4, 1e-3, 1e-2],
        ["a", "b", "c"],
        [[0.1, 0.2, 0.3]] * 3,
    )
    drawn = str(draw(field))
    levels = re.findall(r'<rect class="level" x="([\d.]+)%" width="([\d.]+)%" y="([\d.]+)%" height="([\d.]+)%"', drawn)
    assert len(levels) == 9
    assert sum(float(w) * float(h) for _, w, _, h in levels) == pytest.approx(100 * 100, rel=0.01)
    assert drawn.count('class="trial"') == 2


def test_wrong_lengths_are_refused():
    with pytest.raises(DataError, match="one value a trial"):
        Parallel([Axis("a", [1.0])], [0.1, 0.2])
    with pytest.raises(DataError, match="one curve an axis"):
        Slices([Axis("a", [1.0]), Axis("b", [1.0])], [0.1], [None])
    with pytest.raises(DataError, match="height at each"):
        Field(Axis("a", [1.0]), Axis("b", [1.0]), [0.1], [1.0], [1.0, 2.0], [[0.1]])


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is absent; install Debian's chromium")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_complaint_at_any_width(tmp_path, width):
    sync_api = pytest.importorskip("playwright.sync_api")
    write_page(tmp_path / "report.html", page(trials(60)))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        shown = browser.new_page(viewport={"width": width, "height": 900})
        complaints = []
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.goto((tmp_path / "report.html").as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [shown.locator(f".{name} svg.plot").first.bounding_box() for name in ("parallel", "slice", "field")]
        assert all(box["width"] > 150 and box["height"] > 100 for box in boxes)
        browser.close()
    assert complaints == []


def test_sections_hold_a_proposal_in_the_configs_words():
    text = render(page(trials(60)))
    assert re.search(r"train\.learning_rate: \{float: \[[\d.e-]+, [\d.e-]+\], log: true\}", text)
    assert all(isinstance(section, Section) for section in page(trials(60)).sections)
