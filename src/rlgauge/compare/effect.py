"""The difference of two sides as evidence: an estimate, an interval and what speaks for either direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

import msgspec

from rlgauge.stats.quantiles import student_t_quantile, student_t_tail

_FEW = 5
_SEVERAL = 2
_ROUNDING = 1e-9


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
    """How many independent values there are, their mean and their variance (None where it can't be told)."""

    n: int
    mean: float
    variance: float | None


def sample(values: Sequence[float]) -> Sample:
    """The sample of the values; those equal but for rounding have a variance of 0. Raises ValueError for none."""
    if len(values) < _SEVERAL:
        return Sample(len(values), fmean(values), None)
    if max(values) - min(values) <= _ROUNDING * max(map(abs, values)):
        return Sample(len(values), values[0], 0.0)
    return Sample(len(values), fmean(values), variance(values))


def of_samples(*, candidate: Sample, baseline: Sample, confidence: float, noun: str) -> Effect:
    """Welch's test of the means of independent values, one-sided either way, each limit at `confidence`.

    Welch 1947, doi:10.1093/biomet/34.1-2.28. Where neither side deviates, the exact permutation test of equal values
    against others, without an interval. `noun` is what a value comes from, such as `process` or `run`.
    """
    n, point = (candidate.n, baseline.n), candidate.mean - baseline.mean
    if candidate.variance is None or baseline.variance is None:
        warning = (
            f"The deviation between {noun} and {noun} is not known: measure at least two on both sides, better {_FEW}."
        )
        return _untested(point, n, warning)
    variances = candidate.variance, baseline.variance
    if variances == (0.0, 0.0):
        return _constant(point, n, noun)
    error, df = welch_error(variances, n)
    half = student_t_quantile(confidence, df) * error
    tail = student_t_tail(abs(point) / error, df)
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
        variances=variances,
        method="Welch",
        warnings=(few,) if min(n) < _FEW else (),
    )


def of_differences(differences: Sequence[float], *, confidence: float, noun: str) -> Effect:
    """Student's test of the mean of paired differences, candidate minus baseline, one-sided either way.

    Where all differences are equal, the exact sign test, without an interval.
    """
    pairs = sample(differences)
    n = (pairs.n, pairs.n)
    if pairs.variance is None:
        return _untested(pairs.mean, n, f"One {noun} that both played shows no deviation: play more.")
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
    df = (ours + theirs) ** 2 / (ours**2 / (n[0] - 1) + theirs**2 / (n[1] - 1))
    return math.sqrt(ours + theirs), df


def _untested(point: float, n: tuple[int, int], warning: str) -> Effect:
    return Effect(point=point, low=None, high=None, p_below=None, p_above=None, n=n, method="none", warnings=(warning,))


def _constant(point: float, n: tuple[int, int], noun: str) -> Effect:
    """Each side measured one value: how likely the sides separate so if it says nothing whose a value is."""
    p = 1 / math.comb(sum(n), n[0]) if point else 1.0
    warning = f"Every {noun} of a side measured the same value: there is no deviation to make an interval of."
    return _uniform(point, n, p, "permutation", warning)


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
