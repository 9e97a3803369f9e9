from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from rlgauge.stats.exact import barnard, boschloo, fisher_table, region_of_fisher, size

TABLES = [
    ((7, 12), (8, 33)),
    ((1, 9), (7, 11)),
    ((0, 5), (4, 6)),
    ((15, 30), (21, 30)),
    ((3, 3), (0, 4)),
    ((12, 40), (20, 37)),
    ((1, 2), (1, 2)),
]
ALTERNATIVES = ["two-sided", "greater", "less"]
FINE = np.sin(np.linspace(0, np.pi / 2, 4001)) ** 2


def scipys(candidate, baseline):
    (a, n), (b, m) = candidate, baseline
    return [[a, b], [n - a, m - b]]


def binomials(n):
    return stats.binom.pmf(np.arange(n + 1), n, FINE[:, None])


def largest(mask):
    n, m = (side - 1 for side in mask.shape)
    return np.einsum("gc,cb,gb->g", binomials(n), mask.astype(float), binomials(m)).max()


def barnard_by_brute_force(candidate, baseline, alternative):
    """In fractions, so that ties are ties, on a fine grid of the common rate."""
    (a, n), (b, m) = candidate, baseline

    def signed_square(x, y):
        pooled = Fraction(x + y, n + m)
        difference = Fraction(x, n) - Fraction(y, m)
        if pooled in (0, 1):
            return Fraction(0)
        return difference * abs(difference) / (pooled * (1 - pooled))

    sign = -1 if alternative == "less" else 1
    of = abs if alternative == "two-sided" else lambda value: sign * value
    seen = of(signed_square(a, b))
    return largest(np.array([[of(signed_square(x, y)) >= seen for y in range(m + 1)] for x in range(n + 1)]))


def boschloo_by_brute_force(candidate, baseline):
    """One-sided, for the candidate, in fractions."""
    (a, n), (b, m) = candidate, baseline

    def fisher(x, y):
        ways = [Fraction(choose(n, k) * choose(m, x + y - k)) for k in range(max(0, x + y - m), min(n, x + y) + 1)]
        return sum(ways[x - max(0, x + y - m) :]) / sum(ways)

    return largest(np.array([[fisher(x, y) <= fisher(a, b) for y in range(m + 1)] for x in range(n + 1)]))


def choose(n, k):
    return round(stats.binom.pmf(0, 0, 0.5)) * int(np.prod([Fraction(n - i, i + 1) for i in range(k)], initial=1))


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("candidate", "baseline"), TABLES)
def test_boschloos_test_agrees_with_scipy(candidate, baseline, alternative):
    ours = boschloo(candidate=candidate, baseline=baseline, alternative=alternative)
    theirs = stats.boschloo_exact(scipys(candidate, baseline), alternative=alternative).pvalue
    assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("alternative", ["greater", "less"])
@pytest.mark.parametrize(("candidate", "baseline"), TABLES[:-1])
def test_barnards_test_agrees_with_scipy(candidate, baseline, alternative):
    ours = barnard(candidate=candidate, baseline=baseline, alternative=alternative)
    theirs = stats.barnard_exact(scipys(candidate, baseline), alternative=alternative).pvalue
    assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(("candidate", "baseline"), TABLES)
def test_barnards_two_sided_test_finds_the_largest_probability_where_scipy_may_stop_at_a_smaller_one(
    candidate, baseline
):
    ours = barnard(candidate=candidate, baseline=baseline)
    assert ours == pytest.approx(barnard_by_brute_force(candidate, baseline, "two-sided"), rel=1e-6)
    assert ours > stats.barnard_exact(scipys(candidate, baseline)).pvalue * (1 - 1e-9)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("candidate", "baseline"), [((15, 33), (11, 14)), ((8, 18), (20, 25)), ((6, 9), (1, 4))])
def test_barnards_test_counts_ties_in_fractions_where_scipy_loses_some(candidate, baseline, alternative):
    ours = barnard(candidate=candidate, baseline=baseline, alternative=alternative)
    assert ours == pytest.approx(barnard_by_brute_force(candidate, baseline, alternative), rel=1e-6)


@pytest.mark.parametrize(("candidate", "baseline"), [((8, 12), (3, 12)), ((5, 5), (4, 10)), ((9, 15), (3, 9))])
def test_boschloos_test_agrees_with_brute_force_in_fractions(candidate, baseline):
    ours = boschloo(candidate=candidate, baseline=baseline, alternative="greater")
    assert ours == pytest.approx(boschloo_by_brute_force(candidate, baseline), rel=1e-6)


def test_fishers_p_values_are_those_of_scipy():
    table = fisher_table(6, 9)
    for x in range(7):
        for y in range(10):
            expected = stats.fisher_exact([[x, y], [6 - x, 9 - y]], alternative="greater").pvalue
            assert table[x, y] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("test", [boschloo, barnard])
def test_swapping_the_two_swaps_the_alternatives(test):
    ours, theirs = (9, 20), (15, 22)
    assert test(candidate=ours, baseline=theirs) == pytest.approx(test(candidate=theirs, baseline=ours))
    assert test(candidate=ours, baseline=theirs, alternative="less") < 0.11
    assert test(candidate=ours, baseline=theirs, alternative="greater") > 0.9
    assert test(candidate=ours, baseline=theirs, alternative="less") == pytest.approx(
        test(candidate=theirs, baseline=ours, alternative="greater")
    )


@pytest.mark.parametrize("test", [boschloo, barnard])
def test_equal_counts_show_nothing(test):
    for successes in (0, 5, 10):
        assert test(candidate=(successes, 10), baseline=(successes, 10)) > 0.9


@pytest.mark.parametrize("test", [boschloo, barnard])
def test_false_alarms_stay_below_alpha_whatever_the_rate(test):
    """Exactly, over all outcomes of 8 against 11 episodes."""
    n, m = 8, 11
    p = np.array([[test(candidate=(x, n), baseline=(y, m)) for y in range(m + 1)] for x in range(n + 1)])
    for alpha in (0.01, 0.05, 0.2):
        assert largest(p <= alpha) <= alpha + 1e-9
    assert largest(p <= 0.05) > 0.03


def test_the_largest_probability_is_found_between_the_points_of_a_grid():
    """A hundred thousand points about the top of a curve with several peaks."""
    table = fisher_table(17, 40)
    region = region_of_fisher(table, 0.04)
    rates = np.linspace(0.001, 0.999, 100_001)
    brute = region.probability(rates, rates).max()
    assert brute <= size(region) + 1e-15
    assert size(region) == pytest.approx(brute, rel=1e-8)


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(ValueError, match="6 successes in n = 5"):
        boschloo(candidate=(6, 5), baseline=(1, 5))
    with pytest.raises(ValueError, match="too many"):
        barnard(candidate=(6, 5000), baseline=(1, 5000))
    with pytest.raises(ValueError, match="Unknown alternative 'bigger'"):
        boschloo(candidate=(1, 5), baseline=(1, 5), alternative="bigger")
