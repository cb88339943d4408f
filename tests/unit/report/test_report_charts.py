import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.report import Bars, Heatmap, Interval, Line, Lines, Mark
from toolkit.report.charts import draw
from toolkit.report.svg import Scale, tag


def attribute(markup: str, name: str) -> list[str]:
    return re.findall(rf' {name}="([^"]*)"', markup)


def test_elements_escape_text_and_attributes_but_not_elements():
    assert tag("g", tag("text", "a<b"), title='"') == '<g title="&#34;"><text>a&lt;b</text></g>'


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=20), st.booleans(), st.booleans())
def test_scales_hold_every_finite_value_and_have_ticks_inside(values, log, room):
    scale = Scale.around(values, log=log, room=room)
    for value in values:
        at = scale.at(value)
        assert math.isnan(at) or -1e-6 <= at <= 1 + 1e-6
    ticks = scale.ticks()
    assert len(ticks) <= 25
    assert all(-1e-6 <= scale.at(value) <= 1 + 1e-6 for value, _ in ticks)


def test_axes_end_on_round_numbers():
    assert [text for _, text in Scale.around([0.713, 0.93]).ticks("percent")] == [
        "70\u202f%", "75\u202f%", "80\u202f%", "85\u202f%", "90\u202f%", "95\u202f%",
    ]  # fmt: skip
    assert [text for _, text in Scale.around([0.003, 2], log=True).ticks()] == ["0.01", "0.1", "1"]


def test_bars_of_fractions_share_the_axis_from_0_to_1():
    markup = draw(Bars(("a", "b"), (0.5, 1.0), (0.25, 0.9), (0.75, 1.0), style="percent"))
    widths = [re.search(r'width="([^"]*)"', bar).group(1) for bar in re.findall(r'<rect class="bar[^>]*>', markup)]
    assert widths == ["50%", "100%"]
    assert 'x1="25%" x2="75%"' in markup


def test_negative_bars_leave_from_zero_to_the_left():
    markup = draw(Bars(("a", "b"), (3.0, -1.0)))
    assert '<rect class="bar tone-plain" x="25%" width="75%"' in markup
    assert '<rect class="bar tone-plain" x="0%" width="25%"' in markup


def test_lines_break_where_a_value_is_missing():
    markup = draw(Lines((Line("loss", (1, 2, 3, 4), (1.0, math.nan, 2.0, 3.0)),)))
    (path,) = attribute(markup, "d")
    assert path.count("M") == 2
    assert path.count("L") == 1


def test_more_lines_than_colours_differ_in_their_strokes():
    lines = [Line(f"line {index}", (0, 1), (index, index + 1)) for index in range(14)]
    styles = re.findall(r'<line class="(line [^"]*)"', draw(Lines(lines)))
    assert len(set(styles)) == 14


def test_logarithmic_lines_leave_out_what_is_not_positive():
    markup = draw(Lines((Line("loss", (1, 2, 3), (0.0, 0.1, 1.0)),), log_y=True))
    assert "nan" not in markup
    assert markup.count("<circle") == 2


def test_confusions_are_shaded_by_the_share_of_their_row():
    markup = draw(Heatmap(((90, 10), (0, 4)), ("cat", "dog"), ("cat", "dog"), "true", "predicted"))
    assert [float(value) for value in attribute(markup, "fill-opacity")] == pytest.approx(
        [0.9, 0.1**0.5, 1.0], abs=0.01
    )
    assert attribute(markup, "class").count("miss") == 1  # a cell that is 0 is not shaded at all
    assert "cat → dog: 10 (10.0\u202f% of the row)" in markup


@pytest.mark.parametrize(("classes", "numbers"), [(2, True), (10, True), (30, True), (100, False)])
def test_confusion_matrices_keep_their_numbers_while_there_is_room(classes, numbers):
    names = [f"class number {index}" for index in range(classes)]
    markup = draw(Heatmap(np.full((classes, classes), 1234), names, names))
    assert (">1234<" in markup or ">1,234<" in markup) == numbers
    assert markup.count("<title>class number 0 →") == classes


def test_an_estimate_is_shaded_across_all_marks_and_told_by_its_ends():
    markup = draw(Interval((Mark("clean", (0.97,)), Mark("hidden", (0.8,), 0.7, 0.9, "estimate")), chance=0.1))
    assert '<rect class="estimate-band" x="70%" width="20%" y="0" height="100%">' in markup
    assert "70.0–90.0\u202f%" in markup
    assert "chance 10.0\u202f%" in markup


def test_marks_never_leave_the_axis():
    markup = draw(Interval((Mark("odd", (-0.2, 1.3), kind="noisy"), Mark("e", (), -0.1, 1.1, "estimate"))))
    positions = [float(x.rstrip("%")) for name in ("x", "x1", "x2", "cx", "width") for x in attribute(markup, name)]
    assert all(0 <= position <= 100 for position in positions)
