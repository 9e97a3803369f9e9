"""The noncentral t distribution: what Student's statistic does where there is a difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlgauge.stats.quantiles import student_t_quantile

Floats = NDArray[np.float64]

_NODES = 96
_FEW_NODES = 32
_REACH = 9.0
"""Deviations beyond which nothing is left of a normal distribution."""
_SHORT_REACH = 6.0
_NORMAL_FROM = 1e7
"""Degrees of freedom from which a deviation is as good as known."""


def noncentral_t_tail(t: float, df: float, shift: float) -> float:
    """The probability of a value above t >= 0 of (Z + shift) / S; Z standard normal, df S^2 chi-square with df.

    The integral over S of the normal probability that Z exceeds t S - shift. Johnson and Kotz 1995, Continuous
    Univariate Distributions 2, section 31. Absolute error under 1e-10 up to df = 100,000. Raises ValueError outside.
    """
    if not 0 <= t < math.inf or not 0 < df < math.inf or not math.isfinite(shift):
        raise ValueError(f"t is 0 or more, df above 0, shift a number; t = {t}, df = {df}, shift = {shift} were given")
    if df >= _NORMAL_FROM:
        return 0.5 * math.erfc((t - shift) / math.sqrt(2))
    spread = 1 / math.sqrt(2 * df)
    low, high = max(0.0, 1 - 2 * _REACH * spread), 1 + 2 * _REACH * spread
    turn = shift / t if t else high  # where the normal probability falls from 1 to 0, over some 1 / t
    inner = [turn + step / t for step in (-_REACH, 0.0, _REACH)] if t else []
    cuts = [low, *sorted({min(high, max(low, cut)) for cut in (*inner, 1.0)}), high]
    return math.fsum(_integral(a, b, t, df, shift) for a, b in pairwise(cuts) if b > a)


def mean_over_deviations(function: Callable[[float], float], df: float) -> float:
    """The mean of a function, within 0..1, of S, an estimated deviation over the true one; df S^2 as above.

    Absolute error about 0.001 where the function has kinks.
    """
    if df >= _NORMAL_FROM:
        return function(1.0)
    spread = _SHORT_REACH / math.sqrt(2 * df)
    nodes, weights = _gauss_legendre(_FEW_NODES)
    low, high = max(0.0, 1 - spread), 1 + spread
    s = (low + high) / 2 + (high - low) / 2 * nodes
    parts = weights * _density(s, df)
    return float(np.sum(parts * np.array([function(one) for one in s.tolist()])) / np.sum(parts))


def two_sided_power(shift: float, df: float, *, alpha: float) -> float:
    """The probability that Student's two-sided test at alpha finds a difference of so many standard errors."""
    limit = student_t_quantile(1 - alpha / 2, df)
    return noncentral_t_tail(limit, df, shift) + noncentral_t_tail(limit, df, -shift)


def _integral(low: float, high: float, t: float, df: float, shift: float) -> float:
    nodes, weights = _gauss_legendre(_NODES)
    s = (low + high) / 2 + (high - low) / 2 * nodes
    tails = np.array([0.5 * math.erfc(z / math.sqrt(2)) for z in (t * s - shift).tolist()])
    return float(np.sum(weights * tails * _density(s, df))) * (high - low) / 2


def _density(s: Floats, df: float) -> Floats:
    """The density of the square root of a chi-square variable over df."""
    a = df / 2
    return np.asarray(np.exp(math.log(2) + a * math.log(a) - math.lgamma(a) + (df - 1) * np.log(s) - a * s * s))


@cache
def _gauss_legendre(num_nodes: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(num_nodes)
    return nodes, weights
