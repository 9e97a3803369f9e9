from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from rlgauge.stats.confidence_sequence import STAKES_K, ConfidenceSequence, Wealth

ALPHA = 0.05


def sequences(values: list[float], length: int) -> np.ndarray:
    """All sequences of the values, one a column."""
    return np.array(list(itertools.product(values, repeat=length))).T


def probabilities(chances: list[float], length: int) -> np.ndarray:
    return np.array([math.prod(found) for found in itertools.product(chances, repeat=length)])


def final(values_NS: np.ndarray, mean: float) -> tuple[np.ndarray, np.ndarray]:
    wealth = Wealth(np.full(values_NS.shape[1], mean))
    for values_S in values_NS:
        wealth.bet(values_S)
    return wealth.above, wealth.below


@pytest.mark.parametrize("mean", [0.1, 0.5, 0.83])
def test_wealth_stays_1_on_average_over_all_sequences_where_the_mean_is_right(mean):
    above, below = final(sequences([0.0, 1.0], 10), mean)
    weights = probabilities([1 - mean, mean], 10)
    assert weights @ above == pytest.approx(1, abs=1e-12)
    assert weights @ below == pytest.approx(1, abs=1e-12)


def test_wealth_stays_1_on_average_for_values_between_the_bounds_too():
    values, chances = [0.0, 0.25, 0.5, 1.0], [0.3, 0.2, 0.3, 0.2]
    above, below = final(sequences(values, 5), sum(map(math.prod, zip(values, chances, strict=True))))
    weights = probabilities(chances, 5)
    assert (weights @ above, weights @ below) == pytest.approx((1, 1), abs=1e-12)


@pytest.mark.parametrize("rate", [0.2, 0.49])
def test_wealth_shrinks_on_average_where_it_bets_the_wrong_way(rate):
    above, below = final(sequences([0.0, 1.0], 10), 0.5)
    weights = probabilities([1 - rate, rate], 10)
    assert weights @ above < 1 < weights @ below


def test_tasks_with_different_means_leave_it_at_most_1_where_the_mean_of_their_means_is_right():
    """After every index, in which each task has given one value; between tasks of an index it may be more."""
    rates, length = [0.9, 0.3], 5
    both = sequences([0.0, 1.0], 2 * length)
    chances = np.array([rates[task] for _ in range(length) for task in (0, 1)])[:, None]
    weights = np.where(both == 1, chances, 1 - chances).prod(axis=0)
    for num in range(1, 2 * length + 1):
        above, below = final(both[:num], 0.6)
        assert num != 1 or weights @ above > 1
        assert num % 2 == 1 or max(weights @ above, weights @ below) <= 1


def test_wealth_is_the_mean_over_stakes_of_products():
    values = [0.2, 1.0, 0.0, 0.7]
    wealth = Wealth(np.array([0.4]))
    for value in values:
        wealth.bet(value)
    above = [math.prod(1 + k * (value - 0.4) / 0.4 for value in values) for k in STAKES_K]
    below = [math.prod(1 + k * (0.4 - value) / 0.6 for value in values) for k in STAKES_K]
    assert wealth.above[0] == pytest.approx(np.mean(above), rel=1e-12)
    assert wealth.below[0] == pytest.approx(np.mean(below), rel=1e-12)


def filled(values, **options) -> ConfidenceSequence:
    sequence = ConfidenceSequence(**options)
    for value in values:
        sequence.add(float(value))
    return sequence


@pytest.mark.parametrize("value", [1.0, 0.8])
def test_an_end_is_where_the_wealth_against_it_reaches_two_over_alpha(value):
    """After a large value the lower end is tightest, after a small one the upper end."""
    values = np.array([0.0, 0.1, value] * 27)
    low, high = filled(values).summary().low, filled(1 - values).summary().high
    assert float(final(values[:, None], low)[0][0]) == pytest.approx(2 / ALPHA, rel=1e-6)
    assert float(final(1 - values[:, None], high)[1][0]) == pytest.approx(2 / ALPHA, rel=1e-6)


def test_only_successes_have_the_interval_of_the_closed_form():
    """Every stake wins: the mean over stakes of (1 - k + k / m)^n is 2 / alpha at the lower end."""
    found = filled([1] * 30).summary()
    assert (found.point, found.high) == (1, 1)
    assert np.mean((1 - STAKES_K + STAKES_K / found.low) ** 30) == pytest.approx(2 / ALPHA, rel=1e-6)


def test_the_interval_is_mirrored_with_the_values():
    values = np.random.default_rng(1).random(60) ** 2
    found, mirrored = filled(values).summary(), filled(1 - values).summary()
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)


