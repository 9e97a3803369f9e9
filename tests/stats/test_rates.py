from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.intervals import clopper_pearson, deviation_limit, jeffreys, wilson
from rlgauge.stats.quantiles import beta_cdf, beta_quantile, chi_square_cdf, chi_square_quantile, student_t_quantile
from rlgauge.stats.rates import chance_variance, success_over_seeds

SHAPES = [0.5, 1, 2, 7.5, 50, 1000]
LEVELS = [1e-6, 0.005, 0.025, 0.5, 0.9, 0.975, 0.9995]


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("b", SHAPES)
def test_the_beta_distribution_agrees_with_scipy(a, b):
    for p in LEVELS:
        assert beta_quantile(p, a, b) == pytest.approx(stats.beta.ppf(p, a, b), rel=1e-9)
    for x in [-1, 0, 1e-5, 0.01, 0.3, 0.5, 0.9, 0.999, 1, 2]:
        assert beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("df", [1, 2, 3, 4.5, 10, 99, 1000, 100_000])
def test_the_chi_square_distribution_agrees_with_scipy(df):
    for p in LEVELS:
        x = stats.chi2.ppf(p, df)
        assert chi_square_quantile(p, df) == pytest.approx(x, rel=1e-9)
        assert chi_square_cdf(x, df) == pytest.approx(p, rel=1e-8)
    assert chi_square_cdf(0, df) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: beta_quantile(0, 1, 1),
        lambda: beta_quantile(0.5, 0, 1),
        lambda: beta_cdf(math.nan, 1, 1),
        lambda: beta_cdf(0.5, 1, math.inf),
        lambda: chi_square_quantile(1, 3),
        lambda: chi_square_cdf(1, 0),
    ],
)
def test_distributions_refuse_what_they_have_no_value_for(call):
    with pytest.raises(ValueError, match=r"were given|was given"):
        call()


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("n", [1, 2, 7, 20, 1000])
def test_clopper_pearson_agrees_with_scipy(n, confidence):
    for successes in {0, 1, n // 3, n - 1, n}:
        ours = clopper_pearson(successes, n, confidence=confidence)
        scipys = stats.binomtest(successes, n).proportion_ci(confidence, method="exact")
        assert (ours.low, ours.high) == pytest.approx((scipys.low, scipys.high), abs=1e-10)
        assert ours.point == successes / n


@pytest.mark.parametrize("n", [1, 2, 7, 20, 1000])
def test_jeffreys_ends_are_quantiles_of_its_posterior_and_0_and_1_at_the_extremes(n):
    for successes in {0, 1, n // 3, n - 1, n}:
        ours = jeffreys(successes, n, confidence=0.9)
        low, high = stats.beta.ppf([0.05, 0.95], successes + 0.5, n - successes + 0.5)
        assert ours.low == pytest.approx(low if successes else 0, abs=1e-10)
        assert ours.high == pytest.approx(high if successes < n else 1, abs=1e-10)


@given(n=st.integers(1, 300), data=st.data())
def test_intervals_of_a_rate_are_mirrored_and_the_exact_one_is_the_widest(n, data):
    successes = data.draw(st.integers(0, n))
    for interval in (jeffreys, clopper_pearson):
        ours, mirrored = interval(successes, n), interval(n - successes, n)
        assert (ours.low, ours.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-9)
        assert 0 <= ours.low < ours.high <= 1
    exact, middle = clopper_pearson(successes, n), jeffreys(successes, n)
    assert exact.low <= middle.low
    assert middle.high <= exact.high


@pytest.mark.parametrize(("interval", "name"), [(jeffreys, "Jeffreys"), (clopper_pearson, "Clopper-Pearson")])
def test_intervals_of_a_rate_say_what_they_rest_on_and_refuse_what_cannot_be(interval, name):
    summary = interval(3, 10, confidence=0.9, missing=2)
    assert (summary.n, summary.missing, summary.method, summary.confidence) == (10, 2, name, 0.9)
    for successes, n in [(0, 0), (-1, 5), (6, 5)]:
        with pytest.raises(ValueError, match=f"n = {n}"):
            interval(successes, n)
    with pytest.raises(ValueError, match="confidence"):
        interval(3, 10, confidence=1)


def test_the_exact_interval_always_covers_and_jeffreys_does_on_average():
    """By enumeration of all outcomes: no simulation, no margin."""
    n, rates = 20, np.linspace(0.005, 0.995, 199)
    for interval, least, mean in ((clopper_pearson, 0.95, 0.96), (jeffreys, 0.88, 0.945)):
        ends = [interval(k, n) for k in range(n + 1)]
        covered = [
            sum(stats.binom.pmf(k, n, rate) for k, end in enumerate(ends) if end.low <= rate <= end.high)
            for rate in rates
        ]
        assert min(covered) >= least
        assert np.mean(covered) >= mean


def test_the_limit_of_a_deviation_holds_as_often_as_it_says():
    """4,000 studies: .9 within four binomial standard deviations, .019."""
    rng = np.random.default_rng(3)
    found = rng.normal(0, 2, (4000, 5)).std(axis=1, ddof=1)
    held = np.mean([deviation_limit(deviation, 4) >= 2 for deviation in found])
    assert held == pytest.approx(0.9, abs=0.019)
    assert deviation_limit(1.0, 4, confidence=0.975) == pytest.approx(math.sqrt(4 / stats.chi2.ppf(0.025, 4)))
    for deviation, df, confidence in [(-1, 4, 0.9), (1, 0, 0.9), (1, 4, 1)]:
        with pytest.raises(ValueError, match="no limit follows"):
            deviation_limit(deviation, df, confidence=confidence)


def test_several_seeds_count_as_so_many_and_weigh_the_same():
    summary = success_over_seeds([5, 40, 18], [10, 50, 30], missing=2)
    assert (summary.n, summary.missing, summary.method) == (3, 2, "logit-t over seeds")
    assert summary.point == pytest.approx((0.5 + 0.8 + 0.6) / 3)
    assert "Only 3 seeds" in summary.warnings[0]


def test_the_interval_over_seeds_is_students_on_the_log_odds():
    rates = np.array([0.3, 0.5, 0.7, 0.4, 0.9])
    summary = success_over_seeds([30, 50, 70, 40, 90], [100] * 5)
    mean = rates.mean()
    half = student_t_quantile(0.975, 4) * rates.std(ddof=1) / math.sqrt(5) / (mean * (1 - mean))
    centre = math.log(mean / (1 - mean))
    ends = [1 / (1 + math.exp(-(centre - half))), 1 / (1 + math.exp(-(centre + half)))]
    assert (summary.low, summary.high) == pytest.approx(ends)
    assert summary.warnings == ()


def test_seeds_that_agree_by_chance_leave_an_interval_no_narrower_than_that_of_their_episodes():
    summary = success_over_seeds([10] * 5, [20] * 5)
    half = stats.norm.ppf(0.975) * math.sqrt(0.25 / 100) / 0.25
    assert (summary.low, summary.high) == pytest.approx((1 / (1 + math.exp(half)), 1 / (1 + math.exp(-half))))


@pytest.mark.parametrize("successes", [0, 50])
def test_seeds_that_all_failed_or_all_succeeded_have_the_interval_of_so_many_seeds(successes):
    summary, seeds = success_over_seeds([successes] * 5, [50] * 5), wilson(5 if successes else 0, 5)
    assert (summary.point, summary.low, summary.high) == (seeds.point, seeds.low, seeds.high)
    assert (summary.n, summary.method) == (5, "Wilson over seeds")
    assert "ended alike" in summary.warnings[0]


def test_one_seed_has_the_interval_of_its_checkpoint_and_says_so():
    summary, episodes = success_over_seeds([7], [20]), wilson(7, 20)
    assert (summary.n, summary.low, summary.high) == (1, episodes.low, episodes.high)
    assert "nothing of other seeds" in summary.warnings[0]


@pytest.mark.parametrize(("successes", "episodes"), [([], []), ([1], [2, 3]), ([1, 0], [2, 0]), ([3, 1], [2, 2])])
def test_counts_that_cannot_be_are_refused(successes, episodes):
    with pytest.raises(ValueError, match="successes"):
        success_over_seeds(successes, episodes)


def covered(interval, successes, n, truth):
    ends = [interval(list(row), n) for row in successes.tolist()]
    return np.mean([end.low <= truth <= end.high for end in ends])


def test_the_interval_over_seeds_covers_where_pooled_episodes_do_not():
    """1,000 studies of 5 seeds of 50 episodes, rates beta distributed with a deviation of 0.1 about 0.5.

    Four binomial standard deviations of 1,000 studies at .95 are .028. Pooled episodes cover .73.
    """
    rng = np.random.default_rng(0)
    rates = rng.beta(12, 12, (1000, 5))
    successes = rng.binomial(50, rates)
    assert rates.std() == pytest.approx(0.1, abs=0.005)
    assert covered(lambda row, n: success_over_seeds(row, [n] * 5), successes, 50, 0.5) > 0.95 - 0.028
    assert covered(lambda row, n: wilson(sum(row), 5 * n), successes, 50, 0.5) < 0.8


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("mean", [0.5, 0.9])
@pytest.mark.parametrize("deviation", [0.0, 0.05, 0.1])
def test_the_interval_over_seeds_covers_at_least_as_often_as_it_says(seeds, mean, deviation):
    """600 studies of 50 episodes a seed: no lower than .95 less four binomial standard deviations, .036."""
    rng = np.random.default_rng([seeds, round(100 * mean), round(100 * deviation)])
    rates = np.full((600, seeds), mean)
    if deviation:
        concentration = mean * (1 - mean) / deviation**2 - 1
        rates = rng.beta(mean * concentration, (1 - mean) * concentration, rates.shape)
    found = covered(lambda row, n: success_over_seeds(row, [n] * seeds), rng.binomial(50, rates), 50, mean)
    assert found > 0.95 - 0.036


def test_rates_of_one_success_rate_deviate_by_their_episodes_alone():
    rng = np.random.default_rng(3)
    episodes = np.array([20, 50, 200])
    rates = rng.binomial(episodes, 0.7, (4000, 3)) / episodes
    estimates = [chance_variance(list(row), episodes.tolist()) for row in rates]
    assert np.mean(estimates) == pytest.approx(np.mean(0.7 * 0.3 / episodes), rel=0.02)


def test_rates_that_are_all_1_deviate_by_one_failure_that_is_added():
    assert chance_variance([1.0, 1.0], [5, 5]) == pytest.approx(11 / 12 * 1 / 12 / 5)
