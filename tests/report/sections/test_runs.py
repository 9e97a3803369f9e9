"""Every run is in the report, however many there are."""

from __future__ import annotations

import pytest

from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status
from rlgauge.report.content import Folded
from rlgauge.report.markdown import grid
from rlgauge.report.overview import make_overview
from rlgauge.report.page.blocks import block
from rlgauge.report.question import Question
from rlgauge.report.sections import runs


def every_run(num):
    """The table of so many runs, of which the first failed."""
    found = [
        Reading(
            algorithm="a",
            task="t",
            seed=seed,
            status=Status.COMPLETED if seed else Status.FAILED,
            totals={"return": Total(n=1, mean=seed / 7, squares=0.0, median=seed / 7)} if seed else {},
            units={"return": "reward"},
            reason=None if seed else "ValueError: no\nmore",
            source=f"out/{seed}",
        )
        for seed in range(num)
    ]
    overview = make_overview(found, Question())
    (folded,) = (one for one in runs.section(overview).body if isinstance(one, Folded))
    return folded.table


def test_every_run_is_told_with_its_score_its_reason_and_where_it_lies():
    table = every_run(3)
    assert table.rows == [
        ["a", "t", "0", "failed", "-", "ValueError: no", "out/0"],
        ["a", "t", "1", "completed", "0.142857", "", "out/1"],
        ["a", "t", "2", "completed", "0.285714", "", "out/2"],
    ]
    assert table.notes == []


def test_what_is_left_out_of_thousands_of_runs_is_told(monkeypatch):
    monkeypatch.setattr(runs, "_MOST_PLACES", 2)
    table = every_run(3)
    assert table.rows[0][-1] == "out/0"
    assert table.rows[1] == ["a", "t", "1", "completed", "0.1429", "", ""]
    (note,) = table.notes
    assert "`rlgauge summary --format csv` tells all of all 3." in note


@pytest.mark.parametrize("score", [1e-7, -3.0, 123456.0])
def test_a_short_score_has_four_digits(score):
    assert float(runs._short(score).replace(",", "")) == pytest.approx(score, rel=1e-3)


def test_words_begin_at_the_left_and_numbers_end_at_the_right_wherever_they_stand():
    table = every_run(3)
    assert [table.is_text(column) for column in range(7)] == [True, True, False, True, False, True, True]
    assert grid(table).splitlines()[1] == "| --- | --- | ---: | --- | ---: | --- | --- |"
    assert 'class="sorts n1 n2 n4 n6 n7"' in block(table)
