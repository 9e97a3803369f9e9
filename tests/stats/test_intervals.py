from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlgauge.stats.intervals import geometric_mean, normal_quantile, student_t, two_sided, wilson
from rlgauge.stats.quantiles import student_t_quantile, student_t_tail

LEVELS = [1e-6, 0.005, 0.025, 0.2, 0.4, 0.6, 0.75, 0.9, 0.95, 0.975, 0.995, 0.9995]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("n", [1, 2, 7, 20, 1000])
def test_wilson_agrees_with_scipy(n, confidence):
    for successes in {0, 1, n // 3, n - 1, n}:
        ours = wilson(successes, n, confidence=confidence)
        scipys = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
        assert (ours.low, ours.high) == pytest.approx((scipys.low, scipys.high), abs=1e-12)
        assert ours.point == successes / n


@given(n=st.integers(1, 400), data=st.data())
def test_wilson_solves_its_defining_equation(n, data):
    successes = data.draw(st.integers(0, n))
    summary = wilson(successes, n)
    z = stats.norm.ppf(0.975)
    for end in (summary.low, summary.high):
        assert (successes / n - end) ** 2 == pytest.approx(z * z * end * (1 - end) / n, abs=1e-12)
    assert 0 <= summary.low < summary.high <= 1


def test_wilson_reaches_0_and_1_exactly_and_still_has_a_width():
    z2 = stats.norm.ppf(0.975) ** 2
    none, every = wilson(0, 20), wilson(20, 20)
    assert (none.point, none.low, none.high) == (0.0, 0.0, pytest.approx(z2 / (20 + z2)))
    assert (every.point, every.low, every.high) == (1.0, pytest.approx(20 / (20 + z2)), 1.0)


def test_wilson_says_what_it_rests_on():
    summary = wilson(3, 10, confidence=0.9, missing=2)
    assert (summary.n, summary.missing, summary.method, summary.confidence) == (10, 2, "Wilson", 0.9)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_counts_that_cannot_be(successes, n):
    with pytest.raises(ValueError, match=f"n = {n}"):
        wilson(successes, n)


def test_wilson_covers_the_true_rate_where_the_textbook_interval_does_not():
    n, rates = 20, np.linspace(0.05, 0.95, 91)
    covered = {"wilson": [], "textbook": []}
    summaries = [wilson(k, n) for k in range(n + 1)]
    for rate in rates:
        weights = stats.binom.pmf(range(n + 1), n, rate)
        inside = [summary.low <= rate <= summary.high for summary in summaries]
        covered["wilson"].append(weights[inside].sum())
        half = [1.96 * math.sqrt(k / n * (1 - k / n) / n) for k in range(n + 1)]
        covered["textbook"].append(weights[[abs(k / n - rate) <= half[k] for k in range(n + 1)]].sum())
    assert np.mean(covered["wilson"]) == pytest.approx(0.95, abs=0.01)
    assert min(covered["wilson"]) > 0.89
    assert min(covered["textbook"]) < 0.75


@pytest.mark.parametrize("df", [0.5, 1, 2, 3, 4, 5, 9, 19, 29.5, 99, 499, 999, 1000, 1001, 1e5, 1e9])
def test_students_quantile_agrees_with_scipy(df):
    ours = [student_t_quantile(p, df) for p in LEVELS]
    assert ours == pytest.approx(list(stats.t.ppf(LEVELS, df)), rel=1e-10)


@pytest.mark.parametrize("p", LEVELS)
def test_students_quantile_agrees_with_the_closed_forms_of_1_2_and_4_degrees(p):
    root = math.sqrt(4 * p * (1 - p))
    four = math.copysign(2 * math.sqrt(math.cos(math.acos(root) / 3) / root - 1), p - 0.5)
    assert student_t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-10)
    assert student_t_quantile(p, 2) == pytest.approx((2 * p - 1) / math.sqrt(2 * p * (1 - p)), rel=1e-10)
    assert student_t_quantile(p, 4) == pytest.approx(four, rel=1e-10)


@given(p=st.floats(1e-6, 1 - 1e-6), df=st.floats(0.5, 2000))
def test_students_quantile_is_symmetric_and_inverts_the_tail(p, df):
    t = student_t_quantile(p, df)
    assert t == pytest.approx(-student_t_quantile(1 - p, df), rel=1e-8, abs=1e-9)
    assert student_t_tail(abs(t), df) == pytest.approx(min(p, 1 - p), rel=1e-8)


