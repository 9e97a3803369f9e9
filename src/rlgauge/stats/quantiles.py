"""Student's, beta and chi-square distributions from the incomplete beta and gamma functions, without SciPy."""

from __future__ import annotations

import functools
import math
import sys
from itertools import count
from statistics import NormalDist

from rlgauge.stats.roots import inverse

_NORMAL_FROM = 1000
"""Degrees of freedom from which the expansion about the normal is exact to the last digits."""

_MAX_STEPS = 500
_LARGEST_LOG = 700.0
"""What `math.exp` can still take: a density that grows without bound at 0 is cut there."""


@functools.lru_cache(maxsize=1024)  # a table of many tasks asks for the same few again and again
def student_t_quantile(p: float, df: float) -> float:
    """Student's quantile at p in (0, 1) for df > 0 degrees of freedom. Raises ValueError outside.

    Newton's method on the tail, which is convex: from the normal's quantile, which is nearer to 0, it climbs and never
    passes the answer.
    """
    if not 0 < p < 1 or not 0 < df < math.inf:
        raise ValueError(f"p lies between 0 and 1 and df above 0; p = {p} and df = {df} were given")
    if p < 0.5:  # noqa: PLR2004  # the median
        return -_upper_quantile(p, df)
    return _upper_quantile(1 - p, df) if p > 0.5 else 0.0  # noqa: PLR2004


def _upper_quantile(tail: float, df: float) -> float:
    z = -NormalDist().inv_cdf(tail)
    if df >= _NORMAL_FROM:
        return _from_normal(z, df)
    t = z
    for _ in range(_MAX_STEPS):
        step = (student_t_tail(t, df) - tail) / _density(t, df)
        t += step
        if step <= 4 * sys.float_info.epsilon * t:
            break
    return t


def student_t_tail(t: float, df: float) -> float:
    """The probability of a value above t >= 0: half of I_x(df/2, 1/2) at x = df / (df + t^2).

    Abramowitz and Stegun 1964, 26.7.1 and 26.5.27.
    """
    a, square = df / 2, t * t / df
    front = math.exp(_log_gamma_ratio(a) - a * math.log1p(square)) * math.sqrt(square / (1 + square) / math.pi)
    if t * t > 1:  # either continued fraction converges; the one chosen is the fast one
        return front / (2 * a) * _beta_fraction(a, 0.5, 1 / (1 + square))
    return 0.5 - front * _beta_fraction(0.5, a, square / (1 + square))


def beta_cdf(x: float, a: float, b: float) -> float:
    """The probability of a beta variable of at most x: I_x(a, b). Raises ValueError unless a and b are above 0.

    Abramowitz and Stegun 1964, 26.5.1 and 26.5.8.
    """
    if not (0 < a < math.inf and 0 < b < math.inf) or math.isnan(x):
        raise ValueError(f"a and b lie above 0 and x is a number; a = {a}, b = {b} and x = {x} were given")
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = x * (1 - x) * _beta_density(x, a, b)
    if x < (a + 1) / (a + b + 2):  # either continued fraction converges; the one chosen is the fast one
        return front / a * _beta_fraction(a, b, x)
    return 1 - front / b * _beta_fraction(b, a, 1 - x)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The beta distribution's quantile at p in (0, 1). Raises ValueError outside."""
    if not 0 < p < 1:
        raise ValueError(f"p lies between 0 and 1; p = {p} was given")
    return inverse(lambda x: beta_cdf(x, a, b), lambda x: _beta_density(x, a, b), p, (0.0, 1.0))


def chi_square_cdf(x: float, df: float) -> float:
    """The probability of a chi-square variable of at most x, with df > 0 degrees of freedom: P(df/2, x/2).

    Abramowitz and Stegun 1964, 6.5.29 and 6.5.31.
    """
    if not 0 < df < math.inf or math.isnan(x):
        raise ValueError(f"df lies above 0 and x is a number; df = {df} and x = {x} were given")
    if x <= 0:
        return 0.0
    a, half = df / 2, x / 2
    front = half * 2 * _chi_square_density(x, df)
    return front / a * _gamma_series(a, half) if half < a + 1 else 1 - front * _gamma_fraction(a, half)


def chi_square_quantile(p: float, df: float) -> float:
    """The chi-square distribution's quantile at p in (0, 1). Raises ValueError outside."""
    if not 0 < p < 1:
        raise ValueError(f"p lies between 0 and 1; p = {p} was given")
    high = df + 1
    while chi_square_cdf(high, df) < p:
        high *= 2
    return inverse(lambda x: chi_square_cdf(x, df), lambda x: _chi_square_density(x, df), p, (0.0, high))


def _beta_density(x: float, a: float, b: float) -> float:
    log = (a - 1) * math.log(x) + (b - 1) * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(min(log, _LARGEST_LOG))


def _chi_square_density(x: float, df: float) -> float:
    a = df / 2
    log = (a - 1) * math.log(x / 2) - x / 2 - math.lgamma(a) - math.log(2)
    return math.exp(min(log, _LARGEST_LOG))


def _gamma_series(a: float, x: float) -> float:
    """The sum of x^k / ((a + 1) ... (a + k)) over k from 0. Abramowitz and Stegun 1964, 6.5.29."""
    term = total = 1.0
    for k in count(1):
        term *= x / (a + k)
        total += term
        if term < sys.float_info.epsilon * total:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
    """The continued fraction of the upper incomplete gamma function, by Lentz's method."""
    b = x + 1 - a
    d = value = 1 / b
    c = math.inf
    for k in count(1):
        b += 2
        numerator = -k * (k - a)
        d = 1 / (b + numerator * d)
        c = b + numerator / c
        value *= c * d
        if abs(c * d - 1) < 2 * sys.float_info.epsilon:
            break
    return value


def _density(t: float, df: float) -> float:
    return math.exp(_log_gamma_ratio(df / 2) - (df + 1) / 2 * math.log1p(t * t / df)) / math.sqrt(math.pi * df)


def _log_gamma_ratio(a: float) -> float:
    """log(gamma(a + 1/2) / gamma(a))."""
    return math.lgamma(a + 0.5) - math.lgamma(a)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b), by Lentz's method. Abramowitz and Stegun 1964, 26.5.8."""
    tiny = sys.float_info.min
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            d = 1 / ((1 + term * d) or tiny)
            c = (1 + term / c) or tiny
            change = c * d
            value *= change
        if abs(change - 1) < sys.float_info.epsilon:
            break
    return value


def _from_normal(z: float, df: float) -> float:
    """Fisher and Cornish's expansion of Student's quantile. Abramowitz and Stegun 1964, 26.7.5."""
    s = z * z
    terms = (
        z,
        z * (s + 1) / 4,
        z * ((5 * s + 16) * s + 3) / 96,
        z * (((3 * s + 19) * s + 17) * s - 15) / 384,
        z * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160,
    )
    return math.fsum(term / df**power for power, term in enumerate(terms))
