from __future__ import annotations

import pytest

from rlgauge.compare.phrases import count, counted, some
from rlgauge.report.numbers import estimate, fixed, interval, normalised_places, places, plus_minus
from rlgauge.stats.summary import Summary


def summary(point: float, low: float | None, high: float | None) -> Summary:
    return Summary(point=point, low=low, high=high, n=5, method="Student t")


@pytest.mark.parametrize(
    ("value", "spread", "digits"),
    [
        (1952.846, 287.1, 0),
        (282.977, 2.99, 1),
        (0.5, 0.012, 3),
        (12.3, None, 1),
        (0.0, None, 3),
        (0.0, 0.0, 3),
        (1.0, 1e-12, 6),
        (-110.1, 221.8, 0),
        (0.000123, None, 6),
        (3e-9, 1e-10, 11),
        (0.0, 3e-9, 10),
        (1e-9, 5.0, 6),
    ],
)
def test_three_digits_of_a_value_and_two_of_its_spread_are_shown(value, spread, digits):
    assert places(value, spread) == digits


def test_what_is_too_small_or_too_long_has_an_exponent():
    assert plus_minus(3e-9, 1.04e-10, digits=places(3e-9, 1.04e-10)) == "3.00e-09 ± 1.0e-10"
    assert fixed(0.0, 11) == "0"
    assert fixed(-1.25e99, 0) == "-1.250000e+99"
    assert fixed(123_456_789.0, 0) == "123,456,789"


def test_a_zero_has_no_minus():
    assert fixed(-0.4, 0) == "0"
    assert fixed(-0.6, 0) == "-1"
    assert plus_minus(-0.001, 0.02, digits=1) == "0.0 ± 0.0"


def test_an_estimate_without_an_interval_is_its_point_alone():
    assert estimate(summary(0.5, None, None), digits=2, unit=" %") == "0.50 %"
    assert interval(summary(0.5, None, None), digits=2) == interval(None, digits=2) == "-"


def test_an_estimate_is_scaled_with_its_interval():
    assert estimate(summary(0.5, 0.25, 0.75), digits=1, scale=100, unit=" %") == "50.0 [25.0, 75.0] %"


def test_missing_runs_are_counted_with_their_reasons():
    assert counted(50, 0) == "50"
    assert counted(47, 3, {"failed": 2, "running": 1}) == "47 of 50 (2 failed, 1 running)"
    assert counted(5, 0, {"failed": 1}) == "5 (1 failed)"


def test_of_many_names_three_are_named():
    assert some(["a", "b", "c"]) == "a, b, c"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (count(1, "run"), count(2_000, "run")) == ("1 run", "2,000 runs")


def test_long_numbers_are_parted_in_thousands():
    assert [fixed(value, 1) for value in (1234.56, 9999.9, 12345.67, -108531024.0)] == [
        "1234.6",
        "9999.9",
        "12,345.7",
        "-108,531,024.0",
    ]


@pytest.mark.parametrize(
    ("value", "spread", "digits"),
    [(0.0099, None, 3), (0.0099, 0.5, 3), (0.9989, 0.00012, 5), (1.06, None, 2), (12.34, 0.7, 2), (-0.0142, 0.0002, 5)],
)
def test_normalised_scores_have_three_places_below_one_and_more_where_their_spread_needs_them(value, spread, digits):
    assert normalised_places(value, spread) == digits