def test_the_two_methods_of_students_quantile_meet():
    below, above = student_t_quantile(0.975, 999.999999), student_t_quantile(0.975, 1000)
    assert below == pytest.approx(above, rel=1e-10)


@pytest.mark.parametrize(("p", "df"), [(0, 5), (1, 5), (-0.1, 5), (0.5, 0), (0.5, -1), (math.nan, 5), (0.5, math.inf)])
def test_students_quantile_refuses_what_lies_outside(p, df):
    with pytest.raises(ValueError, match="df"):
        student_t_quantile(p, df)


def test_the_normal_quantile_agrees_with_scipy():
    assert [normal_quantile(p) for p in LEVELS] == pytest.approx(list(stats.norm.ppf(LEVELS)), rel=1e-13)


@pytest.mark.parametrize("n", [2, 5, 30, 1500])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_students_interval_agrees_with_scipy(n, confidence):
    values = np.random.default_rng(n).normal(300, 40, n)
    summary = student_t(values.tolist(), confidence=confidence)
    scipys = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    assert (summary.low, summary.high) == pytest.approx((scipys.low, scipys.high), rel=1e-10)
    assert summary.point == pytest.approx(values.mean())


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.randoms())
def test_students_interval_does_not_depend_on_the_order(values, random):
    shuffled = random.sample(values, len(values))
    assert student_t(values) == student_t(shuffled)


def test_one_value_has_no_interval_and_that_is_said():
    summary = student_t([7.0])
    assert (summary.point, summary.low, summary.high, summary.n) == (7.0, None, None, 1)
    assert "no interval" in summary.warnings[0]


def test_few_values_and_equal_values_are_warned_of():
    assert ["Only 4 values" in warning for warning in student_t([1, 2, 3, 4]).warnings] == [True]
    assert student_t([1, 2, 3, 4, 5]).warnings == ()
    equal = student_t([0.1] * 10)
    assert (equal.low, equal.point, equal.high) == (0.1, 0.1, 0.1)
    assert ["All values are equal" in warning for warning in equal.warnings] == [True]


@pytest.mark.parametrize("value", [0.3, -3e8, 1e-100])
def test_values_equal_but_for_rounding_are_equal(value):
    above = math.nextafter(value, math.inf)
    found = student_t([value, above, math.nextafter(above, math.inf), value, value])
    assert found.low == found.point == found.high == pytest.approx(value, rel=1e-15)
    assert ["All values are equal" in warning for warning in found.warnings] == [True]
    different = student_t([value * (1 + part * 1e-9) for part in range(5)])
    assert different.low < different.point < different.high
    assert different.warnings == ()


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf, 1.0]])
def test_no_values_and_values_that_are_not_finite_are_refused(values):
    with pytest.raises(ValueError, match=r"does not exist|not finite"):
        student_t(values)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, math.nan])
def test_a_confidence_outside_0_and_1_is_refused(confidence):
    for attempt in (
        lambda: two_sided(confidence),
        lambda: wilson(1, 2, confidence=confidence),
        lambda: student_t([1.0, 2.0], confidence=confidence),
        lambda: student_t([1.0], confidence=confidence),
    ):
        with pytest.raises(ValueError, match="between 0 and 1"):
            attempt()


def test_students_interval_covers_the_true_mean_as_often_as_it_says_and_the_normals_does_not():
    samples = np.random.default_rng(2).normal(10, 3, (6000, 5))
    summaries = [student_t(sample.tolist()) for sample in samples]
    covered = np.mean([summary.low <= 10 <= summary.high for summary in summaries])
    ratio = normal_quantile(0.975) / student_t_quantile(0.975, 4)
    covered_by_normal = np.mean(
        [abs(summary.point - 10) <= ratio * (summary.high - summary.point) for summary in summaries]
    )
    assert covered == pytest.approx(0.95, abs=0.01)  # 3.5 standard errors of 6000 samples
    assert covered_by_normal < 0.90


def test_a_geometric_mean_has_the_interval_of_its_logarithms():
    found = geometric_mean([1.0, 2.0, 4.0])
    logs = np.log([1.0, 2.0, 4.0])
    low, high = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    assert (found.point, found.low, found.high) == pytest.approx((2.0, np.exp(low), np.exp(high)))
    assert geometric_mean([3.0]).low is None
    with pytest.raises(ValueError, match="above 0"):
        geometric_mean([1.0, 0.0])
