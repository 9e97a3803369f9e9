from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.aggregate import aggregate, aggregates
from rlgauge.stats.estimate import METHODS
from rlgauge.stats.metrics import METRICS

SCORES = st.lists(st.lists(st.integers(-3, 12).map(float), min_size=1, max_size=6), min_size=1, max_size=4)


def normal_scores(seed, sizes=(5,) * 5):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.3 + 0.1 * task, 0.1, size) for task, size in enumerate(sizes)]


@pytest.mark.parametrize("sizes", [(5,) * 5, (3, 7, 5)])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("resample_tasks", [False, True])
def test_neither_order_nor_threads_nor_the_company_of_other_metrics_change_a_digit(sizes, method, resample_tasks):
    tasks = normal_scores(0, sizes)
    options = {"method": method, "replicates": 9_000, "resample_tasks": resample_tasks}
    once = aggregates(tasks, **options)
    assert aggregates([task[::-1] for task in tasks[::-1]], threads=2, **options) == once
    for metric in METRICS:
        assert aggregate(tasks, metric, **options) == once[metric]


def test_other_scores_have_other_random_numbers():
    tasks = normal_scores(0)
    ends = aggregate(tasks, "mean", replicates=500)
    moved = aggregate([task + 1.0 for task in tasks], "mean", replicates=500)
    assert ends.low + 1 != pytest.approx(moved.low, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_percentiles_are_those_of_all_possible_resamples(metric):
    """All 27 x 256 of them; an end lies between the neighbours of its quantile, 5 standard errors away."""
    tasks = [[0.1, 0.5, 0.8], [0.2, 0.35, 0.6, 1.1]]
    single = [list(itertools.product(task, repeat=len(task))) for task in tasks]
    exact = np.sort([aggregate(pair, metric, method="t").point for pair in itertools.product(*single)])
    num = 20_000
    found = aggregate(tasks, metric, method="percentile", confidence=0.9, replicates=num)
    for end, p in ((found.low, 0.05), (found.high, 0.95)):
        margin = 5 * np.sqrt(p * (1 - p) / num)
        lower, upper = np.quantile(exact, [p - margin, p + margin])
        assert lower - 1e-9 <= end <= upper + 1e-9


@pytest.mark.parametrize("sizes", [(6, 6), (3, 6)])
def test_with_tasks_resampled_the_mean_varies_as_theory_says(sizes):
    """Given the tasks, the variance between means over T, and the mean of the variances of the means within over T."""
    tasks = normal_scores(1, sizes)
    means = [task.mean() for task in tasks]
    within = np.mean([task.var() / len(task) for task in tasks])
    deviation = np.sqrt((np.var(means) + within) / len(tasks))
    found = aggregate(tasks * 4, "mean", method="percentile", resample_tasks=True, replicates=20_000)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(deviation / 2, rel=0.05)


def test_with_tasks_resampled_tasks_are_counted_for_the_interval():
    tasks = normal_scores(2)
    fixed, drawn = (aggregate(tasks, "mean", resample_tasks=flag) for flag in (False, True))
    assert drawn.high - drawn.low > 2 * (fixed.high - fixed.low)
    student = aggregate(tasks, "mean", method="t", resample_tasks=True)
    means = [task.mean() for task in tasks]
    assert (student.low, student.high) == pytest.approx(stats.t.interval(0.95, 4, np.mean(means), stats.sem(means)))
    assert "Fewer than 5 tasks are drawn (4): little is known of other tasks." in (
        aggregate(tasks[:4], resample_tasks=True, replicates=50).warnings
    )


@pytest.mark.parametrize("method", METHODS)
def test_one_task_that_is_drawn_gives_no_interval_and_a_warning(method):
    found = aggregate([[0.1, 0.2, 0.3, 0.4, 0.5]], method=method, resample_tasks=True, replicates=20)
    assert (found.low, found.high) == (None, None)
    assert found.warnings == ("One task is drawn: nothing is known of the spread between tasks.",)


def test_the_default_is_wider_than_the_percentile_by_the_expansion():
    """t(20) times sqrt(5 / 4) instead of 1.96: of nearly normal replicates, to 5 %."""
    tasks = normal_scores(3)
    expanded, percentile = (aggregate(tasks, "mean", method=name) for name in ("expanded", "percentile"))
    ratio = (expanded.high - expanded.low) / (percentile.high - percentile.low)
    assert ratio == pytest.approx(stats.t.ppf(0.975, 20) * np.sqrt(5 / 4) / 1.96, rel=0.05)
    assert expanded.method == "stratified bootstrap, expanded percentile"


@given(SCORES, st.sampled_from(METHODS), st.booleans())
def test_every_answer_has_a_width_or_a_warning(tasks, method, resample_tasks):
    for found in aggregates(tasks, method=method, resample_tasks=resample_tasks, replicates=30).values():
        assert found.n == sum(map(len, tasks))
        if found.low is None or found.low == found.high:
            assert found.warnings


@pytest.mark.parametrize("method", METHODS)
def test_one_run_has_a_point_and_no_interval(method):
    found = aggregate([[0.7]], method=method, missing=4)
    assert (found.point, found.low, found.high, found.n, found.missing) == (0.7, None, None, 1, 4)
    assert found.warnings == ("One seed a task: nothing is known of the spread between seeds.",)


def test_the_optimum_is_what_scores_fall_short_of():
    tasks = [[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]]
    assert aggregate(tasks, "optimality_gap", optimum=4.0, method="t").point == pytest.approx((3 + 2 + 1) / 6)
    assert aggregate(tasks, "optimality_gap", method="t").point == 0


@pytest.mark.parametrize(
    ("tasks", "options", "message"),
    [
        ([], {}, "at least one score"),
        ([[]], {}, "at least one score"),
        (np.zeros((0, 3)), {}, "at least one score"),
        ([[1.0, float("nan")]], {}, "not finite"),
        ([[1.0, float("-inf")]], {}, "not finite"),
        ([[1.0, 1e301]], {}, r"beyond 1e\+300"),
        ([1.0, 2.0], {}, "one row of scores"),
        ([[1.0, 2.0]], {"metric": "best"}, "Unknown metric 'best'. Known: iqm, mean, median, optimality_gap"),
        ([[1.0, 2.0]], {"method": "basic"}, "Unknown method 'basic'. Known: expanded, percentile, bca, t"),
        ([[1.0, 2.0]] * 2, {"replicates": 0}, "needs replicates"),
        ([[1.0, 2.0]] * 2, {"threads": 0}, "needs a thread"),
        ([[1.0, 2.0]], {"optimum": float("nan")}, "finite score"),
        ([[1.0, 2.0]], {"missing": -1}, "-1 missing"),
    ],
)
def test_what_cannot_be_aggregated_is_refused(tasks, options, message):
    with pytest.raises(ValueError, match=message):
        aggregate(tasks, **options)


def test_no_optimality_gap_is_below_0():
    found = aggregate([[0.9, 1.0, 0.3]], "optimality_gap")
    assert found.low == 0.0
    assert found.high > found.point > 0
