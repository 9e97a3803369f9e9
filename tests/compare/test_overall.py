from __future__ import annotations

import numpy as np
import pytest

from rlgauge.compare.comparison import Outcome
from rlgauge.compare.line import Verdict
from rlgauge.compare.references import Normalisation
from rlgauge.core.errors import UserError
from rlgauge.stats.difference import difference
from rlgauge.stats.improvement import probability_of_improvement
from tests.compare.making import compared, processes, seeds

TASKS = ("a", "b", "c")


def scores(seed: int, *, mean: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {task: rng.normal(mean, 10, 6) for task in TASKS}


def runs(by_task: dict[str, np.ndarray], **fields) -> list:
    return [one for task, values in by_task.items() for one in seeds(values, task=task, **fields)]


def test_the_figure_is_that_of_the_statistics_and_the_candidate_comes_first():
    ours, theirs = scores(1, mean=60), scores(2, mean=50)
    sides = {"candidate": list(ours.values()), "baseline": list(theirs.values())}
    told = compared(runs(ours), runs(theirs), metric="improvement").overall
    assert told.summary == probability_of_improvement(**sides, tasks=TASKS)
    scaled = {name: [values / 100 for values in side] for name, side in sides.items()}
    told = compared(runs(ours), runs(theirs), metric="iqm", normalisation=Normalisation(0.0, 100.0)).overall
    assert told.summary.point == pytest.approx(difference(**scaled).point)
    assert told.candidate.point > told.baseline.point


@pytest.mark.parametrize("metric", ["improvement", "iqm", "mean", "median", "optimality_gap"])
def test_the_verdict_follows_the_sides(metric):
    low, high = runs(scores(3, mean=20)), runs(scores(4, mean=80))
    asked = {"metric": metric, "normalisation": Normalisation(0.0, 100.0)}
    assert compared(high, low, **asked).overall.verdict is Verdict.BETTER
    worse = compared(low, high, **asked)
    assert (worse.overall.verdict, worse.outcome) == (Verdict.WORSE, Outcome.WORSE)
    assert "candidate new is worse than baseline old" in worse.verdict


def test_of_times_the_shorter_is_the_better():
    quick, slow = processes(range(10, 16), "seconds"), processes(range(30, 36), "seconds")
    told = compared(quick, slow, metric="improvement").overall
    assert (told.summary.point, told.verdict) == (1.0, Verdict.BETTER)
    assert compared(slow, quick, metric="improvement").outcome is Outcome.WORSE


@pytest.mark.parametrize("metric", ["improvement", "mean"])
@pytest.mark.parametrize("ends", [(0.0, 50.0), (50.0, 0.0)])
def test_of_normalised_times_the_shorter_is_the_better_whichever_end_is_lower(ends, metric):
    quick, slow = processes(range(10, 16), "seconds"), processes(range(30, 36), "seconds")
    asked = {"metric": metric, "normalisation": Normalisation(*ends)}
    assert compared(quick, slow, **asked).overall.verdict is Verdict.BETTER
    assert compared(slow, quick, **asked).outcome is Outcome.WORSE


def test_what_no_interval_decides_is_inconclusive():
    ours, theirs = runs(scores(5, mean=50)), runs(scores(6, mean=50))
    assert compared(ours, theirs, metric="improvement").overall.verdict is Verdict.INCONCLUSIVE
    assert compared(ours, theirs, metric="improvement", strict=True).outcome is Outcome.INCONCLUSIVE


def test_a_difference_within_the_tolerance_is_no_regression():
    rng = np.random.default_rng(7)
    ours, theirs = ({task: values + rng.normal(0, 0.1, 6) for task in TASKS} for values in (49.0, 50.0))
    asked = {"metric": "mean", "normalisation": Normalisation(0.0, 100.0)}
    assert compared(runs(ours), runs(theirs), tolerance=0.005, **asked).outcome is Outcome.WORSE
    assert compared(runs(ours), runs(theirs), tolerance=0.02, **asked).outcome is Outcome.FINE


def test_references_are_those_of_each_run_or_an_algorithm_of_that_name():
    told = {"references": {"expert": 200.0}}
    ours, theirs = runs(scores(8, mean=100), **told), runs(scores(9, mean=100), **told)
    overall = compared(ours, theirs, metric="mean", normalisation=Normalisation(0.0, "expert")).overall
    assert overall.candidate.point == pytest.approx(0.5, abs=0.05)
    assert overall.formula == "score / expert score"
    with pytest.raises(UserError, match="The random score of a is not known"):
        compared(ours, theirs, metric="mean", normalisation=Normalisation("random", "expert"))
    with pytest.raises(UserError, match="are both 3"):
        compared(ours, theirs, metric="mean", normalisation=Normalisation(3.0, 3.0))


def test_several_tasks_are_not_averaged_unnormalised():
    with pytest.raises(UserError, match="over 3 tasks needs normalised scores"):
        compared(runs(scores(1, mean=1)), runs(scores(2, mean=1)), metric="iqm")


@pytest.mark.parametrize(
    ("ours", "theirs"), [([1.0] * 3, [2.0] * 3), ([0.3, 0.1 + 0.2, 0.3], [0.9] * 3), ([1.0], [2.0, 2.1, 2.2])]
)
def test_where_no_spread_is_seen_on_a_side_nothing_is_shown(ours, theirs):
    comparison = compared(seeds(ours), seeds(theirs), metric="iqm")
    assert (comparison.overall.verdict, comparison.outcome) == (Verdict.INCONCLUSIVE, Outcome.FINE)
    assert comparison.overall.summary.warnings


def test_the_optimality_gap_of_times_is_that_to_the_better_reference():
    quick, slow = processes(range(10, 16), "seconds"), processes(range(30, 36), "seconds")
    right = {"metric": "optimality_gap", "normalisation": Normalisation(50.0, 5.0)}
    assert compared(quick, slow, **right).overall.verdict is Verdict.BETTER
    assert compared(slow, quick, **right).outcome is Outcome.WORSE
    with pytest.raises(UserError, match="Of seconds less is better: give --normalise the worse, larger one first"):
        compared(quick, slow, metric="optimality_gap", normalisation=Normalisation(0.0, 50.0))


@pytest.mark.parametrize("metric", ["iqm", "optimality_gap"])
def test_references_that_turn_some_tasks_round_are_refused(metric):
    quick, slow = (
        [
            one
            for task, (low, high) in {"a": (0.0, 50.0), "b": (50.0, 0.0)}.items()
            for one in processes(values, "seconds", task=task, references={"low": low, "high": high})
        ]
        for values in (range(10, 16), range(30, 36))
    )
    with pytest.raises(UserError, match="larger one on b and the smaller one on a"):
        compared(quick, slow, metric=metric, normalisation=Normalisation("low", "high"))
