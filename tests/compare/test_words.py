from __future__ import annotations

import pytest

from rlgauge.compare.comparison import Outcome
from tests.compare.making import compared, failed, processes, seeds

FIVE = [1000.0, 1010.0, 990.0, 1005.0, 995.0]
SLOW = [value * 0.9 for value in FIVE]


@pytest.mark.parametrize("metric", [None, "improvement"])
def test_where_only_a_run_failed_nothing_says_that_the_candidate_is_worse(metric):
    comparison = compared([*processes(FIVE), failed(seed=9)], processes(FIVE), metric=metric)
    assert (comparison.outcome, comparison.headline) == (Outcome.WORSE, "a run failed")
    assert comparison.verdict.startswith("1 run of the candidate failed or measured nothing. ")
    assert "worse than" not in comparison.verdict or "nowhere shown to be worse" in comparison.verdict


def test_a_regression_and_failed_runs_are_both_in_the_headline():
    ours = [*processes(SLOW), failed(seed=8), failed(seed=9)]
    comparison = compared(ours, processes(FIVE))
    assert comparison.headline == "worse, and 2 runs failed"
    assert comparison.verdict.startswith("Regression: ")


def test_failed_runs_that_are_allowed_are_not_in_the_headline():
    theirs = [*processes(FIVE), failed(seed=9)]
    assert compared(processes(FIVE), theirs).headline == "a run failed"
    assert compared(processes(FIVE), theirs, allow_missing=True).headline == "no regression"
    assert compared(processes(SLOW), theirs, allow_missing=True).headline == "worse"


def test_the_other_outcomes_have_headlines_too():
    both, more = processes(FIVE), processes(FIVE, task="Pendulum-v1")
    assert compared(both, both).headline == "no regression"
    assert compared(both, [*both, *more]).headline == "data is missing"
    assert compared(processes([1.0]), processes([2.0]), strict=True).headline == "inconclusive"


def test_a_line_is_told_with_the_p_value_of_its_test():
    told = compared(seeds([1.0, 2.0, 3.0, 4.0, 5.0]), seeds([1.5, 2.5, 3.5, 4.5, 5.5]))
    assert told.lines[0].p_worse > 0.05
    assert told.verdict.endswith(", p = 0.32.")
