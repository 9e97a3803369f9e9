from __future__ import annotations

import statistics

import pytest
import scipy.stats

from rlgauge import BenchmarkResults, TaskResult, UserError
from rlgauge.kinds.evaluate.results import EpisodeResult
from rlgauge.stats.intervals import wilson
from rlgauge.stats.paired import mcnemar_exact
from rlgauge.stats.rates import success_over_seeds


def task(
    task_id: str, successes: list[bool | None], *, n_errors: int = 0, seeds_from: int = 0, **options
) -> TaskResult:
    """Episodes with these successes, return 10 for a success and 1 otherwise, then errors."""
    episodes = [
        EpisodeResult(
            index=index,
            outcome={True: "success", False: "failure", None: "unmeasured"}[success],
            success=success,
            total_return=10.0 if success else 1.0,
            length=5,
            seed=seeds_from + index,
        )
        for index, success in enumerate(successes)
    ]
    episodes += [
        EpisodeResult(index=len(successes) + i, outcome="error", error="step 1: no", seed=0) for i in range(n_errors)
    ]
    return TaskResult.from_episodes(task_id, episodes, **{"policy": "p", **options})


def test_macro_counts_tasks_and_micro_counts_episodes():
    results = BenchmarkResults([task("easy", [True] * 30), task("hard", [False] * 9 + [True])])
    (aggregate,) = results.aggregates()
    assert aggregate.success_macro == pytest.approx((1.0 + 0.1) / 2)
    assert aggregate.success_micro == wilson(31, 40)
    assert (aggregate.n_tasks, aggregate.n_episodes, aggregate.n_train_seeds) == (2, 40, 0)
    assert "mean of 2 tasks" in results.summary()
    assert "77.5% [62.5%, 87.7%]" in results.summary()


def test_errors_are_failures_in_the_other_rates_of_the_aggregate_too():
    results = BenchmarkResults([task("a", [True] * 4, n_errors=4), task("b", [True] * 2)])
    (aggregate,) = results.aggregates()
    assert (aggregate.success_macro, aggregate.success_macro_all) == (1.0, 0.75)
    assert (aggregate.success_micro.point, aggregate.success_micro_all) == (1.0, 0.6)
    assert (aggregate.n_errors, aggregate.n_episodes) == (4, 10)
    assert "100.0%; 75.0% with errors as failures" in results.summary()
    assert "100.0% [61.0%, 100.0%]; 60.0% with errors as failures" in results.summary()


def test_errors_of_a_task_whose_success_is_not_measured_are_no_failures_of_all_episodes():
    tasks = [task("a", [True] * 7 + [False] * 8, n_errors=5), task("b", [None] * 17, n_errors=3)]
    (aggregate,) = BenchmarkResults(tasks).aggregates()
    assert aggregate.success_micro_all == 7 / 20
    assert (aggregate.n_errors, aggregate.n_episodes) == (8, 40)


def test_a_task_without_a_rate_leaves_no_mean_of_the_survivors():
    (aggregate,) = BenchmarkResults([task("a", [True]), task("b", [None])]).aggregates()
    assert aggregate.success_macro is aggregate.success_macro_all is None
    assert aggregate.success_micro.n == 1
    (nothing,) = BenchmarkResults([task("b", [None])]).aggregates()
    assert nothing.success_micro is nothing.success_micro_all is None


def test_the_training_seed_is_the_unit_where_there_are_several():
    rates = [0.4, 0.5, 0.6]
    family = [task("a", [i < 10 * rate for i in range(10)], train_seed=seed) for seed, rate in enumerate(rates)]
    results = BenchmarkResults(family)
    (aggregate,) = results.aggregates()
    over = aggregate.success_over_seeds
    assert over == success_over_seeds([4, 5, 6], [10] * 3)
    assert (over.n, over.point) == (3, pytest.approx(statistics.fmean(rates)))
    assert aggregate.return_over_seeds.point == pytest.approx(1 + 9 * statistics.fmean(rates))
    assert "3 train seeds" in results.summary()
    assert "mean of" not in results.summary()


def test_an_interval_over_training_seeds_holds_rates_only():
    family = [task("a", [i < 10 * rate for i in range(10)], train_seed=seed) for seed, rate in enumerate([0.1, 0.9])]
    (aggregate,) = BenchmarkResults(family).aggregates()
    low, high = aggregate.success_over_seeds.low, aggregate.success_over_seeds.high
    assert 0 <= low < 0.1
    assert 0.9 < high <= 1
    uneven = [task("b", [i < 20 * rate for i in range(20)], train_seed=seed) for seed, rate in enumerate([0.1, 0.9])]
    (aggregate,) = BenchmarkResults([*family, *uneven]).aggregates()
    assert (aggregate.success_over_seeds.low, aggregate.success_over_seeds.high) == (0.0, 1.0)


def test_rates_over_training_seeds_that_are_all_alike_leave_an_interval():
    for tasks in (["a"], ["a", "b"]):
        family = [task(name, [False] * 10, train_seed=seed) for name in tasks for seed in range(3)]
        (aggregate,) = BenchmarkResults(family).aggregates()
        over = aggregate.success_over_seeds
        assert (over.n, over.point, over.low) == (3, 0.0, 0.0)
        assert over.high == pytest.approx(wilson(0, 3).high)


