"""The difference of two sides as evidence: an estimate, an interval and what speaks for either direction."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from statistics import NormalDist, fmean, variance
from typing import NamedTuple

import msgspec

from rlgauge.stats.quantiles import student_t_quantile, student_t_tail

_FEW = 5
_SEVERAL = 2
_ROUNDING = 1e-13


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Candidate minus baseline on an additive scale (the logarithm, for ratios).

    `low` and `high` are one-sided limits, None where the data give none. `p_below` is the one-sided p-value that
    speaks for a candidate below the baseline, `p_above` for one above it; None where nothing can be tested. `n` counts
    the units of the candidate and of the baseline, `variances` are those of single ones, None where they are pairs.
    `means` are those of either side over the pairs, None where there are no pairs.
    """

    point: float
    low: float | None
    high: float | None
    p_below: float | None
    p_above: float | None
    n: tuple[int, int]
    variances: tuple[float, float] | None = None
    means: tuple[float, float] | None = None
    method: str
    warnings: tuple[str, ...] = ()


class Sample(msgspec.Struct, frozen=True):
    """How many independent values there are, their mean and their variance (None where it can't be told).

    `within` is the variance that a value has if values deviate by chance alone: of a success rate, its episodes'; None
    where it is not known.
    """

    n: int
    mean: float
    variance: float | None
    within: float | None = None


class _Test(NamedTuple):
    """A standard error of the difference of two means, and its degrees of freedom."""

    error: float
    df: float

    def half(self, confidence: float) -> float:
        return _quantile(confidence, self.df) * self.error

    def tail(self, point: float) -> float:
        z = abs(point) / self.error
        return NormalDist().cdf(-z) if math.isinf(self.df) else student_t_tail(z, self.df)


def sample(values: Sequence[float], *, size: float | None = None, within: float | None = None) -> Sample:
    """The sample of the values; those equal but for rounding have a variance of 0. Raises ValueError for none.

    `size` is that of the numbers that the values were computed from, theirs by default.
    """
    if len(values) < _SEVERAL:
        return Sample(len(values), fmean(values), None, within)
    if max(values) - min(values) <= _ROUNDING * (size or max(map(abs, values))):
        return Sample(len(values), values[0], 0.0, within)
    least = sys.float_info.min  # of numbers so small that their squares are 0
    return Sample(len(values), fmean(values), max(variance(values), least), within)


def of_samples(*, candidate: Sample, baseline: Sample, confidence: float, noun: str) -> Effect:
    """Welch's test of the means of independent values, one-sided either way, each limit at `confidence`.

    Welch 1947, doi:10.1093/biomet/34.1-2.28. Of sides of unequal numbers the larger of its p-value and of Student's: in
    Welch's alone, few values that agree by chance give their side no deviation, and the test the other side's degrees
    of freedom. Where the values' own chance deviation is known, nor is a p-value smaller than the normal test's with
    it. Where neither side deviates, the exact permutation test of equal values against others, without an interval
    unless by that deviation. `noun` is what a value comes from, such as `process` or `run`.
    """
    n, point = (candidate.n, baseline.n), candidate.mean - baseline.mean
    if candidate.variance is None or baseline.variance is None:
        warning = (
            f"The deviation between {noun} and {noun} is not known: measure at least two on both sides, better {_FEW}."
        )
        return untested(point, n, warning)
    variances = candidate.variance, baseline.variance
    tests = [*_tests(variances, n), *_within(candidate, baseline)]
    if not tests:
        return _constant(point, n, noun)
    half = max(test.half(confidence) for test in tests)
    tail = max(test.tail(point) for test in tests)
    if variances == (0.0, 0.0) and point:
        tail = max(tail, _separated(point, n))
    few = (
        f"Only {min(n)} values on a side, each of one {noun}: the interval relies on their being normally distributed."
    )
    return Effect(
        point=point,
        low=point - half,
        high=point + half,
        p_below=tail if point < 0 else 1 - tail,
        p_above=tail if point > 0 else 1 - tail,
        n=n,
        variances=(max(variances[0], candidate.within or 0.0), max(variances[1], baseline.within or 0.0)),
        method="Welch" if n[0] == n[1] else "Welch, Student",
        warnings=(few,) if min(n) < _FEW else (),
    )


