"""Two algorithms on episodes or seeds of their own: candidate minus baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import msgspec

from rlgauge.stats import exact
from rlgauge.stats.exact import Counts
from rlgauge.stats.intervals import normal_quantile, student_t, two_sided
from rlgauge.stats.quantiles import student_t_quantile, student_t_tail
from rlgauge.stats.roots import crossing
from rlgauge.stats.summary import Summary

Test = Literal["boschloo", "barnard"]


class RateComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two independent success rates. `difference`, -1..1, is the candidate's minus the baseline's; n counts episodes.

    `test` names the two-sided test of `p_value`. Interval and test are of different kinds and may disagree at the edge.
    """

    difference: Summary
    p_value: float
    test: str


class MeanComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two independent means. `difference` is the candidate's minus the baseline's; n counts the values of both.

    `p_value` is two-sided, and None where the data has no interval.
    """

    difference: Summary
    p_value: float | None


def compare_rates(
    *, candidate: Counts, baseline: Counts, test: Test = "boschloo", confidence: float = 0.95, missing: int = 0
) -> RateComparison:
    """The difference of the success rates of two checkpoints on different episodes: interval and exact p-value.

    Both are (successes, episodes). Boschloo's test has nowhere less power than Fisher's; Barnard's is the other choice;
    with over 4 million pairs of outcomes it is the score test, whose error is too small to see by then, and `test` says
    so. Raises ValueError for counts that can't be. Several training seeds: `welch` on the rates of the seeds.
    """
    exact.check_counts(candidate, baseline)
    if test not in {"boschloo", "barnard"}:
        raise ValueError(f"Unknown test {test!r}. Known: 'barnard', 'boschloo'.")
    low, high = miettinen_nurminen(candidate=candidate, baseline=baseline, confidence=confidence)
    (won, n), (lost_to, m) = candidate, baseline
    difference = Summary(
        point=won / n - lost_to / m,
        low=low,
        high=high,
        n=n + m,
        missing=missing,
        method="Miettinen-Nurminen",
        confidence=confidence,
    )
    if not exact.is_feasible(candidate, baseline):
        score = exact.score(candidate=candidate, baseline=baseline)
        return RateComparison(difference=difference, p_value=2 * NormalDist().cdf(-abs(score)), test="score")
    function = exact.boschloo if test == "boschloo" else exact.barnard
    return RateComparison(difference=difference, p_value=function(candidate=candidate, baseline=baseline), test=test)


def welch(
    *, candidate: Sequence[float], baseline: Sequence[float], confidence: float = 0.95, missing: int = 0
) -> MeanComparison:
    """The difference of the means of two samples whose deviations may differ: Welch's interval and p-value.

    Welch 1947, doi:10.1093/biomet/34.1-2.28. The samples may differ in length. No interval where one has a single value
    or neither has a deviation. Raises ValueError for an empty sample or a value that is not finite.
    """
    p = two_sided(confidence)
    (ours, our_square, our_df), (theirs, their_square, their_df) = _moments(candidate), _moments(baseline)
    point, square = ours - theirs, our_square + their_square
    doubt = _doubt(our_df, their_df, square)
    half = p_value = None
    if doubt is None:
        part = our_square / square  # the squares themselves may be too large
        df = 1 / (part**2 / our_df + (1 - part) ** 2 / their_df)
        half = student_t_quantile(p, df) * math.sqrt(square)
        p_value = 2 * student_t_tail(abs(point) / math.sqrt(square), df)
    difference = Summary(
        point=point,
        low=None if half is None else point - half,
        high=None if half is None else point + half,
        n=len(candidate) + len(baseline),
        missing=missing,
        method="Welch t",
        confidence=confidence,
        warnings=() if doubt is None else (doubt,),
    )
    return MeanComparison(difference=difference, p_value=p_value)


def miettinen_nurminen(*, candidate: Counts, baseline: Counts, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of the difference of two independent rates: all differences that the score test allows.

    Miettinen and Nurminen 1985, doi:10.1002/sim.4780040211, equations 8 and 9.
    """
    exact.check_counts(candidate, baseline)
    z = normal_quantile(two_sided(confidence))
    (won, n), (lost_to, m) = candidate, baseline

    def score(difference: float) -> float:
        return _restricted_score(candidate, baseline, difference)

    point = won / n - lost_to / m
    low = -1.0 if won == 0 and lost_to == m else crossing(lambda difference: score(difference) > z, -1.0, point)
    high = 1.0 if won == n and lost_to == 0 else crossing(lambda difference: score(difference) >= -z, point, 1.0)
    return low, high


def _restricted_score(candidate: Counts, baseline: Counts, difference: float) -> float:
    """Standard errors by which the observed difference lies above `difference`; falls as `difference` grows."""
    (won, n), (lost_to, m) = candidate, baseline
    theirs = _likeliest(candidate, baseline, difference)
    ours = min(1.0, max(0.0, theirs + difference))
    variance = (ours * (1 - ours) / n + theirs * (1 - theirs) / m) * (n + m) / (n + m - 1)
    excess = won / n - lost_to / m - difference
    return excess / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, excess)


def _likeliest(candidate: Counts, baseline: Counts, difference: float) -> float:
    """The baseline's likeliest rate where the candidate's is larger by `difference`: the middle root of a cubic."""
    (won, n), (lost_to, m) = candidate, baseline
    total, wins = n + m, won + lost_to
    square = (difference * (n + 2 * m) - total - wins) / (3 * total)
    linear = (m * difference**2 - difference * (total + 2 * lost_to) + wins) / total
    constant = lost_to * difference * (1 - difference) / total
    offset = square**3 - square * linear / 2 + constant / 2
    radius = math.copysign(math.sqrt(max(0.0, square * square - linear / 3)), offset)
    if radius == 0:
        root = -square
    else:
        angle = (math.pi + math.acos(min(1.0, max(-1.0, offset / radius**3)))) / 3
        root = 2 * radius * math.cos(angle) - square
    return min(1.0, 1 - difference, max(0.0, -difference, root))


def _moments(values: Sequence[float]) -> tuple[float, float, int]:
    """The mean, its squared standard error and the degrees of freedom; 0 and 0 for one value."""
    mean = student_t(values).point
    n = len(values)
    if n == 1:
        return mean, 0.0, 0
    return mean, math.fsum((float(value) - mean) ** 2 for value in values) / (n - 1) / n, n - 1


def _doubt(our_df: int, their_df: int, square: float) -> str | None:
    if our_df == 0 or their_df == 0:
        return "One value has no deviation: there is neither an interval nor a p-value with fewer than two of each."
    if square == 0:
        return "All values of each are equal: their deviation was not seen, so there is no interval and no p-value."
    return None