def test_episodes_pooled_over_training_seeds_have_no_interval():
    (aggregate,) = BenchmarkResults([task("a", [True, False], train_seed=seed) for seed in (0, 1)]).aggregates()
    assert (aggregate.success_micro.point, aggregate.success_micro.low) == (0.5, None)
    assert "not independent" in aggregate.success_micro.warnings[0]
    (one,) = BenchmarkResults([task("a", [True, False], train_seed=0)]).aggregates()
    assert one.success_micro == wilson(1, 2)
    assert one.success_over_seeds is None


def test_a_training_seed_without_a_rate_leaves_no_mean_of_the_survivors():
    (aggregate,) = BenchmarkResults([task("a", [True], train_seed=0), task("a", [None], train_seed=1)]).aggregates()
    assert aggregate.success_over_seeds is None
    assert aggregate.return_over_seeds.n == 2


def test_returns_of_several_tasks_are_not_averaged():
    family = [task(name, [True], train_seed=seed) for name in ("a", "b") for seed in (0, 1)]
    (aggregate,) = BenchmarkResults(family).aggregates()
    assert aggregate.return_over_seeds is None
    assert aggregate.success_over_seeds.n == 2


CANDIDATE = [True] * 8 + [False] * 2 + [None]
BASELINE = [True] * 2 + [False] * 8 + [True]


def compare(*results: TaskResult):
    return BenchmarkResults(results).compare(candidate="new", baseline="old")


def test_two_policies_are_compared_on_the_same_episodes_candidate_minus_baseline():
    (comparison,) = compare(task("a", CANDIDATE, policy="new"), task("a", BASELINE, policy="old"))
    assert (comparison.candidate, comparison.baseline, comparison.n_pairs) == ("new", "old", 11)
    expected = mcnemar_exact(candidate=CANDIDATE[:10], baseline=BASELINE[:10], missing=1)
    assert comparison.success == expected
    assert expected.p_value == scipy.stats.binomtest(6, 6, 0.5).pvalue
    assert comparison.success.difference.point == pytest.approx(0.6)
    differences = [9.0 * (bool(a) - bool(b)) for a, b in zip(CANDIDATE, BASELINE, strict=True)]
    assert comparison.return_difference.point == pytest.approx(statistics.fmean(differences))


def test_episodes_meet_by_index_and_seed_and_errors_are_counted_as_missing():
    (comparison,) = compare(task("a", [True] * 5, n_errors=1, policy="new"), task("a", [False] * 9, policy="old"))
    assert comparison.n_pairs == 5
    new = TaskResult.from_episodes("a", [*task("a", [True] * 3).episodes, broken(3)], policy="new")
    (comparison,) = compare(new, task("a", [False] * 4, policy="old"))
    assert comparison.n_pairs == 4
    assert (comparison.return_difference.n, comparison.return_difference.missing) == (3, 1)
    assert (comparison.n_wanted, comparison.n_left_out) == (4, 1)
    assert comparison.success.difference.missing == 1
    with pytest.raises(UserError, match="share no episode of a"):
        compare(task("a", [True], policy="new"), task("a", [True], policy="old", seeds_from=7))


def broken(index: int) -> EpisodeResult:
    return EpisodeResult(index=index, outcome="error", error="step 1: no", seed=index)


def test_training_seeds_meet_their_equals_and_a_policy_without():
    family = [task("a", [True, True], policy="new", train_seed=seed) for seed in (0, 1)]
    other = [task("a", [False, False], policy="old", train_seed=seed) for seed in (1, 2)]
    assert [(c.candidate, c.baseline) for c in compare(*family, *other)] == [
        ("new (train seed 1)", "old (train seed 1)")
    ]
    plain = task("a", [False, False], policy="old")
    assert [c.candidate for c in compare(*family, plain)] == ["new (train seed 0)", "new (train seed 1)"]


def test_what_can_not_be_compared_is_said():
    with pytest.raises(UserError, match="new and old share no task and training seed"):
        compare(task("a", [True], policy="new"), task("b", [True], policy="old"))
    with pytest.raises(UserError, match="Unknown policy 'old'"):
        compare(task("a", [True], policy="new"))


def test_a_policy_without_measured_success_is_compared_by_return_alone():
    (comparison,) = compare(task("a", [None, None], policy="new"), task("a", [True, True], policy="old"))
    assert comparison.success is None
    assert comparison.return_difference.point == -9.0


def test_episodes_that_are_missing_are_left_out_of_a_comparison_and_counted():
    new = TaskResult.from_episodes("a", task("a", [True] * 6).episodes, policy="new", n_missing=4)
    (comparison,) = compare(new, task("a", [False] * 10, policy="old"))
    assert (comparison.n_pairs, comparison.n_wanted, comparison.n_left_out) == (6, 10, 4)
    assert comparison.success.difference.missing == comparison.return_difference.missing == 4


def test_a_task_with_nothing_but_errors_is_a_failure_where_errors_are_failures():
    broken_task = TaskResult.from_episodes("b", [broken(0), broken(1)], policy="new")
    whole_task = task("a", [True] * 2, policy="new")
    (aggregate,) = BenchmarkResults([whole_task, broken_task]).aggregates()
    assert (broken_task.success_rate, broken_task.success_rate_all) == (None, 0.0)
    assert (aggregate.success_macro, aggregate.success_macro_all) == (None, 0.5)
    shown = BenchmarkResults([whole_task, broken_task]).summary()
    assert "unmeasured; 50.0% with errors as failures" in shown
