from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import optimize, stats

from rlgauge.stats.paired import mcnemar_exact, paired_difference, tango


def episodes(both: int, only_candidate: int, only_baseline: int, neither: int) -> dict[str, list[bool]]:
    counts = (both, only_candidate, only_baseline, neither)
    outcomes = [(True, True), (True, False), (False, True), (False, False)]
    pairs = [outcome for outcome, count in zip(outcomes, counts, strict=True) for _ in range(count)]
    return {"candidate": [pair[0] for pair in pairs], "baseline": [pair[1] for pair in pairs]}


def score_by_search(only_candidate: int, only_baseline: int, n: int, difference: float) -> float:
    """Tango's score with the restricted likelihood maximised numerically rather than by his formula."""
    concordant = n - only_candidate - only_baseline

    def loss(q: float) -> float:
        rates = (q + difference, q, 1 - 2 * q - difference)
        counts = (only_candidate, only_baseline, concordant)
        return -sum(count * math.log(max(rate, 1e-300)) for count, rate in zip(counts, rates, strict=True) if count)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    q = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (only_candidate - only_baseline - n * difference) / math.sqrt(n * (2 * q + difference - difference**2))


def coverage(rates: tuple[float, ...], n: int) -> tuple[float, float]:
    """How often Tango's interval and the textbook's hold the true difference, in 20,000 experiments of n episodes."""
    tables = np.random.default_rng(5).multinomial(n, rates, 20_000)[:, 1:3].tolist()
    truth = rates[1] - rates[2]
    intervals = {(b, c): tango(b, c, n) for b, c in {tuple(table) for table in tables}}
    held = [intervals[b, c][0] <= truth <= intervals[b, c][1] for b, c in tables]
    half = [1.96 * math.sqrt(b + c - (b - c) ** 2 / n) / n for b, c in tables]
    textbook = [abs((b - c) / n - truth) <= width for (b, c), width in zip(tables, half, strict=True)]
    return float(np.mean(held)), float(np.mean(textbook))


def test_the_counts_are_those_of_the_episodes():
    result = mcnemar_exact(**episodes(5, 4, 3, 2), missing=1)
    assert (result.both, result.only_candidate, result.only_baseline, result.neither, result.n) == (5, 4, 3, 2, 14)
    assert (result.difference.n, result.difference.missing, result.difference.method) == (14, 1, "Tango")


def test_a_better_candidate_has_a_positive_difference():
    result = mcnemar_exact(**episodes(0, 9, 1, 0))
    assert result.difference.point == pytest.approx(0.8)
    assert result.difference.low > 0
    assert result.p_value < 0.05


def test_candidate_and_baseline_exchanged_change_the_sign_alone():
    one, other = mcnemar_exact(**episodes(3, 7, 2, 9)), mcnemar_exact(**episodes(3, 2, 7, 9))
    assert one.p_value == other.p_value
    assert (one.difference.point, one.difference.low, one.difference.high) == pytest.approx(
        (-other.difference.point, -other.difference.high, -other.difference.low), abs=1e-12
    )


@pytest.mark.parametrize(("heads", "tails"), [(0, 0), (1, 0), (1, 1), (0, 6), (3, 12), (50, 50), (400, 480), (0, 2000)])
def test_the_p_value_is_that_of_a_fair_coin(heads, tails):
    result = mcnemar_exact(**episodes(4, heads, tails, 4))
    expected = stats.binomtest(heads, heads + tails).pvalue if heads + tails else 1.0
    assert result.p_value == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_the_p_value_ignores_the_episodes_that_both_or_neither_solved():
    assert mcnemar_exact(**episodes(0, 8, 1, 0)).p_value == mcnemar_exact(**episodes(90, 8, 1, 70)).p_value


