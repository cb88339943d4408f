import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.report.formatting import column_digits, number, span


@pytest.mark.parametrize(
    ("value", "style", "expected"),
    [
        (0, "auto", "0"),
        (1797, "auto", "1,797"),
        (-3, "auto", "−3"),
        (np.int64(12345678), "auto", "12,345,678"),
        (0.98765, "auto", "0.9877"),
        (0.5, "auto", "0.5"),
        (123.456, "auto", "123.5"),
        (98765.4, "auto", "98,765"),
        (0.00003, "auto", "3×10⁻⁵"),
        (np.float32(0.25), "auto", "0.25"),
        (-0.00000001, "percent", "0.0\u202f%"),
        (0.9327, "percent", "93.3\u202f%"),
        (0.25, "seconds", "250\u00a0ms"),
        (3.21, "seconds", "3.2\u00a0s"),
        (59.97, "seconds", "1\u00a0min\u00a000\u00a0s"),
        (754, "seconds", "12\u00a0min\u00a034\u00a0s"),
        (7500, "seconds", "2\u00a0h\u00a005\u00a0min"),
        (512, "bytes", "512\u00a0B"),
        (3 * 2**30, "bytes", "3.0\u00a0GiB"),
        (None, "auto", "–"),
        (math.nan, "percent", "–"),
        (math.inf, "auto", "–"),
        (True, "auto", "yes"),
        ("as it is", "percent", "as it is"),
    ],
)
def test_numbers_read_as_a_person_writes_them(value, style, expected):
    assert number(value, style) == expected


def test_ranges_name_their_unit_once():
    assert span(0.713, 0.93, "percent") == "71.3–93.0\u202f%"
    assert span(0.1, 0.25) == "0.1–0.25"


def test_columns_share_decimals_unless_their_numbers_are_worlds_apart():
    assert column_digits([0.5, 0.125, None, "x"]) == 3
    assert column_digits([1, 20, 300]) is None
    assert column_digits([1e-6, 0.5]) is None
    assert column_digits([0.001, 5000.5]) is None


@given(st.floats(min_value=1e-4, max_value=1e9))
def test_four_significant_digits_are_kept(value):
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=6e-4)


@given(
    st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf, -math.inf]),
    st.sampled_from(["auto", "percent", "seconds", "bytes"]),
)
def test_every_float_can_be_written(value, style):
    text = number(value, style)
    assert text
    assert "nan" not in text
    assert "inf" not in text
