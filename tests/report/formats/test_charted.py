from __future__ import annotations

from typing import get_args

import pytest

from rlgauge.report.charts import Chart, Key, Line, Lines, Manner
from rlgauge.report.content import Figure
from rlgauge.report.formats.charted import charted
from tests.report.formats.made import ODD, heat, intervals, lines, report, shares


def test_the_report_of_these_tests_holds_every_chart_and_every_block():
    from rlgauge.report.content import Block

    body = report().sections[0].body
    assert {type(one) for one in body} == set(get_args(Block))
    assert {type(one.chart) for one in body if isinstance(one, Figure)} == set(get_args(Chart))


def test_rows_with_intervals_say_how_many_runs_and_by_which_method():
    table = charted(intervals(), name="x")
    assert table.header == ["of", "name", "return", "interval", "n"]
    assert table.rows[0] == ["mean", ODD, "0.500", "[0.250, 0.750]", "7"]
    assert table.rows[1] == ["mean", "b", "2.00 (doubtful)", "-", "-"]
    assert table.notes == ["Intervals: 90 % Wilson.", "target: 1.5."]


def test_short_lines_are_listed_point_by_point_without_their_gaps():
    table = charted(lines(), name="x")
    assert table.header == ["line", "steps", "return", "interval"]
    assert [row[1:3] for row in table.rows] == [["0", "0.000"], ["1,000", "1000"]]
    assert table.notes == ["1 more line without a name: CSV and JSON have what they show."]


def test_lines_of_one_name_are_told_apart_by_what_their_manner_means():
    manners = {Manner.PLAIN: 2.0, Manner.BOUND: 9.0}
    both = [Line(name="ours", xs=[1.0], ys=[y], series=0, manner=manner) for manner, y in manners.items()]
    keys = [Key(manner=Manner.PLAIN, name="planned"), Key(manner=Manner.BOUND, name="the process")]
    chart = Lines(title="memory", lines=both, x_axis="x", y_axis="y", keys=keys)
    table = charted(chart, name="memory")
    assert [cells[0] for cells in table.rows] == ["ours, planned", "ours, the process"]


def test_of_long_lines_some_points_are_listed():
    table = charted(lines(101), name="x")
    assert table.header == ["line", "points", "steps", "return there", "interval"]
    assert [row[1:3] for row in table.rows] == [["101", f"{x},000" if x else "0"] for x in (0, 25, 50, 75, 100)]
    assert "Of each line 5 points, from the first to the last; CSV and JSON have all." in table.notes


def test_of_many_long_lines_the_last_point_is_listed():
    named = [Line(name=f"line {place}", xs=[1.0, 2.0, 3.0], ys=[4.0, 5.0, 6.0], series=0) for place in range(21)]
    table = charted(Lines(title="t", lines=named, x_axis="x", y_axis="y"), name="x")
    assert [row[1:4] for row in table.rows] == [["3", "3", "6.00"]] * 21
    assert "Of each line the last point; CSV and JSON have all." in table.notes


def test_lines_that_have_the_name_of_the_legend_are_listed_with_it():
    trials = [Line(name="complete", xs=[x], ys=[x], series=0, is_named=x == 0.0) for x in (0.0, 1.0)]
    best = Line(name="best so far", xs=[0.0], ys=[1.0], series=2, manner=Manner.BOUND, is_named=False)
    keys = [Key(name="best so far", manner=Manner.BOUND, series=2)]
    table = charted(Lines(title="t", lines=[*trials, best], x_axis="trial", y_axis="y", keys=keys), name="x")
    assert [row[:2] for row in table.rows] == [["complete", "0"], ["complete", "1"], ["best so far", "0"]]
    assert table.notes == []


@pytest.mark.parametrize(
    ("chart", "row"), [(heat(), [ODD, "51", "-"]), (shares(), [ODD, "75.0%", "25.0%"])], ids=["heat", "shares"]
)
def test_grids_and_shares_are_tables_as_they_are(chart, row):
    assert charted(chart, name="x").rows == [row]
