from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from rlgauge.stats.exact import barnard, boschloo
from rlgauge.stats.unpaired import compare_rates, miettinen_nurminen, welch


def score_by_search(candidate, baseline, difference):
    """The score of equation 8 with the likeliest rates searched for instead of solved for."""
    (x, n), (y, m) = candidate, baseline

    def unlikelihood(q):
        p = q + difference
        return -(stats.binom.logpmf(x, n, p) + stats.binom.logpmf(y, m, q))

    bounds = (max(0.0, -difference), min(1.0, 1 - difference))
    q = optimize.minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    p = q + difference
    variance = (p * (1 - p) / n + q * (1 - q) / m) * (n + m) / (n + m - 1)
    return (x / n - y / m - difference) / math.sqrt(variance)


@pytest.mark.parametrize(
    ("candidate", "baseline", "expected"),
    [
        ((56, 70), (48, 80), (0.0528, 0.3382)),
        ((9, 10), (3, 10), (0.1700, 0.8406)),
        ((5, 56), (0, 29), (-0.0326, 0.1933)),
        ((10, 10), (0, 20), (0.7156, 1.0)),
    ],
)
def test_the_interval_of_a_difference_of_rates_is_as_published(candidate, baseline, expected):
    """Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, table II, method 6."""
    assert miettinen_nurminen(candidate=candidate, baseline=baseline) == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize(("candidate", "baseline"), [((7, 12), (8, 33)), ((40, 50), (25, 50)), ((3, 30), (9, 25))])
def test_the_ends_of_the_interval_are_where_the_score_is_just_significant(candidate, baseline):
    z = stats.norm.ppf(0.95)
    low, high = miettinen_nurminen(candidate=candidate, baseline=baseline, confidence=0.9)
    assert score_by_search(candidate, baseline, low) == pytest.approx(z, abs=1e-4)
    assert score_by_search(candidate, baseline, high) == pytest.approx(-z, abs=1e-4)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_interval_of_a_difference_has_a_width_holds_the_point_and_is_mirrored(n, m, data):
    candidate, baseline = (data.draw(st.integers(0, n)), n), (data.draw(st.integers(0, m)), m)
    low, high = miettinen_nurminen(candidate=candidate, baseline=baseline)
    assert -1 <= low < high <= 1
    assert low <= candidate[0] / n - baseline[0] / m <= high
    swapped = miettinen_nurminen(candidate=baseline, baseline=candidate)
    assert (low, high) == pytest.approx((-swapped[1], -swapped[0]), abs=1e-9)


@pytest.mark.parametrize(("p", "q"), [(0.5, 0.5), (0.8, 0.5), (0.95, 0.9), (0.99, 0.99)])
def test_the_interval_of_a_difference_covers_nearly_as_often_as_it_says(p, q):
    """By enumeration of all outcomes of 30 against 20 episodes."""
    n, m = 30, 20
    covered = 0.0
    for x in range(n + 1):
        for y in range(m + 1):
            low, high = miettinen_nurminen(candidate=(x, n), baseline=(y, m))
            if low <= p - q <= high:
                covered += stats.binom.pmf(x, n, p) * stats.binom.pmf(y, m, q)
    assert covered > 0.93


def test_rates_are_compared_candidate_minus_baseline():
    ours, theirs = (28, 40), (15, 40)
    found = compare_rates(candidate=ours, baseline=theirs, missing=3)
    assert found.difference.point == pytest.approx(13 / 40)
    assert found.difference.low > 0
    assert (found.difference.n, found.difference.missing, found.difference.method) == (80, 3, "Miettinen-Nurminen")
    assert (found.test, found.p_value) == ("boschloo", boschloo(candidate=ours, baseline=theirs))
    other = compare_rates(candidate=ours, baseline=theirs, test="barnard")
    assert (other.test, other.p_value) == ("barnard", barnard(candidate=ours, baseline=theirs))
    assert compare_rates(candidate=theirs, baseline=ours).difference.high < 0


def test_too_many_episodes_for_an_exact_test_are_compared_by_the_score_test():
    found = compare_rates(candidate=(5100, 10_000), baseline=(5000, 10_000))
    pooled = 0.505
    z = 0.01 / math.sqrt(pooled * (1 - pooled) * 2 / 10_000)
    assert (found.test, found.p_value) == ("score", pytest.approx(2 * stats.norm.sf(z)))


@pytest.mark.parametrize(("candidate", "test"), [((1, 0), "boschloo"), ((3, 2), "boschloo"), ((1, 2), "fisher")])
def test_rates_that_cannot_be_compared_are_refused(candidate, test):
    with pytest.raises(ValueError, match=r"successes in n|Unknown test"):
        compare_rates(candidate=candidate, baseline=(1, 2), test=test)


def test_welchs_interval_and_p_value_agree_with_scipy():
    rng = np.random.default_rng(5)
    for n, m in [(2, 2), (3, 7), (20, 5), (100, 400)]:
        ours, theirs = rng.normal(1, 3, n), rng.normal(0, 1, m)
        found = welch(candidate=list(ours), baseline=list(theirs), confidence=0.9)
        scipys = stats.ttest_ind(ours, theirs, equal_var=False)
        ends = scipys.confidence_interval(0.9)
        assert found.p_value == pytest.approx(scipys.pvalue, rel=1e-9)
        assert (found.difference.low, found.difference.high) == pytest.approx((ends.low, ends.high), rel=1e-9)
        assert (found.difference.n, found.difference.method) == (n + m, "Welch t")


def test_welch_takes_one_sample_without_deviation():
    found = welch(candidate=[1.0, 2.0, 3.0], baseline=[5.0, 5.0])
    assert found.p_value == pytest.approx(2 * stats.t.sf(3 / math.sqrt(1 / 3), 2))


@pytest.mark.parametrize(
    ("candidate", "baseline", "warning"),
    [([1.0], [1.0, 2.0], "fewer than two"), ([1.0, 2.0], [3.0], "fewer than two"), ([1, 1], [2, 2], "All values")],
)
def test_welch_gives_no_interval_where_there_is_no_deviation(candidate, baseline, warning):
    found = welch(candidate=candidate, baseline=baseline)
    assert (found.difference.low, found.difference.high, found.p_value) == (None, None, None)
    assert warning in found.difference.warnings[0]


@pytest.mark.parametrize("candidate", [[], [1.0, math.nan]])
def test_welch_refuses_what_is_no_sample(candidate):
    with pytest.raises(ValueError, match=r"no values|not finite"):
        welch(candidate=candidate, baseline=[1.0, 2.0])


@pytest.mark.parametrize("size", [1e99, 1e-99])
def test_welch_does_not_depend_on_how_large_the_values_are(size):
    ours, theirs = [1.0, 1.2, 1.7], [2.0, 2.1, 2.6, 2.4]
    expected = welch(candidate=ours, baseline=theirs)
    found = welch(candidate=[size * value for value in ours], baseline=[size * value for value in theirs])
    assert found.p_value == pytest.approx(expected.p_value)
    assert found.difference.low / size == pytest.approx(expected.difference.low)
