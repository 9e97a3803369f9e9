from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.suites.target import Target, number


@pytest.mark.parametrize(
    ("text", "value"),
    [("20", 20), (20, 20), (0.95, 0.95), ("100k", 1e5), ("2.5M", 2.5e6), ("1G", 1e9), ("1e5", 1e5), ("-3", -3)],
)
def test_numbers_are_as_people_write_them(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "many", "1T", "1 000", "nan", "inf", None, "1m"])
def test_what_is_no_number_is_told(text):
    with pytest.raises(ValueError, match="is no number"):
        number(text)


@given(value=st.floats(-1e9, 1e9), bound=st.floats(-1e9, 1e9))
def test_a_bound_is_reached_from_its_side_alone(value, bound):
    of = {"env": "x", "library": "y"}
    assert Target(of=of, quantity="q", at_least=bound).is_met(value) is (value >= bound)
    assert Target(of=of, quantity="q", at_most=bound).is_met(value) is (value <= bound)
