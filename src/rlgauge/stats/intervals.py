"""Intervals of a rate, of a mean and of a deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import msgspec

from rlgauge.stats.quantiles import beta_quantile, chi_square_quantile, student_t_quantile
from rlgauge.stats.summary import Summary

_FEW = 5
_ROUNDING = 1e-12


def wilson(successes: int, n: int, *, confidence: float = 0.95, missing: int = 0) -> Summary:
    """The success rate in 0..1 with its score interval, which stays inside 0..1 and has a width at 0 and at 1.

    Wilson 1927, doi:10.1080/01621459.1927.10502953, without continuity correction. Raises ValueError for n = 0: a rate
    of nothing does not exist.
    """
    _check_counts(successes, n)
    rate = successes / n
    z = normal_quantile(two_sided(confidence))
    shrink = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / shrink
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / shrink
    return Summary(
        point=rate,
        low=0.0 if successes == 0 else max(0.0, centre - half),
        high=1.0 if successes == n else min(1.0, centre + half),
        n=n,
        missing=missing,
        method="Wilson",
        confidence=confidence,
    )


def jeffreys(successes: int, n: int, *, confidence: float = 0.95, missing: int = 0) -> Summary:
    """The success rate in 0..1 with its equal-tailed interval under Jeffreys' prior; it covers as stated on average.

    0 is its lower end without successes, 1 its upper end without failures. Brown, Cai and DasGupta 2001,
    doi:10.1214/ss/1009213286, section 4.1.2. Raises ValueError for n = 0.
    """
    return _beta_interval(successes, n, (0.5, 0.5), "Jeffreys", confidence, missing)


def clopper_pearson(successes: int, n: int, *, confidence: float = 0.95, missing: int = 0) -> Summary:
    """The success rate in 0..1 with the exact interval: it covers at least as often as stated, whatever the rate.

    Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404. Raises ValueError for n = 0.
    """
    return _beta_interval(successes, n, (0.0, 1.0), "Clopper-Pearson", confidence, missing)


def _beta_interval(
    successes: int, n: int, added: tuple[float, float], method: str, confidence: float, missing: int
) -> Summary:
    """An interval between quantiles of beta distributions; `added` is what the lower end adds to both counts."""
    _check_counts(successes, n)
    tail = 1 - two_sided(confidence)
    own, other = added
    failures = n - successes
    return Summary(
        point=successes / n,
        low=beta_quantile(tail, successes + own, failures + other) if successes else 0.0,
        high=1 - beta_quantile(tail, failures + own, successes + other) if failures else 1.0,
        n=n,
        missing=missing,
        method=method,
        confidence=confidence,
    )


def _check_counts(successes: int, n: int) -> None:
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in n = {n} episodes: there must be one episode, and no more successes")


def geometric_mean(values: Sequence[float], *, confidence: float = 0.95) -> Summary:
    """The geometric mean with Student's interval of the logarithms.

    Raises ValueError for no values, and for one that is not above 0.
    """
    if min(values, default=0.0) <= 0:
        raise ValueError("a geometric mean is of values above 0")
    found = student_t([math.log(value) for value in values], confidence=confidence)
    low, high = (None if end is None else math.exp(end) for end in (found.low, found.high))
    return msgspec.structs.replace(found, point=math.exp(found.point), low=low, high=high)


def student_t(values: Sequence[float], *, confidence: float = 0.95, missing: int = 0) -> Summary:
    """The mean with Student's interval: exact for independent normal values, approximate for others.

    One value has no interval; values equal but for rounding have one of no width, and a warning. Raises ValueError for
    no values and for one that is not finite.
    """
    n = len(values)
    if n == 0:
        raise ValueError("the mean of no values does not exist")
    numbers = [float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a value is not finite")
    p = two_sided(confidence)
    quantile = student_t_quantile(p, n - 1) if n > 1 else None
    mean, error = _mean_and_standard_error(numbers)
    half = None if quantile is None or error is None else quantile * error
    return Summary(
        point=mean,
        low=None if half is None else mean - half,
        high=None if half is None else mean + half,
        n=n,
        missing=missing,
        method="Student t",
        confidence=confidence,
        warnings=tuple(_doubts(numbers)),
    )


def deviation_limit(deviation: float, df: int, *, confidence: float = 0.9) -> float:
    """What the true standard deviation of normal values does not exceed, given one measured with df.

    One-sided, from the chi-square distribution of the variance. A study planned with it has at least the power that was
    planned with this probability: Browne 1995, doi:10.1002/sim.4780141709. Raises ValueError.
    """
    if df < 1 or not 0 <= deviation < math.inf or not 0 < confidence < 1:
        raise ValueError(f"no limit follows from a deviation of {deviation} with df = {df} at {confidence}")
    return deviation * math.sqrt(df / chi_square_quantile(1 - confidence, df))


def normal_quantile(p: float) -> float:
    """The standard normal's quantile at p in (0, 1). Wichura 1988, algorithm AS 241."""
    return NormalDist().inv_cdf(p)


def two_sided(confidence: float) -> float:
    """The probability at which a central interval's upper end is read: 0.975 for 0.95. Raises ValueError."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1; {confidence} was given")
    return 0.5 + confidence / 2


def _mean_and_standard_error(numbers: list[float]) -> tuple[float, float | None]:
    """Both independent of the order of the numbers, and exact where all are equal."""
    n = len(numbers)
    if n > 1 and min(numbers) == max(numbers):
        return numbers[0], 0.0
    mean = math.fsum(numbers) / n
    if n == 1:
        return mean, None
    if _are_equal(numbers):
        return mean, 0.0
    return mean, math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (n - 1) / n)


def _doubts(numbers: list[float]) -> list[str]:
    n = len(numbers)
    if n == 1:
        return ["One value has no interval: measure at least two."]
    doubts = []
    if n < _FEW:
        doubts.append(f"Only {n} values: the interval relies on their being normally distributed.")
    if _are_equal(numbers):
        doubts.append("All values are equal: an interval of no width says nothing about values not seen yet.")
    return doubts


def _are_equal(numbers: list[float]) -> bool:
    """Whether they differ by no more than sums and differences of floats round."""
    return max(numbers) - min(numbers) <= _ROUNDING * max(map(abs, numbers))
