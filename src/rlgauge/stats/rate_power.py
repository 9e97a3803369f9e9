"""What a comparison of two checkpoints' success rates can show: episodes, differences and the chance to find them.

Two tests at `alpha`, two-sided: Boschloo's, where each plays n episodes of its own, and McNemar's exact one, where both
play the same n episodes (`paired`). There the gain depends on the discordance, the rate of episodes that only one of
them solves: the smaller, the better. Unless it is known, episodes count as independent, as if not paired.

Shapes: C outcomes of the candidate, B of the baseline (0..n successes each), D discordant episodes (0..n).
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec
import numpy as np

from rlgauge.stats import exact
from rlgauge.stats.exact import Region
from rlgauge.stats.intervals import normal_quantile
from rlgauge.stats.power import ImpossibleStudyError, check_chances
from rlgauge.stats.quantiles import beta_cdf
from rlgauge.stats.roots import crossing, fewest

EXACT_UNPAIRED, EXACT_PAIRED = 300, 1000
"""Episodes up to which the power is found by enumeration; from there on it is the normal approximation."""

_MOST = 10_000_000
_NEGLIGIBLE = 1e-15


class RatePower(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes of each checkpoint and the probability, 0..1, that they show the difference."""

    n: int
    power: float
    test: str
    is_exact: bool


class DetectableRates(msgspec.Struct, frozen=True, kw_only=True):
    """The nearest success rates below and above another that so many episodes tell from it; None: not even 0 or 1."""

    lower: float | None
    higher: float | None
    test: str
    is_exact: bool


def power_of_episodes(
    n: int,
    *,
    candidate: float,
    baseline: float,
    alpha: float = 0.05,
    paired: bool = False,
    discordance: float | None = None,
) -> RatePower:
    """The power of n episodes of each checkpoint with these true success rates. Raises ValueError."""
    check_chances(alpha=alpha)
    _check(n, candidate, baseline)
    if paired:
        psi = _discordance(candidate, baseline, discordance)
        is_exact = n <= EXACT_PAIRED
        paired_power = _mcnemar if is_exact else _mcnemar_normal
        power = paired_power(n, candidate - baseline, psi, alpha)
        return RatePower(n=n, power=power, test="McNemar", is_exact=is_exact)
    is_exact = n <= EXACT_UNPAIRED
    unpaired_power = _boschloo if is_exact else _unpaired_normal
    return RatePower(n=n, power=unpaired_power(n, candidate, baseline, alpha), test="Boschloo", is_exact=is_exact)


def episodes_needed(
    *,
    candidate: float,
    baseline: float,
    power: float = 0.8,
    alpha: float = 0.05,
    paired: bool = False,
    discordance: float | None = None,
) -> RatePower:
    """A number of episodes of each checkpoint that shows the difference with this power, while one less does not.

    Raises ImpossibleStudyError for rates so close that over ten million episodes would be needed, and for a discordance
    that they can't have; ValueError for equal rates.
    """
    check_chances(power=power, alpha=alpha)
    _check(1, candidate, baseline)
    psi = _discordance(candidate, baseline, discordance) if paired else None
    if candidate == baseline:
        raise ValueError("no number of episodes shows a difference between equal success rates")
    z = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    variance = psi if psi is not None else candidate * (1 - candidate) + baseline * (1 - baseline)
    start = max(3, math.ceil(z * z * variance / (candidate - baseline) ** 2))
    if start > _MOST:
        raise ImpossibleStudyError(
            f"success rates of {candidate:g} and {baseline:g} are too close: telling them apart takes over ten million "
            "episodes"
        )

    def of(n: int) -> RatePower:
        return power_of_episodes(n, candidate=candidate, baseline=baseline, alpha=alpha, paired=paired, discordance=psi)

    n = fewest(lambda n: of(n).power >= power, 0, start)
    return of(n)


def detectable_rates(
    n: int,
    baseline: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    paired: bool = False,
    discordance: float | None = None,
) -> DetectableRates:
    """The success rates nearest to the baseline's that n episodes of each tell from it with this power.

    Raises ValueError. With a discordance, rates further away than it are impossible.
    """
    check_chances(power=power, alpha=alpha)
    _check(n, baseline, baseline)

    low, high = _feasible(baseline, discordance) if paired and discordance is not None else (0.0, 1.0)

    def of(candidate: float) -> RatePower:
        return power_of_episodes(
            n, candidate=candidate, baseline=baseline, alpha=alpha, paired=paired, discordance=discordance
        )

    def nearest(start: float, end: float) -> float | None:
        if of(end).power < power:
            return None
        return crossing(lambda rate: of(rate).power < power, start, end)

    kind = of(low)
    return DetectableRates(
        lower=nearest(min(baseline, high), low) if low < baseline else None,
        higher=nearest(max(baseline, low), high) if high > baseline else None,
        test=kind.test,
        is_exact=kind.is_exact,
    )


