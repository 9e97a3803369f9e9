from __future__ import annotations

import msgspec
import pytest

from rlgauge.cli.report_history import between, sections, waterfall
from rlgauge.compare.gate import compare
from rlgauge.compare.question import Question
from rlgauge.compare.sides import Side
from rlgauge.core.reading import Reading, Total
from rlgauge.report.content import Figure, Heading, Text, Warnings
from rlgauge.report.table import Table
from tests.compare.test_history import made

STEADY, FAST = (100.0, 101.0, 99.0), (150.0, 151.0, 149.0)


def told(*found):
    return {one.name: one for one in sections([reading for own in found for reading in own], "out")}


def rows(section):
    (figure,) = (block for block in section.body if isinstance(block, Figure))
    return figure.chart.rows


def test_measurements_of_each_place_stand_below_one_another_with_their_changes():
    found = told(made("01", *STEADY, tag="a"), made("02", *FAST, tag="b"), made("03", *FAST, tag="c"))
    assert list(found) == ["history", "changes"]
    shown = rows(found["history"])
    assert [row.label for row in shown] == ["a, 100", "b, 150, +50.0 % faster", "c, 150, +0.0 %"]
    assert [row.point for row in shown] == pytest.approx([1.0, 1.5, 1.5], rel=1e-3)
    assert [row.series for row in shown] == [0, 2, 0]
    assert len({row.group for row in shown}) == 1
    assert [len(row.others) for row in shown if row.low is not None] == [3, 3, 3]
    assert "against a (2026-01-01" in shown[1].told
    (table,) = (block for block in found["history"].body if isinstance(block, Table))
    assert [row[1] for row in table.rows] == ["a", "b", "c"]


def test_two_processes_are_shown_themselves_for_their_interval_would_hide_all_else():
    first, second = rows(told(made("01", 100.0, 200.0), made("02", 100.0, 200.0))["history"])
    assert (first.low, first.others, second.label) == (
        None,
        pytest.approx([0.5**0.5, 2**0.5]),
        "2026-01-02 00:00, 141, +0.0 %",
    )


def test_of_a_long_history_the_newest_are_shown_and_that_is_said():
    body = told(*(made(f"{day:02}", 100.0) for day in range(1, 25)))["history"].body
    assert [row.label[:10] for row in body[0].chart.rows] == [f"2026-01-{day:02}" for day in range(5, 25)]
    assert body[0].captions[-1] == "The newest 20 of each; the table has all."


def test_the_number_of_environments_that_all_have_is_the_one_that_is_shown():
    both = [*made("01", *STEADY, task="a x 10"), *made("01", *FAST, task="a x 99")]
    shown = rows(told(both, made("02", *STEADY, task="a x 10"))["history"])
    assert {row.group.rpartition(", ")[2] for row in shown} == {"10 envs"}


def test_environments_have_a_figure_each():
    pairs = [made(day, *STEADY, task=f"{name} x 10") for day in ("01", "02") for name in "ab"]
    body = told(*pairs)["history"].body
    assert [block.text for block in body if isinstance(block, Heading)] == ["a", "b"]


def test_the_newest_tag_is_compared_with_the_one_before_from_the_worst_to_the_best():
    def measurement(day, tag, **speeds):
        return [one for task, own in speeds.items() for one in made(day, *own, task=f"{task} x 10", tag=tag)]

    old = measurement("01", "old", a=STEADY, b=STEADY, c=STEADY)
    new = measurement("02", "new", a=STEADY, b=FAST, c=(60.0, 61.0, 62.0))
    section = told(old, new)["changes"]
    assert section.title == "Changes: new against old"
    figure, verdict, table = section.body[:3]
    assert [row.label for row in figure.chart.rows] == ["c x 10, slower", "a x 10", "b x 10, faster"]
    assert [row.series for row in figure.chart.rows] == [1, 0, 2]
    assert figure.chart.band == pytest.approx((0.98, 1.02))
    assert isinstance(verdict, Text)
    assert isinstance(table, Table)


def test_differences_of_scores_are_parts_of_the_larger_of_both():
    def side(name, score):
        scores = [Total(n=1, mean=score + seed) for seed in range(3)]
        return Side(
            name, [Reading(algorithm="x", task="t", seed=n, totals={"return": s}) for n, s in enumerate(scores)]
        )

    found = compare(candidate=side("new", 30.0), baseline=side("old", 20.0), question=Question())
    (figure,) = waterfall(found)
    (row,) = figure.chart.rows
    assert row.point == pytest.approx(10 / 31)
    assert (figure.chart.band, figure.chart.is_log) == ((-0.02, 0.02), False)


def test_the_newest_is_compared_with_the_last_before_that_has_some_of_the_same():
    first, other = made("01", *STEADY, task="a x 10"), made("02", *STEADY, task="b x 10")
    title = told(first, other, made("03", *FAST, task="a x 10"))["changes"].title
    assert title.endswith("against 2026-01-01 00:00")
    assert "changes" not in told(first, other)


def test_the_size_of_a_chunk_stands_behind_the_number():
    task = "a x 10 scan_chunk_size=16"
    shown = rows(told(made("01", *STEADY, task=task), made("02", *STEADY, task=task))["history"])
    assert {row.group.partition(", ")[2] for row in shown} == {"10 envs, chunk 16"}


def test_what_may_not_be_compared_is_told_without_an_option_of_another_command():
    first, second = made("01", *STEADY), made("02", *FAST)
    sides = [
        [msgspec.structs.replace(one, details={"machine": {"cpu": cpu}}) for one in side]
        for side, cpu in ((first, "one"), (second, "another"))
    ]
    (verdict,) = (block for block in told(*sides)["changes"].body if isinstance(block, Text))
    assert verdict.text.startswith("Not comparable: ")
    assert "--" not in verdict.text


def test_one_measurement_has_no_history():
    assert told(made("01", *STEADY)) == {}


def test_files_that_can_not_be_told_apart_are_a_warning():
    twice = [msgspec.structs.replace(one, seed=None) for one in made("01", 1.0, 1.0)]
    (block,) = told(twice)["history"].body
    assert isinstance(block, Warnings)


def scored(**scores):
    """Runs of algorithms, with a score for each task."""
    return [
        Reading(algorithm=name, task=task, seed=seed, totals={"return": Total(n=1, mean=score + seed)})
        for name, own in scores.items()
        for task, score in own.items()
        for seed in range(3)
    ]


def test_two_algorithms_on_several_tasks_are_compared_from_the_worst_task_to_the_best():
    runs = scored(a={"s": 100.0, "t": 10.0}, b={"s": 10.0, "t": 100.0})
    (section,) = between(runs, "return", source="out")
    assert (section.name, section.title) == ("differences", "b against a")
    assert [row.label for row in section.body[0].chart.rows] == ["s, worse", "t, better"]
    assert [row.point for row in section.body[0].chart.rows] == pytest.approx([-90 / 101, 90 / 101])


def test_neither_one_task_nor_three_algorithms_are_compared():
    assert list(between(scored(a={"s": 1.0}, b={"s": 1.0}), "return", source="out")) == []
    three = scored(**{name: {"s": 1.0, "t": 1.0} for name in "abc"})
    assert list(between(three, "return", source="out")) == []
