from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from rlgauge.compare.effect import of_differences, of_samples, sample
from rlgauge.stats.unpaired import welch


def drawn(seed: int, n: int, *, mean: float = 0.0, deviation: float = 1.0) -> list[float]:
    return list(np.random.default_rng(seed).normal(mean, deviation, n))


def effect(ours: list[float], theirs: list[float], confidence: float = 0.95):
    return of_samples(candidate=sample(ours), baseline=sample(theirs), confidence=confidence, noun="run")


@pytest.mark.parametrize(("n", "m"), [(2, 2), (5, 5), (3, 9)])
def test_it_is_welchs_test_one_sided_either_way(n, m):
    ours, theirs = drawn(1, n, mean=1), drawn(2, m, deviation=3)
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