def independent_discordance(candidate: float, baseline: float) -> float:
    """The rate of episodes that only one solves, where an episode says nothing of who solves it."""
    return candidate * (1 - baseline) + baseline * (1 - candidate)


def _discordance(candidate: float, baseline: float, given: float | None) -> float:
    if given is None:
        return independent_discordance(candidate, baseline)
    low, high = _feasible(baseline, given)
    if not low <= candidate <= high:
        least, most = abs(candidate - baseline), min(candidate + baseline, 2 - candidate - baseline)
        raise ImpossibleStudyError(
            f"success rates of {candidate:g} and {baseline:g} can't differ in {given:g} of the same episodes, "
            f"only in between {least:.3g} and {most:.3g}"
        )
    return given


def _feasible(baseline: float, discordance: float) -> tuple[float, float]:
    """The success rates that differ from the baseline's in so many of the same episodes."""
    if not 0 < discordance <= 1:
        raise ValueError(f"a discordance is a rate above 0 and up to 1; {discordance} was given")
    return abs(baseline - discordance), 1 - abs(1 - baseline - discordance)


def _boschloo(n: int, candidate: float, baseline: float, alpha: float) -> float:
    region = _boschloo_region(n, alpha)
    ours, theirs = np.array([candidate]), np.array([baseline])
    return float(region.probability(ours, theirs)[0] + region.probability(theirs, ours)[0])


@lru_cache(maxsize=64)
def _boschloo_region(n: int, alpha: float) -> Region:
    """The outcomes of n episodes each in which the test finds the candidate better."""
    table = exact.fisher_table(n, n)

    levels = np.unique(table[table > alpha / 2])

    def is_too_high(count: int) -> bool:
        return exact.size(exact.region_of_fisher(table, levels[count - 1])) > alpha / 2

    count = fewest(is_too_high, 0, len(levels))
    return exact.region_of_fisher(table, levels[count - 2] if count > 1 else alpha / 2)


def _unpaired_normal(n: int, candidate: float, baseline: float, alpha: float) -> float:
    """Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, section 4.2, no correction."""
    mean = (candidate + baseline) / 2
    limit = normal_quantile(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    own = candidate * (1 - candidate) + baseline * (1 - baseline)
    return _normal_power(abs(candidate - baseline) * math.sqrt(n), limit, own)


def _mcnemar(n: int, difference: float, discordance: float, alpha: float) -> float:
    if discordance == 0:
        return 0.0
    share = min(1.0, max(0.0, (discordance + difference) / (2 * discordance)))
    weights_D = exact.binomial(n, np.array([discordance]))[0]
    limits_D = _mcnemar_limits(alpha)
    return math.fsum(
        float(weights_D[tosses])
        * (_at_most(limits_D[tosses], tosses, share) + _at_most(limits_D[tosses], tosses, 1 - share))
        for tosses in np.flatnonzero(weights_D > _NEGLIGIBLE).tolist()
        if limits_D[tosses] >= 0
    )


@lru_cache(maxsize=16)
def _mcnemar_limits(alpha: float) -> list[int]:
    """The largest counts of one kind among 0, 1, ... discordant episodes that are significantly few; -1: none is."""
    limits = [-1]
    for tosses in range(1, EXACT_PAIRED + 1):
        following = limits[-1] + 1  # one more toss never makes it smaller, and never larger by two
        limits.append(following if 2 * _at_most(following, tosses, 0.5) <= alpha else limits[-1])
    return limits


def _at_most(count: int, n: int, rate: float) -> float:
    """The probability of at most so many successes, fewer than n."""
    return beta_cdf(1 - rate, n - count, count + 1)


def _mcnemar_normal(n: int, difference: float, discordance: float, alpha: float) -> float:
    """Connor 1987, doi:10.2307/2531961."""
    limit = normal_quantile(1 - alpha / 2) * math.sqrt(discordance)
    return _normal_power(abs(difference) * math.sqrt(n), limit, discordance - difference**2)


def _normal_power(shift: float, limit: float, variance: float) -> float:
    if variance <= 0:
        return 1.0 if shift > limit else 0.0
    spread = math.sqrt(2 * variance)
    return (math.erfc((limit - shift) / spread) + math.erfc((limit + shift) / spread)) / 2


def _check(n: int, *rates: float) -> None:
    if n < 1:
        raise ValueError(f"{n} episodes: there must be at least one")
    for rate in rates:
        if not 0 <= rate <= 1:
            raise ValueError(f"a success rate lies between 0 and 1; {rate} was given")
