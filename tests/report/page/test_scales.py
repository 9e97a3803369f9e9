from __future__ import annotations

import pytest

from rlgauge.report.page.scales import labels, scale_of


@pytest.mark.parametrize(
    ("values", "is_log", "expected"),
    [
        ([0, 1], False, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ([-342, 4779], False, ["0", "2000", "4000"]),
        ([0, 1e6], False, ["0", "250k", "500k", "750k", "1M"]),
        ([1, 1e6], True, ["1", "100", "10k", "1M"]),
        ([20, 30], True, ["20", "30"]),
        ([3e-5, 9e-5], False, ["4e-05", "6e-05", "8e-05"]),
        ([9, 19], False, ["10.0", "12.5", "15.0", "17.5"]),
        ([20_000, 20_040], False, ["20,000", "20,010", "20,020", "20,030", "20,040"]),
        ([0.36, 0.47], True, ["0.4", "0.45"]),
        ([7e8, 2.4e10], True, ["1G", "2G", "5G", "10G", "20G"]),
    ],
)
def test_marks_are_round_values_that_are_told_apart(values, is_log, expected):
    scale = scale_of(values, first=0, last=100, is_log=is_log)
    ticks = scale.ticks()
    assert labels(ticks, is_log=is_log) == expected
    assert all(0 <= scale.place(tick) <= 100 for tick in ticks)


def test_values_lie_within_the_figure_and_in_their_order():
    scale = scale_of([5.0, -3.0, 11.0], first=10, last=90)
    assert 10 < scale.place(-3) < scale.place(5) < scale.place(11) < 90


def test_the_axis_may_run_upward():
    scale = scale_of([1, 2], first=300, last=0)
    assert scale.place(2) < scale.place(1)


@pytest.mark.parametrize("values", [[], [float("nan")], [7.0, 7.0], [0.0]])
def test_no_values_and_equal_ones_have_a_scale_too(values):
    scale = scale_of(values, first=0, last=100)
    assert scale.low < scale.high
    assert scale.ticks()


def test_what_has_no_place_on_a_scale_is_at_its_end():
    scale = scale_of([1.0, 10.0, 100.0], first=0.0, last=200.0, is_log=True)
    assert scale.place(0.0) == scale.place(-3.0) == 0.0
    assert scale.place(float("inf")) == 200.0


@pytest.mark.parametrize(
    ("values", "base", "expected"),
    [
        ([1, 4096], 2, ["1", "8", "64", "512", "4,096"]),
        ([10, 12], 2, ["10", "10.5", "11", "11.5", "12"]),
    ],
)
def test_an_axis_of_powers_has_marks_at_powers(values, base, expected):
    ticks = scale_of(values, first=0, last=100, is_log=True, base=base).ticks()
    assert labels(ticks, is_log=True, base=base) == expected


@pytest.mark.parametrize(("values", "expected"), [([0, 11], ["0", "5", "10"]), ([0, 3], ["0", "1", "2", "3"])])
def test_an_axis_of_whole_numbers_has_no_other_marks(values, expected):
    assert labels(scale_of(values, first=0, last=100, is_whole=True).ticks()) == expected


def test_a_single_mark_is_what_is_written():
    assert labels([5e-5]) == ["5e-05"]
    assert labels([0.0]) == ["0"]