def test_the_interval_moves_with_the_bounds():
    values = np.random.default_rng(2).random(60)
    found, scaled = filled(values).summary(), filled(500 * values - 200, low=-200, high=300).summary()
    expected = (500 * found.point - 200, 500 * found.low - 200, 500 * found.high - 200)
    assert (scaled.point, scaled.low, scaled.high) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.3), (0.1, 0.7), (-7.3, 5.9)])
def test_values_at_a_bound_are_no_drift(low, high):
    for value in (low, high):
        assert filled([value] * 50, low=low, high=high).summary().warnings == ()


def test_the_interval_only_ever_narrows_by_more_than_the_grid():
    sequence, low, high = ConfidenceSequence(), 0.0, 1.0
    for value in np.random.default_rng(3).random(150) < 0.7:
        sequence.add(float(value))
        found = sequence.summary()
        assert low - 1e-3 <= found.low <= found.point <= found.high <= high + 1e-3
        low, high = max(low, found.low), min(high, found.high)


@pytest.mark.parametrize("mean", [0.05, 0.3, 0.5])
def test_the_true_rate_is_never_left_out_but_in_alpha_of_the_studies(mean):
    """2,000 studies of 500 looks; seen 1.5 to 3.5 %, and 5 % is allowed."""
    values_NS = (np.random.default_rng(4).random((500, 2000)) < mean).astype(float)
    wealth, outside_S = Wealth(np.full(2000, mean)), np.zeros(2000, bool)
    for values_S in values_NS:
        wealth.bet(values_S)
        outside_S |= np.maximum(wealth.above, wealth.below) >= 2 / ALPHA
    assert 0 < outside_S.mean() <= ALPHA


def test_the_intervals_themselves_hold_at_all_times_together():
    """60 studies of 60 values between the bounds, at alpha .2: 12 misses and three deviations are 21; 5 were seen."""
    rng, misses = np.random.default_rng(5), 0
    for _ in range(60):
        sequence, is_out = ConfidenceSequence(alpha=0.2), False
        for value in rng.beta(0.5, 1.5, 60):
            sequence.add(value)
            found = sequence.summary()
            is_out |= not found.low <= 0.25 <= found.high
        misses += is_out
    assert 0 < misses <= 21


def test_narrow_enough_is_when_the_interval_says_so():
    sequence = ConfidenceSequence()
    for value in np.random.default_rng(6).random(400) < 0.1:
        sequence.add(float(value))
        found = sequence.summary()
        for width in (0.12, found.high - found.low + 1e-9, found.high - found.low - 1e-9):
            assert sequence.is_within(width) is (found.high - found.low <= width)
    assert sequence.is_within(0.12)


def test_a_width_far_below_the_grid_is_reached():
    sequence = filled([0.5, 0.5000001] * 40, low=0.0, high=1000.0, alpha=0.5)
    assert not sequence.is_within(0.5)
    low, high = 0.4999, 0.5002
    narrow = filled([0.5, 0.5000001] * 3000, low=low, high=high, alpha=0.5)
    assert narrow.is_within((high - low) / 900)


def test_an_unknown_value_allows_for_any():
    values = list(np.random.default_rng(7).random(60))
    known = [filled([*values[:30], fill, *values[30:]]).summary() for fill in (0.0, 0.5, 1.0)]
    sequence = filled(values[:30])
    sequence.add(None)
    for value in values[30:]:
        sequence.add(value)
    found = sequence.summary()
    assert all(found.low <= other.low and other.high <= found.high for other in known)
    assert (found.n, found.missing) == (60, 1)
    assert found.warnings == ("1 of 61 values are not known: the interval allows for any.",)


def test_without_a_known_value_there_is_no_summary():
    sequence = ConfidenceSequence()
    sequence.add(None)
    with pytest.raises(ValueError, match="the mean of no values"):
        sequence.summary()


def test_a_mean_that_drifts_out_of_the_interval_is_said():
    found = filled([0] * 300 + [1] * 3000).summary()
    assert found.low <= found.point <= found.high
    assert "do not come from one distribution" in found.warnings[0]
    assert filled([0] * 300).summary().warnings == ()


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (0, math.inf), (math.nan, 1)])
def test_bounds_that_are_none_are_refused(low, high):
    with pytest.raises(ValueError, match="no value lies between"):
        ConfidenceSequence(low=low, high=high)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_a_value_beyond_the_bounds_is_refused(value):
    with pytest.raises(ValueError, match="does not lie between the bounds"):
        ConfidenceSequence().add(value)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, math.nan])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha lies between 0 and 1"):
        ConfidenceSequence(alpha=alpha)
