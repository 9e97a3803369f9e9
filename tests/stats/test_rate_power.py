"""Simulations allow four binomial standard deviations of their number of studies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rlgauge.stats import rate_power
from rlgauge.stats.exact import boschloo
from rlgauge.stats.paired import mcnemar_exact
from rlgauge.stats.power import ImpossibleStudyError
from rlgauge.stats.rate_power import (
    detectable_rates,
    episodes_needed,
    independent_discordance,
    power_of_episodes,
)


@pytest.mark.parametrize(("candidate", "baseline"), [(0.5, 0.5), (0.9, 0.4), (0.2, 0.7), (1.0, 0.3)])
def test_the_power_of_boschloos_test_is_that_of_all_outcomes(candidate, baseline):
    """Every outcome of 12 episodes each is tested, and weighed with its probability."""
    n = 12
    found = power_of_episodes(n, candidate=candidate, baseline=baseline)
    expected = sum(
        stats.binom.pmf(x, n, candidate) * stats.binom.pmf(y, n, baseline)
        for x in range(n + 1)
        for y in range(n + 1)
        if boschloo(candidate=(x, n), baseline=(y, n)) <= 0.05
    )
    assert found.power == pytest.approx(expected, abs=1e-9)
    assert (found.n, found.test, found.is_exact) == (n, "Boschloo", True)


@pytest.mark.parametrize(
    ("candidate", "baseline", "discordance"), [(0.7, 0.5, None), (0.7, 0.5, 0.25), (0.3, 0.6, 0.3)]
)
def test_mcnemars_test_finds_a_difference_as_often_as_it_says(candidate, baseline, discordance):
    """3,000 studies of 60 shared episodes: within four binomial standard deviations, at most .037."""
    rng = np.random.default_rng(round(100 * candidate))
    psi = independent_discordance(candidate, baseline) if discordance is None else discordance
    only_candidate, only_baseline = (psi + candidate - baseline) / 2, (psi - candidate + baseline) / 2
    both = candidate - only_candidate
    counts = rng.multinomial(60, [only_candidate, only_baseline, both, 1 - both - psi], 3000)
    p_values = {}
    for ours, theirs, shared, neither in set(map(tuple, counts.tolist())):
        found = mcnemar_exact(
            candidate=[True] * (ours + shared) + [False] * (theirs + neither),
            baseline=[False] * ours + [True] * (shared + theirs) + [False] * neither,
        )
        p_values[ours, theirs] = found.p_value
    alarms = np.mean([p_values[ours, theirs] <= 0.05 for ours, theirs, *_ in counts.tolist()])
    told = power_of_episodes(60, candidate=candidate, baseline=baseline, paired=True, discordance=discordance)
    assert alarms == pytest.approx(told.power, abs=4 * np.sqrt(told.power * (1 - told.power) / 3000))
    assert (told.test, told.is_exact) == ("McNemar", True)


def test_a_hundred_shared_episodes_have_the_power_that_was_measured():
    """.5 against .7 with independent episodes: .79."""
    assert power_of_episodes(100, candidate=0.7, baseline=0.5, paired=True).power == pytest.approx(0.79, abs=0.005)


def test_fifty_episodes_tell_rates_27_points_apart_and_28_if_they_are_shared():
    own, same = detectable_rates(50, 0.5), detectable_rates(50, 0.5, paired=True)
    assert own.higher - 0.5 == pytest.approx(0.268, abs=0.001)
    assert same.higher - 0.5 == pytest.approx(0.287, abs=0.001)
    for found in (own, same):
        assert 0.5 - found.lower == pytest.approx(found.higher - 0.5, abs=1e-6)


@pytest.mark.parametrize("baseline", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("paired", [False, True])
def test_the_nearest_rates_that_are_told_apart_just_have_the_power(baseline, paired):
    found = detectable_rates(40, baseline, paired=paired)
    assert found.lower is not None or found.higher is not None
    for rate, nearer in ((found.lower, 0.01), (found.higher, -0.01)):
        if rate is not None:
            at = power_of_episodes(40, candidate=rate, baseline=baseline, paired=paired).power
            assert at == pytest.approx(0.8, abs=1e-6)
            assert power_of_episodes(40, candidate=rate + nearer, baseline=baseline, paired=paired).power < 0.8


def test_a_rate_that_nothing_can_be_told_from_has_no_nearest():
    found = detectable_rates(20, 0.9)
    assert found.higher is None
    assert 0 < found.lower < 0.9
    assert detectable_rates(3, 0.5).lower is None
    assert detectable_rates(20, 1.0).higher is None


def test_a_discordance_limits_the_rates_that_are_possible():
    found = detectable_rates(50, 0.1, paired=True, discordance=0.3)
    assert found.lower is None
    assert 0.2 <= found.higher <= 0.4
    assert power_of_episodes(50, candidate=0.3, baseline=0.1, paired=True, discordance=0.25).power > (
        power_of_episodes(50, candidate=0.3, baseline=0.1, paired=True).power
    )


@pytest.mark.parametrize(("candidate", "baseline"), [(0.7, 0.5), (0.2, 0.6), (0.95, 0.7)])
@pytest.mark.parametrize("paired", [False, True])
def test_the_episodes_needed_reach_the_power_and_one_less_does_not(candidate, baseline, paired):
    needed = episodes_needed(candidate=candidate, baseline=baseline, paired=paired)
    assert needed.power >= 0.8
    fewer = power_of_episodes(needed.n - 1, candidate=candidate, baseline=baseline, paired=paired)
    assert fewer.power < 0.8
    assert needed.is_exact


@pytest.mark.parametrize(("paired", "margin"), [(False, 0.02), (True, 0.02)])
def test_the_normal_approximation_goes_on_where_enumeration_ends(paired, margin):
    n = rate_power.EXACT_PAIRED if paired else rate_power.EXACT_UNPAIRED
    close = 0.5 + 2.8 * np.sqrt(0.5 / n)
    exact = power_of_episodes(n, candidate=close, baseline=0.5, paired=paired)
    approximate = power_of_episodes(n + 1, candidate=close, baseline=0.5, paired=paired)
    assert (exact.is_exact, approximate.is_exact) == (True, False)
    assert approximate.power == pytest.approx(exact.power, abs=margin)


def test_what_no_study_can_show_and_what_is_no_question_are_refused():
    with pytest.raises(ImpossibleStudyError, match="over ten million episodes"):
        episodes_needed(candidate=0.5, baseline=0.5 + 1e-6)
    with pytest.raises(ImpossibleStudyError, match=r"only in between 0\.2 and 0\.8"):
        power_of_episodes(50, candidate=0.7, baseline=0.5, paired=True, discordance=0.1)
    for call in (
        lambda: episodes_needed(candidate=0.5, baseline=0.5),
        lambda: episodes_needed(candidate=1.5, baseline=0.5),
        lambda: power_of_episodes(0, candidate=0.6, baseline=0.5),
        lambda: power_of_episodes(9, candidate=0.6, baseline=0.5, paired=True, discordance=0.0),
        lambda: detectable_rates(50, 0.5, power=1.0),
    ):
        with pytest.raises(ValueError, match=r"given|equal|at least"):
            call()


def test_equal_rates_that_never_differ_are_never_told_apart():
    assert power_of_episodes(50, candidate=1.0, baseline=1.0, paired=True).power == 0
    assert power_of_episodes(50, candidate=0.5, baseline=0.5).power <= 0.05
    assert power_of_episodes(50, candidate=0.5, baseline=0.5, paired=True).power <= 0.05
