from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from rlgauge.compare.quantity import quantity_of
from rlgauge.compare.references import Normalisation
from rlgauge.core.reading import Reading
from rlgauge.report.overall import Overall, over_all_tasks
from rlgauge.report.question import Question
from rlgauge.report.scored import score_runs
from rlgauge.stats.aggregate import aggregates
from tests.compare.making import UNITS, failed, seeds

HUNDRED = Normalisation(0.0, 100.0)


def overall(readings: list[Reading], score: str = "return", **asked) -> tuple[list[Overall], list[str]]:
    question, told = Question(**asked), []
    quantity = quantity_of(score, UNITS[score])
    cells = defaultdict(list)
    for run in score_runs(readings, quantity, question, []).seeds:
        cells[run.group, run.reading.task].append(run)
    return over_all_tasks(cells, quantity, question, told), told


def on_two_tasks(**fields) -> list[Reading]:
    first, second = [10.0, 20.0, 40.0, 45.0, 60.0], [50.0, 75.0, 80.0, 90.0, 95.0]
    return seeds(first, task="One", **fields) + seeds(second, task="Two", **fields)


def test_normalised_scores_of_all_tasks_are_aggregated():
    (one,), told = overall(on_two_tasks(), normalisation=HUNDRED)
    expected = aggregates([np.array([0.1, 0.2, 0.4, 0.45, 0.6]), np.array([0.5, 0.75, 0.8, 0.9, 0.95])])
    assert {name: summary.point for name, summary in one.metrics.items()} == pytest.approx(
        {name: summary.point for name, summary in expected.items()}
    )
    assert (one.num_tasks, one.num_runs, one.degrees) == (2, 10, 8)
    assert told == []


def test_returns_of_several_tasks_are_not_averaged():
    found, told = overall(on_two_tasks())
    assert found == []
    (note,) = told
    assert note.startswith("Scores of several tasks are not averaged without normalisation: give --normalise")


def test_success_rates_of_several_tasks_are_averaged_as_they_are():
    runs = seeds([0.5, 0.7], "success", task="One") + seeds([0.1, 0.3], "success", task="Two")
    (one,), _ = overall(runs, "success")
    assert one.metrics["mean"].point == pytest.approx(0.4)
    assert one.metrics["optimality_gap"].point == pytest.approx(0.6)


def test_over_one_task_there_is_nothing_that_its_line_shows_already():
    (one,), _ = overall(seeds([1.0, 2.0, 3.0, 9.0]))
    assert list(one.metrics) == ["iqm"]
    (one,), _ = overall(seeds([1.0, 2.0, 3.0, 9.0]), normalisation=HUNDRED)
    assert list(one.metrics) == ["iqm", "optimality_gap"]
    assert overall(seeds([1.0, 2.0, 3.0])) == ([], [])
    assert overall(seeds([1.0, 2.0, 3.0]), metrics=("mean", "iqm")) == (
        [],
        ["Over one task mean and IQM would repeat the mean in its line: see there."],
    )
    assert overall(seeds([0.5, 0.5, 0.5], "success"), "success")[0] == []


def test_where_groups_are_of_one_task_there_is_nothing_over_all_tasks_and_no_gap():
    assert overall(on_two_tasks(), by=("task",), normalisation=HUNDRED) == ([], [])


def test_one_run_on_one_task_is_not_repeated():
    assert overall(seeds([1.0]))[0] == []


def test_tasks_without_a_score_are_told_and_counted():
    runs = [*on_two_tasks(algorithm="a"), *on_two_tasks(algorithm="b")[:5], failed(algorithm="b", task="Two")]
    (_, one), told = overall(runs, normalisation=HUNDRED)
    assert (one.tasks, one.num_runs, one.num_missing, one.unmeasured) == (["One"], 5, 1, {"failed": 1})
    assert told == ["b has fewer seeds on some tasks: 1 on Two; 5 elsewhere.", "b has no score on Two."]


def test_groups_without_a_common_task_are_told_of():
    runs = on_two_tasks(algorithm="a")[:5] + on_two_tasks(algorithm="b")[5:]
    found, told = overall(runs, normalisation=HUNDRED)
    assert [one.group for one in found] == ["a", "b"]
    assert told[-1] == "No task was run by all: what stands for different tasks can't be compared."


def test_where_nothing_has_a_score_there_is_nothing_over_all_tasks():
    found, told = overall([failed(), failed(algorithm="b")])
    assert found == []
    assert told == ["No run has a score on CartPole-v1."]


def test_resampling_tasks_counts_tasks_and_widens_the_interval():
    (seeds_only,), _ = overall(on_two_tasks(), normalisation=HUNDRED, method="percentile")
    (tasks_too,), _ = overall(on_two_tasks(), normalisation=HUNDRED, method="percentile", resample_tasks=True)
    assert tasks_too.degrees == 1
    ours, theirs = tasks_too.metrics["mean"], seeds_only.metrics["mean"]
    assert ours.high - ours.low > theirs.high - theirs.low


def of_times(*references: tuple[float, float]) -> tuple[list[Overall], list[str]]:
    """Of a fast and a slow library on as many tasks as there are references, the first of which becomes 0."""
    runs = [
        run
        for name, factor in (("fast", 1.0), ("slow", 2.0))
        for task, (low, high) in enumerate(references)
        for run in seeds(
            [5.0 * factor, 5.5 * factor, 6.0 * factor, 5.7 * factor],
            "seconds",
            algorithm=name,
            task=f"task {task}",
            references={"low": low, "high": high},
        )
    ]
    return overall(runs, "seconds", normalisation=Normalisation("low", "high"))


def test_where_less_is_better_there_is_no_optimality_gap_to_a_worse_reference():
    for ends, has_gap in (((0.0, 20.0), False), ((20.0, 5.0), True)):
        found, told = of_times(ends)
        assert all(("optimality_gap" in one.metrics) == has_gap for one in found)
        assert any("No optimality gap: of seconds less is better" in note for note in told) != has_gap
    (fast, slow), _ = of_times((20.0, 5.0))
    assert fast.metrics["optimality_gap"].point < slow.metrics["optimality_gap"].point


def test_where_normalising_turns_some_tasks_round_nothing_is_said_over_all():
    found, told = of_times((0.0, 20.0), (20.0, 5.0))
    assert found == []
    assert any("more of less seconds on some tasks and less on others" in note for note in told)
