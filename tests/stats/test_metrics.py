from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.metrics import METRICS, Functionals
from rlgauge.stats.strata import Strata

WHOLE = st.integers(-5, 9).map(float)
RAGGED = st.lists(st.lists(WHOLE, min_size=1, max_size=5), min_size=1, max_size=5)


def point(tasks, metric, optimum=1.0):
    return Functionals(Strata(tasks), (metric,), optimum=optimum).point()[0]


def drawn(tasks, metrics=METRICS, num=200, seed=0):
    strata = Strata(tasks)
    drawn_BN = strata.draw(np.random.default_rng(seed), num)
    scores_N = np.concatenate(strata.tasks)
    samples = [np.split(scores_N[row], strata.starts_T[1:]) for row in drawn_BN]
    return Functionals(strata, metrics, optimum=1.0).of_drawn(drawn_BN), samples


def spread_out(tasks, metric, optimum=1):
    """By the definition, in fractions: every task weighs 1, spread over its seeds."""
    weighted = sorted((Fraction(score), Fraction(1, len(task))) for task in tasks for score in task)
    num = len(weighted)
    if metric == "mean":
        return sum(score * weight for score, weight in weighted) / len(tasks)
    if metric == "median":
        return Fraction(np.median([float(sum(map(Fraction, task)) / len(task)) for task in tasks]))
    if metric == "optimality_gap":
        return sum(max(optimum - score, 0) * weight for score, weight in weighted) / len(tasks)
    cut = Fraction(len(tasks) * (num // 4), num)
    total, before = Fraction(0), Fraction(0)
    for score, weight in weighted:
        inside = min(before + weight, len(tasks) - cut) - max(before, cut)
        total += max(inside, 0) * score
        before += weight
    return total / (len(tasks) - 2 * cut)


@given(RAGGED, st.sampled_from(METRICS))
def test_points_are_those_of_the_definition_for_any_numbers_of_seeds(tasks, metric):
    assert point(tasks, metric) == pytest.approx(float(spread_out(tasks, metric)), abs=1e-12)


@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 100))
def test_with_equally_many_seeds_the_points_are_those_of_scipy_and_rliable(runs, tasks, seed):
    metrics = pytest.importorskip("rliable.metrics", exc_type=ImportError)
    scores_RT = np.random.default_rng(seed).normal(size=(runs, tasks)).round(1)
    close = {"rel": 1e-12, "abs": 1e-12}
    assert point(scores_RT.T, "iqm") == pytest.approx(stats.trim_mean(scores_RT, 0.25, axis=None), **close)
    assert point(scores_RT.T, "iqm") == pytest.approx(metrics.aggregate_iqm(scores_RT), **close)
    assert point(scores_RT.T, "mean") == pytest.approx(metrics.aggregate_mean(scores_RT), **close)
    assert point(scores_RT.T, "median") == pytest.approx(metrics.aggregate_median(scores_RT), **close)
    gap = metrics.aggregate_optimality_gap(scores_RT, gamma=0.3)
    assert point(scores_RT.T, "optimality_gap", 0.3) == pytest.approx(gap, **close)


@pytest.mark.parametrize("sizes", [(1,), (4,), (3, 3), (6, 6, 6, 6), (1, 2, 5), (10, 7, 9)])
@pytest.mark.parametrize("metric", METRICS)
def test_the_metrics_of_a_resample_are_those_of_the_scores_in_it(sizes, metric):
    rng = np.random.default_rng(len(sizes))
    values_B1, samples = drawn([rng.normal(task, 1, size) for task, size in enumerate(sizes)], (metric,))
    expected = [float(spread_out(sample, metric)) for sample in samples]
    assert values_B1[:, 0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("sizes", [(3, 3), (2, 3)])
def test_resamples_come_as_often_as_all_that_are_possible(sizes):
    """Against the list of all 27 x 27 or 4 x 27 resamples; 5 standard errors of each frequency."""
    tasks = [[0.0, 1.0, 4.0][: sizes[0]], [2.0, 3.5, 9.0]]
    possible = list(
        itertools.product(*(list(itertools.product(task, repeat=len(task))) for task in tasks)),
    )
    exact = np.array([round(float(spread_out(sample, "iqm")), 9) for sample in possible])
    values, counts = np.unique(exact, return_counts=True)
    num = 60_000
    found = drawn(tasks, ("iqm",), num)[0][:, 0].round(9)
    assert set(found) <= set(values)
    for value, count in zip(values, counts, strict=True):
        p = count / len(possible)
        assert abs(np.mean(found == value) - p) < 5 * np.sqrt(p * (1 - p) / num)


@pytest.mark.parametrize("outlier", [-1e12, 1e15])
@pytest.mark.parametrize("sizes", [(5, 5), (5, 6)])
def test_a_run_that_diverged_takes_no_digits_from_the_interquartile_mean(outlier, sizes):
    rng = np.random.default_rng(3)
    tasks = [rng.normal(size=size) for size in sizes]
    near = [task.copy() for task in tasks]
    tasks[0][2], near[0][2] = outlier, np.sign(outlier) * 100
    ours, samples = drawn(tasks, ("iqm",))
    assert point(tasks, "iqm") == pytest.approx(point(near, "iqm"), rel=1e-12)
    assert ours[:, 0] == pytest.approx([float(spread_out(sample, "iqm")) for sample in samples], rel=1e-12, abs=1e-12)


@given(st.integers(2, 6), st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=4))
def test_where_a_tasks_scores_are_equal_every_resample_gives_the_same(size, levels):
    for sizes in ([size] * len(levels), [size + task for task in range(len(levels))]):
        values_BM, _ = drawn([[level] * count for level, count in zip(levels, sizes, strict=True)], num=20)
        assert np.ptp(values_BM, axis=0) == pytest.approx(np.zeros(4), abs=1e-12 * (1 + np.ptp(levels)))


def test_an_unknown_metric_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"Unknown metric 'iqr'\. Known: iqm, mean, median, optimality_gap"):
        Functionals(Strata([[1.0]]), ("iqr",), optimum=1.0)