def test_tangos_interval_is_that_of_a_published_example():
    # Fagerland, Lydersen and Laake 2014, doi:10.1002/sim.6148: counts 1, 1, 7, 12, interval -0.517 to -0.026.
    difference = mcnemar_exact(**episodes(1, 1, 7, 12)).difference
    assert (difference.point, difference.low, difference.high) == pytest.approx((-0.286, -0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("b", "c", "n"), [(1, 7, 21), (7, 1, 21), (3, 3, 10), (12, 0, 40), (0, 1, 5), (20, 30, 200)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_at_tangos_ends_the_score_is_the_normals_quantile(b, c, n, confidence):
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    low, high = tango(b, c, n, confidence=confidence)
    assert score_by_search(b, c, n, low) == pytest.approx(z, abs=1e-4)
    assert score_by_search(b, c, n, high) == pytest.approx(-z, abs=1e-4)


def test_tangos_interval_of_no_discordance_and_of_nothing_else_has_a_width():
    z2 = NormalDist().inv_cdf(0.975) ** 2
    assert tango(0, 0, 10) == pytest.approx((-z2 / (10 + z2), z2 / (10 + z2)))
    assert tango(10, 0, 10) == (pytest.approx((10 - z2) / (10 + z2)), 1.0)
    assert tango(0, 10, 10) == (-1.0, pytest.approx((z2 - 10) / (10 + z2)))


def test_every_small_table_gives_an_ordered_interval():
    for n in (1, 2, 5, 9):
        for b, c in itertools.product(range(n + 1), repeat=2):
            if b + c <= n:
                low, high = tango(b, c, n)
                assert -1 <= low <= (b - c) / n <= high <= 1
                assert low < high


@pytest.mark.parametrize("rates", [(0.45, 0.10, 0.05, 0.40), (0.10, 0.50, 0.10, 0.30), (0.70, 0.10, 0.10, 0.10)])
def test_tangos_interval_covers_the_true_difference_as_often_as_it_says(rates):
    assert coverage(rates, 200)[0] == pytest.approx(0.95, abs=0.01)


def test_tangos_interval_errs_to_the_safe_side_in_few_episodes_where_the_textbook_interval_does_not():
    tangos, textbooks = coverage((0.90, 0.08, 0.01, 0.01), 25)
    assert tangos > 0.95
    assert textbooks < 0.90


def test_mcnemar_rejects_equal_policies_at_most_as_often_as_it_says():
    rng = np.random.default_rng(6)
    p_values = {(b, c): mcnemar_exact(**episodes(0, b, c, 0)).p_value for b in range(41) for c in range(41) if b + c}
    splits = rng.multinomial(40, (0.3, 0.2, 0.2, 0.3), 20_000)[:, 1:3].tolist()
    rejected = np.mean([b + c > 0 and p_values[b, c] <= 0.05 for b, c in splits])
    assert 0.01 < rejected <= 0.05


def test_numpy_booleans_are_successes():
    result = mcnemar_exact(candidate=np.array([True, True, False]), baseline=np.array([False, True, False]))
    assert (result.both, result.only_candidate, result.only_baseline, result.neither) == (1, 1, 0, 1)


@pytest.mark.parametrize("value", [None, 0.5, "yes", math.nan])
def test_what_is_neither_true_nor_false_is_refused(value):
    with pytest.raises(ValueError, match="True or False"):
        mcnemar_exact(candidate=[True, value], baseline=[True, False])


@pytest.mark.parametrize("compare", [mcnemar_exact, paired_difference])
def test_pairs_that_cannot_be_paired_are_refused(compare):
    with pytest.raises(ValueError, match="2 values of the candidate can't be paired with 1"):
        compare(candidate=[True, False], baseline=[True])
    with pytest.raises(ValueError, match="no pairs"):
        compare(candidate=[], baseline=[])


@pytest.mark.parametrize("n", [2, 6, 100])
def test_the_paired_interval_agrees_with_scipy(n):
    rng = np.random.default_rng(n)
    baseline = rng.normal(100, 50, n)
    candidate = baseline + rng.normal(3, 5, n)
    summary = paired_difference(candidate=candidate.tolist(), baseline=baseline.tolist(), confidence=0.9)
    scipys = stats.ttest_rel(candidate, baseline).confidence_interval(0.9)
    assert (summary.low, summary.high) == pytest.approx((scipys.low, scipys.high), rel=1e-10)
    assert summary.point == pytest.approx(float(np.mean(candidate - baseline)))
    assert (summary.n, summary.confidence, summary.method) == (n, 0.9, "paired Student t")


def test_pairing_removes_what_the_episodes_have_in_common():
    baseline = [0.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0]
    candidate = [value + shift for value, shift in zip(baseline, [9, 10, 11, 9, 10, 11], strict=True)]
    summary = paired_difference(candidate=candidate, baseline=baseline)
    assert summary.point == pytest.approx(10)
    assert 8 < summary.low < summary.high < 12


def test_few_and_equal_differences_are_warned_of():
    few = paired_difference(candidate=[1.0, 2.0, 4.0], baseline=[0.0, 0.0, 0.0])
    equal = paired_difference(candidate=[500.0] * 9, baseline=[200.0] * 9, missing=1)
    alone = paired_difference(candidate=[3.0], baseline=[1.0])
    assert "Only 3 values" in few.warnings[0]
    assert (equal.low, equal.point, equal.high, equal.missing) == (300.0, 300.0, 300.0, 1)
    assert "equal" in equal.warnings[0]
    assert (alone.point, alone.low, alone.high) == (2.0, None, None)
