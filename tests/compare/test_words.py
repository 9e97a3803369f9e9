from __future__ import annotations

import re

import pytest

from rlgauge.compare.comparison import Outcome
from rlgauge.compare.words import deciding, verdict
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


def test_a_headline_says_where_nothing_was_decided_and_how_much_is_open():
    noisy = [1000.0, 1600.0, 700.0]
    one = compared(processes(noisy), processes(noisy))
    assert (one.outcome, one.headline) == (Outcome.FINE, "nothing decided")
    assert one.verdict.startswith("Nothing decided: candidate new is not shown to differ from baseline old: ")
    more = processes(noisy, task="Pendulum-v1")
    two = compared([*processes(noisy), *more], [*processes(noisy), *more])
    assert two.verdict == (
        "Nothing decided: candidate new is shown to be neither better nor worse than baseline old, nor the same, in "
        "any of 2 lines."
    )
    mixed = compared([*processes(FIVE), *more], [*processes(FIVE), *more])
    assert mixed.headline == "no regression, 1 of 2 lines inconclusive"
    assert mixed.verdict.startswith("No regression: ")
    assert compared(processes(noisy), processes(noisy), metric="improvement").headline == "nothing decided"


@pytest.mark.parametrize(("factor", "word"), [(0.985, "slower"), (1.015, "faster")])
def test_a_difference_that_is_shown_is_never_called_the_same(factor, word):
    ours = [value * factor for value in FIVE]
    line = compared(processes(ours), processes(FIVE)).lines[0]
    assert line.p_value < 0.05
    assert 0.95 < line.low < line.high < 1.05
    assert verdict(line) == f"{word}, within tolerance"
    assert verdict(compared(processes(ours), processes(FIVE), tolerance=0.01).lines[0]).endswith(word)


def test_lines_within_the_tolerance_are_counted_apart():
    ours = [*processes([value * 0.985 for value in FIVE]), *processes(FIVE, task="Pendulum-v1")]
    told = compared(ours, [*processes(FIVE), *processes(FIVE, task="Pendulum-v1")])
    assert told.verdict.endswith("; of 2 lines 1 slower within tolerance, 1 same.")


@pytest.mark.parametrize("metric", ["mean", "median"])
def test_neither_is_one_over_all_tasks(metric):
    asked = {"metric": metric, "tolerance": 0.02}
    told = compared(seeds([value * 1.015 for value in FIVE]), seeds(FIVE), **asked)
    assert told.overall.is_within_tolerance
    assert told.verdict.endswith("candidate new is better than baseline old, within the tolerance.")


def test_what_more_runs_would_decide_is_one_sentence_the_nearest_first():
    scores = [90.0, 100.0, 110.0, 95.0, 105.0]

    def side(gain: float):
        return [run for k in range(1, 6) for run in seeds([score + gain * k for score in scores], task=f"task {k}")]

    comparison = compared(side(1.0), side(0.0))
    (sentence,) = deciding(comparison.lines)
    numbers = [int(number) for number in re.findall(r"\((\d+) more runs\)", sentence)]
    assert len(numbers) == 3
    assert numbers == sorted(numbers)
    largest = max(line.more for line in comparison.lines)
    assert sentence.endswith(f" and 2 more (up to {largest} more runs).")


def test_of_one_line_the_sentence_names_it_alone():
    told = compared(seeds([1.0, 2.0, 3.0, 4.0, 5.0]), seeds([1.5, 2.5, 3.5, 4.5, 5.5]))
    (sentence,) = deciding(told.lines)
    assert re.match(r"return of toy on CartPole-v1: \d+ more runs a side would decide it with a probability", sentence)
