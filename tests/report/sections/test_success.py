from __future__ import annotations

import msgspec
import pytest

from rlgauge.compare.seeds import STOPPED
from rlgauge.report.content import Figure, Note
from rlgauge.report.question import Question
from rlgauge.report.sections import success
from rlgauge.stats.confidence_sequence import ConfidenceSequence
from rlgauge.stats.intervals import wilson
from rlgauge.stats.rates import success_over_seeds
from tests.compare.making import checkpoint, reading, seeds

SERIES = {"act": 0, "other": 1}
OVER = "mean over tasks"


def evaluated(won, played, *, task="A", algorithm="act", errors=0, **fields):
    episodes = [1.0] * won + [0.0] * (played - won) + [None] * errors
    fields = {"checkpoint": "c", "num_errors": errors, **fields}
    return checkpoint(episodes, "success", algorithm=algorithm, task=task, **fields)


def shown(*readings):
    (section,) = success.sections(list(readings), Question(), SERIES)
    (figure,) = [one for one in section.body if isinstance(one, Figure)]
    rows = getattr(figure.chart, "rows", [])
    return {(row.group, row.label): row for row in rows}, [one.text for one in section.body if isinstance(one, Note)]


def ends(row):
    return row.point, row.low, row.high


def of(summary):
    return summary.point, summary.low, summary.high


def test_a_checkpoint_has_wilsons_interval_of_its_episodes():
    rows, notes = shown(evaluated(8, 10))
    assert ends(rows["A", "act"]) == of(wilson(8, 10))
    assert rows["A", "act"].point == 0.8
    assert "says nothing of other seeds" in " ".join(notes)


def test_errors_that_count_as_failures_make_no_rate_higher():
    runs = [evaluated(9, 10, seed=0, errors=0), evaluated(1, 2, seed=1, errors=8)]
    rows, _ = shown(*runs)
    assert rows["A", "act"].point == pytest.approx((0.9 + 0.5) / 2)
    assert "12 episodes, and 8 more" in rows["A", "act"].told
    assert f"with these as failures {(0.9 + 0.1) / 2:.2f}" in rows["A", "act"].told


def test_of_rates_without_their_episodes_no_number_of_episodes_is_told():
    readings = [reading("success", [rate], seed=seed, algorithm="act", task="A") for seed, rate in enumerate((0.5, 1))]
    rows, notes = shown(*readings)
    assert "episode" not in rows["A", "act"].told
    assert "over seeds (Student t)" in " ".join(notes)


def test_of_several_seeds_the_seed_is_the_unit_and_each_is_a_dot():
    rows, _ = shown(*(evaluated(won, 10, seed=seed) for seed, won in enumerate((3, 6, 9))))
    assert ends(rows["A", "act"]) == of(success_over_seeds([3, 6, 9], [10] * 3))
    assert list(rows["A", "act"].others) == [0.3, 0.6, 0.9]


def test_over_all_tasks_it_is_their_mean_with_the_interval_of_all_episodes_of_one_checkpoint():
    rows, _ = shown(evaluated(8, 10), evaluated(5, 10, task="B"))
    assert ends(rows[OVER, "act"]) == pytest.approx(of(wilson(13, 20)))
    assert rows[OVER, "act"].point == pytest.approx((0.8 + 0.5) / 2)


def test_of_tasks_with_unlike_numbers_of_episodes_there_is_no_interval_of_one_checkpoint():
    rows, _ = shown(evaluated(8, 10), evaluated(5, 20, task="B"))
    assert ends(rows[OVER, "act"]) == (pytest.approx((0.8 + 0.25) / 2), None, None)
    assert "no interval" in rows[OVER, "act"].told


def test_a_group_without_a_task_says_over_how_many_its_mean_is():
    rows, _ = shown(evaluated(8, 10), evaluated(5, 10, task="B"), evaluated(2, 10, algorithm="other"))
    assert ends(rows[OVER, "other (1 of 2 tasks)"]) == ends(rows["A", "other"])


def test_errors_are_in_no_rate_and_what_they_would_come_to_is_told():
    rows, notes = shown(evaluated(6, 8, errors=2))
    assert rows["A", "act"].point == 0.75
    assert "8 episodes, and 2 more that ended in an error or a timeout: with these as failures 0.60." in (
        rows["A", "act"].told
    )
    assert "2 episodes ended in an error or a timeout and are in no rate." in notes


def test_where_looking_decided_how_many_episodes_there_are_the_interval_allows_it():
    sequence = ConfidenceSequence()
    for value in [1.0] * 9 + [0.0] * 3:
        sequence.add(value)
    rows, notes = shown(evaluated(9, 12, details={STOPPED: "It was stopped."}))
    assert ends(rows["A", "act"]) == of(sequence.summary())
    assert "confidence sequence" in rows["A", "act"].told
    assert "where looking decided how many episodes there are, a confidence sequence" in notes[0]


def test_more_rates_than_rows_would_show_are_a_grid(monkeypatch):
    monkeypatch.setattr(success, "_MOST_ROWS", 1)
    readings = [evaluated(8, 10), evaluated(5, 10, task="B"), evaluated(2, 10, algorithm="other", task="B")]
    (section,) = success.sections(readings, Question(), SERIES)
    grid, over = [one for one in section.body if isinstance(one, Figure)]
    assert grid.chart.texts == [["0.80", "-"], ["0.50", "0.20"]]
    assert {row.group for row in over.chart.rows} == {OVER}


def test_rates_in_units_that_do_not_go_together_are_said_to_be_and_the_rest_of_a_report_is_made():
    odd = msgspec.structs.replace(evaluated(5, 10, algorithm="other"), units={"success": "points"})
    (section,) = success.sections([evaluated(8, 10), odd], Question(), SERIES)
    (warning,) = section.body
    assert "success is in " in warning.texts[0]


def test_without_a_measured_success_there_is_no_section():
    assert list(success.sections(seeds([1.0, 2.0]), Question(), SERIES)) == []
