from __future__ import annotations

import re

import numpy as np
import pytest

from rlgauge.compare.line import Verdict
from rlgauge.compare.tables import legend, tables
from tests.compare.making import checkpoint, compared, failed, processes, seeds

FIVE = [1000.0, 1010.0, 990.0, 1005.0, 995.0]


def column(comparison, name: str) -> list[str]:
    (table,) = tables(comparison)
    return [row[table.header.index(name)] for row in table.rows]


def many(num: int, *, gains: dict[int, float]):
    """Tasks with the same five scores on either side, some of them with a gain of the candidate."""
    scores = np.array([90.0, 95.0, 100.0, 105.0, 110.0])
    sides = [], []
    for task in range(num):
        for side, gain in zip(sides, (gains.get(task, 0.0), 0.0), strict=True):
            side.extend(seeds(scores + gain, task=f"task {task}"))
    return compared(*sides)


def test_a_line_that_adjusting_makes_inconclusive_shows_its_adjusted_p_and_the_legend_says_why():
    alone = many(1, gains={0: -12.0})
    assert (column(alone, "p"), alone.lines[0].verdict) == (["0.022"], Verdict.WORSE)
    comparison = many(5, gains={2: -12.0})
    line = comparison.lines[2]
    assert line.high < 0
    assert line.verdict is Verdict.INCONCLUSIVE
    assert line.p_value == line.p_worse == pytest.approx(5 * alone.lines[0].p_worse)
    assert column(comparison, "adjusted p") == ["1", "1", "0.11", "1", "1"]
    assert "So a line's own interval may exclude no difference while its verdict is inconclusive." in " ".join(
        legend(comparison)
    )
    assert "inconclusive" not in " ".join(legend(alone))


@pytest.mark.parametrize(("gain", "name"), [(30.0, "p_better"), (-30.0, "p_worse")])
def test_the_p_shown_is_that_of_the_direction_found(gain, name):
    for line in many(3, gains=dict.fromkeys(range(3), gain)).lines:
        assert line.p_value == getattr(line, name) < 0.001


@pytest.mark.parametrize(("factor", "name"), [(0.9, "p_better"), (1.1, "p_worse")])
def test_of_sizes_less_is_the_better_direction(factor, name):
    sizes = processes([value * factor for value in FIVE], "peak_bytes")
    (line,) = compared(sizes, processes(FIVE, "peak_bytes")).lines
    assert line.p_value == getattr(line, name) < 0.05


def test_a_line_without_a_test_has_no_p_and_is_not_counted_among_those_adjusted():
    ours, theirs = ([*seeds([1.0, 2.0, 3.0 + more], task="a"), *seeds([1.0, 2.0], task="b")] for more in (0, 1))
    ours = [*ours, *seeds([5.0], task="c")]
    theirs = [*theirs, *seeds([5.0, 6.0], task="c")]
    comparison = compared(ours, theirs)
    assert column(comparison, "adjusted p")[2] == "-"
    assert "adjusted by Holm over 2 lines" in " ".join(legend(comparison))


def test_both_columns_and_n_are_of_the_pairs_where_a_line_is_of_pairs():
    rng = np.random.default_rng(3)
    scores = rng.normal(400, 80, 50)
    comparison = compared([checkpoint(scores)], [checkpoint(scores[:20])])
    (line,) = comparison.lines
    assert line.candidate == line.baseline == pytest.approx(scores[:20].mean())
    assert (line.difference, line.word, column(comparison, "n")) == (0.0, "same", ["20 / 20"])
    apart = compared([checkpoint(scores)], [checkpoint(scores[:20], first_seed=900)]).lines[0]
    assert (apart.candidate, apart.baseline) == pytest.approx((scores.mean(), scores[:20].mean()))


def test_the_tolerance_of_pairs_is_a_part_of_the_baselines_mean_over_the_pairs():
    base = np.array([10.0, 11.0, 9.0, 10.0, 10.5, 9.5])
    theirs = [*base, *[1000.0] * 6]  # episodes that the candidate did not play
    ours = base - np.array([0.5, 0.6, 0.4, 0.5, 0.5, 0.5])
    assert compared([checkpoint(ours)], [checkpoint(theirs)]).lines[0].is_regression


def test_success_rates_of_pairs_are_of_the_pairs_too():
    ours, theirs = [1.0] * 10 + [0.0] * 10, [1.0, 0.0] * 5
    (line,) = compared([checkpoint(ours, "success")], [checkpoint(theirs, "success")]).lines
    assert (line.candidate, line.baseline, line.difference) == (1.0, 0.5, 0.5)


def test_runs_that_are_missing_are_not_counted_among_episodes():
    comparison = compared([checkpoint([1.0, 2.0, 4.0]), failed(seed=1)], [checkpoint([1.0, 3.0, 3.0])])
    assert column(comparison, "n") == ["3 / 3"]


def test_either_side_and_their_difference_have_as_many_decimal_places():
    ours, theirs = (seeds([middle - 0.1, middle, middle + 0.1]) for middle in (1.014, 1.015))
    comparison = compared(ours, theirs)
    assert (column(comparison, "candidate"), column(comparison, "baseline")) == (["1.014"], ["1.015"])
    assert column(comparison, "difference")[0].startswith("-0.001 [-0.1")
    told = compared(ours, theirs, metric="mean").verdict
    assert re.match(r"mean of candidate new 1\.014 \[.*, of baseline old 1\.015 \[.*, difference -0\.001 \[", told)


@pytest.mark.parametrize(
    ("deviation", "shown"),
    [
        (0.002, ("1.0140", "1.0150", r"-0\.0010 \[-0\.0\d{3}, \+0\.00\d{2}\]")),
        (5.0, ("1.01", "1.01", r"-0\.00 \[-8\.\d{2}, \+8\.\d{2}\]")),
    ],
)
def test_a_difference_shows_the_digits_that_its_interval_leaves(deviation, shown):
    ours, theirs = (seeds([middle - deviation, middle, middle + deviation]) for middle in (1.014, 1.0149999))
    comparison = compared(ours, theirs)
    assert (*column(comparison, "candidate"), *column(comparison, "baseline")) == shown[:2]
    assert re.fullmatch(shown[2], column(comparison, "difference")[0])


def test_thousands_are_set_apart_in_differences_too():
    comparison = compared(seeds([4100.0, 4200.0, 4300.0]), seeds([1000.0, 1100.0, 1250.0]))
    assert re.fullmatch(r"\+3,083 \[\+2,\d{3}, \+3,\d{3}\]", column(comparison, "difference")[0])


def test_small_and_large_numbers_have_exponents():
    small = [3.0e-9, 3.1e-9, 2.9e-9]
    comparison = compared(seeds(scaled(small, 2)), seeds(small))
    assert column(comparison, "baseline") == ["3.00e-09"]
    assert re.fullmatch(r"\+3.00e-09 \[\+2...e-09, \+3...e-09\]", column(comparison, "difference")[0])
    assert column(compared(seeds(scaled(small, 1e90)), seeds(small)), "candidate") == ["3.000000e+81"]


def test_a_difference_too_small_to_see_changes_no_figures():
    comparison = compared(seeds([100.0, 100.0]), seeds([100.0, 100.0 + 1e-8]))
    assert column(comparison, "candidate") == ["100.000000"]


def scaled(values: list[float], factor: float) -> list[float]:
    return [value * factor for value in values]