def of_differences(differences: Sequence[float], *, confidence: float, noun: str, size: float | None = None) -> Effect:
    """Student's test of the mean of paired differences, candidate minus baseline, one-sided either way.

    Where all differences are equal, the exact sign test, without an interval. `size` is that of the numbers that were
    subtracted.
    """
    pairs = sample(differences, size=size)
    n = (pairs.n, pairs.n)
    if pairs.variance is None:
        return untested(pairs.mean, n, f"One {noun} that both played shows no deviation: play more.")
    if pairs.variance == 0:
        p = 0.5**pairs.n if pairs.mean else 1.0
        return _uniform(pairs.mean, n, p, "sign test", f"All {noun}s differ by the same: there is no interval.")
    error = math.sqrt(pairs.variance / pairs.n)
    half = student_t_quantile(confidence, pairs.n - 1) * error
    tail = student_t_tail(abs(pairs.mean) / error, pairs.n - 1)
    return Effect(
        point=pairs.mean,
        low=pairs.mean - half,
        high=pairs.mean + half,
        p_below=tail if pairs.mean < 0 else 1 - tail,
        p_above=tail if pairs.mean > 0 else 1 - tail,
        n=n,
        method="paired Student t",
    )


def welch_error(variances: tuple[float, float], n: tuple[float, float]) -> tuple[float, float]:
    """The standard error of a difference of means, and Welch and Satterthwaite's degrees of freedom."""
    ours, theirs = variances[0] / n[0], variances[1] / n[1]
    part = ours / (ours + theirs)  # squares of the variances themselves may be too large
    df = 1 / (part**2 / (n[0] - 1) + (1 - part) ** 2 / (n[1] - 1))
    return math.sqrt(ours + theirs), df


def half_width(variances: tuple[float, float], n: tuple[int, int], *, confidence: float) -> float:
    """How far a one-sided limit of `of_samples` will be from the difference where these are the true variances.

    The share of a side in the estimated variance deviates from its true one, as the share of one of two chi-square
    variables does, and so the degrees of freedom are fewer. The values' own chance deviation is left aside.
    """
    welch, *others = _tests(variances, n)
    part = variances[0] / n[0] / (variances[0] / n[0] + variances[1] / n[1])
    inverse = 1 / (n[0] - 1) + 1 / (n[1] - 1)
    spread = 2 * (part * (1 - part)) ** 2 * inverse / (1 + inverse / 2)
    expected = _Test(welch.error, 1 / (1 / welch.df + spread * inverse))
    return max(test.half(confidence) for test in (expected, *others))


def _tests(variances: tuple[float, float], n: tuple[int, int]) -> Iterator[_Test]:
    """Welch's and, of unequal numbers, Student's, which is never the larger of equal ones."""
    if sum(variances) == 0:
        return
    yield _Test(*welch_error(variances, n))
    if n[0] != n[1]:
        df = sum(n) - 2
        pooled = variances[0] * ((n[0] - 1) / df) + variances[1] * ((n[1] - 1) / df)
        yield _Test(math.sqrt(pooled * (1 / n[0] + 1 / n[1])), df)


def _within(ours: Sample, theirs: Sample) -> Iterator[_Test]:
    if ours.within is not None and theirs.within is not None:
        yield _Test(math.sqrt(ours.within / ours.n + theirs.within / theirs.n), math.inf)


def _quantile(p: float, df: float) -> float:
    return NormalDist().inv_cdf(p) if math.isinf(df) else student_t_quantile(p, df)


def untested(point: float, n: tuple[int, int], warning: str) -> Effect:
    """The difference alone; the warning says why nothing can be tested."""
    return Effect(point=point, low=None, high=None, p_below=None, p_above=None, n=n, method="none", warnings=(warning,))


def _constant(point: float, n: tuple[int, int], noun: str) -> Effect:
    """Each side measured one value."""
    warning = f"Every {noun} of a side measured the same value: there is no deviation to make an interval of."
    return _uniform(point, n, _separated(point, n), "permutation", warning)


def _separated(point: float, n: tuple[int, int]) -> float:
    """How likely sides of one value each separate so if it says nothing whose a value is."""
    return 1 / math.comb(sum(n), n[0]) if point else 1.0


def _uniform(point: float, n: tuple[int, int], p: float, method: str, warning: str) -> Effect:
    return Effect(
        point=point,
        low=None,
        high=None,
        p_below=p if point < 0 else 1.0,
        p_above=p if point > 0 else 1.0,
        n=n,
        variances=(0.0, 0.0),
        method=method,
        warnings=(warning,),
    )
