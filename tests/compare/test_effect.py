from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from rlgauge.compare.checkpoint import _sample_of
from rlgauge.compare.effect import of_differences, of_samples, sample
from rlgauge.core.run import Total
from rlgauge.stats.normalise import Reference
from rlgauge.stats.unpaired import welch


def drawn(seed: int, n: int, *, mean: float = 0.0, deviation: float = 1.0) -> list[float]:
    return list(np.random.default_rng(seed).normal(mean, deviation, n))


def effect(ours: list[float], theirs: list[float], confidence: float = 0.95):
    return of_samples(candidate=sample(ours), baseline=sample(theirs), confidence=confidence, noun="run")


@pytest.mark.parametrize(("n", "m", "deviation"), [(2, 2, 3), (5, 5, 3), (3, 9, 0.2)])
def test_it_is_welchs_test_one_sided_either_way(n, m, deviation):
    ours, theirs = drawn(1, n, mean=1), drawn(2, m, deviation=deviation)
    found = effect(ours, theirs)
    for alternative, p in (("less", found.p_below), ("greater", found.p_above)):
        assert p == pytest.approx(stats.ttest_ind(ours, theirs, equal_var=False, alternative=alternative).pvalue)
    limits = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx(tuple(limits))


def test_it_agrees_with_the_two_sided_one_that_reports_use():
    ours, theirs = drawn(1, 6, mean=1), drawn(2, 4)
    found, other = effect(ours, theirs), welch(candidate=ours, baseline=theirs, confidence=0.90)
    assert 2 * min(found.p_below, found.p_above) == pytest.approx(other.p_value)
    assert (found.low, found.high) == pytest.approx((other.difference.low, other.difference.high))


def test_of_sides_of_unequal_numbers_no_p_value_is_smaller_than_students():
    """Where the few deviate less, by chance: Welch's test alone has a p-value of 0.004 and the degrees of many."""
    ours, theirs = drawn(2, 12, deviation=3), [4.0, 4.1]
    found = effect(ours, theirs)
    assert found.p_below == pytest.approx(stats.ttest_ind(ours, theirs, alternative="less").pvalue)
    assert found.p_below > 2 * stats.ttest_ind(ours, theirs, equal_var=False, alternative="less").pvalue
    assert (found.low, found.high) == pytest.approx(tuple(stats.ttest_ind(ours, theirs).confidence_interval(0.90)))


def test_a_side_that_does_not_deviate_is_tested_with_the_deviation_of_both():
    ours, theirs = drawn(2, 12, deviation=3), [4.0, 4.0, 4.0]
    expected = stats.ttest_ind_from_stats(np.mean(ours), np.std(ours, ddof=1), 12, 4.0, 0.0, 3, alternative="less")
    assert effect(ours, theirs).p_below == pytest.approx(expected.pvalue)


def test_no_p_value_is_smaller_than_by_the_deviation_that_values_have_by_chance():
    """The values agree better than their episodes allow."""
    candidate, baseline = ([0.79, 0.80, 0.81], [0.89, 0.90, 0.91])
    ours, theirs = (sample(values, within=0.01) for values in (candidate, baseline))
    found = of_samples(candidate=ours, baseline=theirs, confidence=0.95, noun="run")
    error = math.sqrt(0.02 / 3)
    assert found.p_below == pytest.approx(stats.norm.cdf(-0.1 / error))
    assert (found.low, found.high) == pytest.approx(
        (-0.1 - stats.norm.ppf(0.95) * error, -0.1 + stats.norm.ppf(0.95) * error)
    )


def test_equal_values_with_a_known_chance_deviation_have_an_interval_and_no_smaller_p_than_all_ways_to_divide_them():
    ours, theirs = (sample([rate] * 2, within=0.01) for rate in (0.2, 0.9))
    found = of_samples(candidate=ours, baseline=theirs, confidence=0.95, noun="run")
    assert found.p_below == pytest.approx(1 / 6)
    assert found.high == pytest.approx(-0.7 + stats.norm.ppf(0.95) * 0.1)
    same = of_samples(candidate=ours, baseline=ours, confidence=0.95, noun="run")
    assert (same.p_below, same.p_above) == pytest.approx((0.5, 0.5))


def test_numbers_whose_squares_are_too_large_or_too_small_are_tested():
    ours, theirs = drawn(1, 5, mean=1), drawn(2, 5)
    expected = effect(ours, theirs)
    for size in (1e99, 1e-100):
        found = effect([size * value for value in ours], [size * value for value in theirs])
        assert found.p_above == pytest.approx(expected.p_above)
        assert found.low / size == pytest.approx(expected.low)
    smallest = effect([1e-300, 2e-300], [1e-300, 3e-300])
    assert smallest.method == "Welch"


def test_a_deviation_far_smaller_than_the_values_is_one():
    ours = [1e9 + value for value in (0.0, 0.1, 0.2)]
    assert sample(ours).variance == pytest.approx(0.01, rel=1e-4)
    assert sample([math.log(value) for value in ours]).variance > 0


def test_differences_of_large_numbers_that_are_equal_but_for_rounding_are_equal():
    differences = [100_000.1 - 100_000.0, 1_000.1 - 1_000.0, 0.1]
    assert of_differences(differences, confidence=0.95, noun="episode").low is not None
    assert of_differences(differences, confidence=0.95, noun="episode", size=100_000.1).low is None


def test_differences_of_pairs_are_students_test():
    differences = drawn(3, 8, mean=0.5)
    found = of_differences(differences, confidence=0.95, noun="episode")
    assert found.p_above == pytest.approx(stats.ttest_1samp(differences, 0, alternative="greater").pvalue)
    limits = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx(tuple(limits))


def test_without_deviation_the_p_value_is_that_of_all_ways_to_divide_the_runs():
    found = effect([1.0, 1.0, 1.0], [2.0, 2.0])
    values = [1.0, 1.0, 1.0, 2.0, 2.0]
    observed = -1.0
    ways = list(itertools.combinations(range(5), 3))
    lower = 0
    for way in ways:
        rest = [values[i] for i in range(5) if i not in way]
        lower += np.mean([values[i] for i in way]) - np.mean(rest) <= observed
    assert found.p_below == pytest.approx(lower / len(ways))
    assert (found.p_above, found.low) == (1.0, None)
    assert found.warnings


def test_equal_differences_are_a_sign_test_and_no_difference_is_none():
    assert of_differences([1.0] * 6, confidence=0.95, noun="episode").p_above == pytest.approx(1 / 64)
    same = of_differences([0.0] * 6, confidence=0.95, noun="episode")
    assert (same.p_below, same.p_above, same.low) == (1.0, 1.0, None)


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [2.0]), ([1.0, 2.0], [2.0])])
def test_one_value_is_not_tested(ours, theirs):
    found = effect(ours, theirs)
    assert (found.p_below, found.p_above, found.low, found.high) == (None, None, None, None)
    assert found.warnings


def test_equal_values_have_no_variance_to_the_last_digit():
    assert sample([0.1] * 7).variance == 0.0


def test_equal_episodes_deviate_by_nothing_and_a_mean_alone_tells_no_deviation():
    ends = Reference(0.0, 1.0)
    assert _sample_of(Total(n=100, mean=500.0, squares=0.0, median=500.0), ends).variance == 0.0
    assert _sample_of(Total(n=100, mean=500.0), ends).variance is None
    assert _sample_of(Total(n=1, mean=500.0, median=500.0), ends).variance is None
