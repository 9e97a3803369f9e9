"""Simulations allow four binomial standard deviations of their number of studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.noncentral import noncentral_t_tail, two_sided_power
from rlgauge.stats.power import (
    ImpossibleStudyError,
    detectable_difference,
    pilot_deviation,
    power_of_seeds,
    seeds_needed,
)
from rlgauge.stats.unpaired import welch


@pytest.mark.parametrize("df", [1, 2, 3, 8, 20, 100, 1000, 100_000])
def test_the_noncentral_t_distribution_agrees_with_scipy(df):
    for t in [0, 0.3, 2, 4.3, 60, 600]:
        for shift in [-5, -1, 0, 0.5, 2, 20]:
            expected = stats.nct.sf(t, df, shift) if shift else stats.t.sf(t, df)
            assert noncentral_t_tail(t, df, shift) == pytest.approx(expected, abs=1e-10)


def test_the_noncentral_t_distribution_becomes_normal():
    assert noncentral_t_tail(2.0, 1e8, 1.5) == pytest.approx(stats.norm.sf(0.5), abs=1e-7)
    assert noncentral_t_tail(2.0, 9e6, 1.5) == pytest.approx(stats.norm.sf(0.5), abs=1e-6)


@pytest.mark.parametrize(("t", "df", "shift"), [(-1, 3, 0), (1, 0, 0), (1, 3, math.nan)])
def test_the_noncentral_t_distribution_refuses_what_it_has_no_value_for(t, df, shift):
    with pytest.raises(ValueError, match="were given"):
        noncentral_t_tail(t, df, shift)


def test_without_a_difference_the_power_is_alpha():
    assert two_sided_power(0.0, 8, alpha=0.05) == pytest.approx(0.05, abs=1e-12)
    assert power_of_seeds(5, 0.0, deviation=1.0, alpha=0.01) == pytest.approx(0.01, abs=1e-12)


@pytest.mark.parametrize(("seeds", "deviations"), [(3, 3.1), (5, 2.0), (10, 1.33), (20, 0.91)])
def test_the_smallest_difference_of_so_many_seeds_is_so_many_deviations(seeds, deviations):
    assert detectable_difference(seeds, 1.0) == pytest.approx(deviations, abs=0.031)
    assert detectable_difference(seeds, 40.0) == pytest.approx(40 * detectable_difference(seeds, 1.0))


def test_the_seeds_needed_are_those_of_published_tables():
    """Cohen 1988, Statistical Power Analysis, table 2.4.1: 26, 64 and 394 for .8, .5 and .2 at 80 %; and R's 17."""
    assert [seeds_needed(d, 1.0) for d in (0.8, 0.5, 0.2)] == [26, 64, 394]
    assert seeds_needed(1.0, 1.0) == 17


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("tasks", [1, 5])
@settings(max_examples=25, deadline=None)
@given(effect=st.floats(0.05, 20), power=st.floats(0.3, 0.99))
def test_the_seeds_needed_reach_the_power_and_one_less_does_not(tasks, paired, effect, power):
    n = seeds_needed(effect, 1.0, power=power, tasks=tasks, paired=paired)
    assert power_of_seeds(n, effect, deviation=1.0, tasks=tasks, paired=paired) >= power
    if n > 2:
        assert power_of_seeds(n - 1, effect, deviation=1.0, tasks=tasks, paired=paired) < power
    assert detectable_difference(n, 1.0, power=power, tasks=tasks, paired=paired) <= effect * (1 + 1e-9)


@pytest.mark.parametrize("seeds", [3, 5, 10, 20])
def test_students_test_finds_the_smallest_difference_as_often_as_it_says(seeds):
    """20,000 studies: .8 within .0113."""
    rng = np.random.default_rng(seeds)
    difference = detectable_difference(seeds, 2.0)
    ours, theirs = rng.normal(difference, 2, (20_000, seeds)), rng.normal(0, 2, (20_000, seeds))
    found = stats.ttest_ind(ours, theirs, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.0113)


def test_welchs_test_has_the_planned_power_with_ten_seeds():
    """1,500 studies: .8 within .041."""
    rng = np.random.default_rng(10)
    difference = detectable_difference(10, 1.0)
    found = [
        welch(candidate=list(rng.normal(difference, 1, 10)), baseline=list(rng.normal(0, 1, 10))).p_value < 0.05
        for _ in range(1500)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.041)


@pytest.mark.parametrize("paired", [False, True])
def test_several_tasks_have_the_power_of_the_pooled_test(paired):
    """20,000 studies of 4 tasks with 3 seeds each: .8 within .0113."""
    tasks, seeds, studies = 4, 3, 20_000
    rng = np.random.default_rng(4)
    difference = detectable_difference(seeds, 1.0, tasks=tasks, paired=paired)
    arms = 1 if paired else 2
    scores = rng.normal(0, 1, (studies, arms, tasks, seeds))
    scores[:, 0] += difference
    mean = scores.mean(axis=(2, 3)) @ ([1] if paired else [1, -1])
    df = arms * tasks * (seeds - 1)
    variance = ((scores - scores.mean(axis=3, keepdims=True)) ** 2).sum(axis=(1, 2, 3)) / df
    t = mean / np.sqrt(variance * arms / (tasks * seeds))
    assert np.mean(np.abs(t) > stats.t.ppf(0.975, df)) == pytest.approx(0.8, abs=0.0113)


def test_what_no_study_can_show_and_what_is_no_question_are_refused():
    with pytest.raises(ImpossibleStudyError, match="over ten million seeds"):
        seeds_needed(1e-9, 1.0)
    for call in (
        lambda: seeds_needed(0.0, 1.0),
        lambda: seeds_needed(1.0, 0.0),
        lambda: seeds_needed(1.0, 1.0, power=0.05),
        lambda: detectable_difference(1, 1.0),
        lambda: detectable_difference(5, 1.0, tasks=0),
        lambda: detectable_difference(5, 1.0, alpha=1.0),
    ):
        with pytest.raises(ValueError, match=r"given|difference of|at least"):
            call()


def test_the_deviation_of_a_pilot_is_pooled_within_samples_and_has_a_limit():
    pilot = pilot_deviation([[1.0, 3.0], [10.0, 11.0, 12.0], [5.0]])
    assert pilot.deviation == pytest.approx(math.sqrt((2 + 2) / 3))
    assert pilot.df == 3
    assert pilot.limit == pytest.approx(pilot.deviation * math.sqrt(3 / stats.chi2.ppf(0.1, 3)))
    assert pilot_deviation([[1.0], [2.0]]) is None
    assert pilot_deviation([[1.0, 1.0], [2.0, 2.0]]) is None
    assert pilot_deviation([]) is None
    with pytest.raises(ValueError, match="not finite"):
        pilot_deviation([[1.0, math.inf]])


def test_a_study_planned_with_the_limit_has_its_power_nine_times_in_ten():
    """2,000 pilots of 2 algorithms with 5 seeds: .9 within .027; with the deviation itself it is under a half."""
    rng = np.random.default_rng(8)
    pilots = [pilot_deviation(rng.normal(0, 1, (2, 5)).tolist()) for _ in range(2000)]
    assert np.mean([p.deviation >= 1 for p in pilots]) < 0.5
    assert np.mean([p.limit >= 1 for p in pilots]) == pytest.approx(0.9, abs=0.027)
