"""How many more runs would decide what is inconclusive."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from rlgauge.compare.effect import half_width, welch_error
from rlgauge.stats.noncentral import mean_over_deviations

PROBABILITY = 0.8
"""With which so many more runs decide, if the difference and the deviations are what was measured."""
MOST = 10_000
"""Beyond this many nobody measures."""


def runs_to_decide(
    *,
    point: float,
    variances: tuple[float, float],
    n: tuple[int, int],
    same: tuple[float, float],
    confidence: float,
    num_lines: int,
) -> int | None:
    """The least number of further runs on each side that decides with PROBABILITY; None where MOST are not enough.

    `point` is the difference, `same` the distances below and above 0 within which an interval says `same`. A test among
    `num_lines` is decided at the level that Holm's method asks of the first of them.
    """
    if sum(variances) == 0:
        level = (1 - confidence) / num_lines
        return _least(lambda more: 1 / math.comb(sum(n) + 2 * more, n[0] + more) <= level) if point else None

    def is_enough(more: int) -> bool:
        chance = chance_to_decide(
            point=point,
            variances=variances,
            n=(n[0] + more, n[1] + more),
            same=same,
            confidence=confidence,
            num_lines=num_lines,
        )
        return chance >= PROBABILITY

    return _least(is_enough)


def chance_to_decide(
    *,
    point: float,
    variances: tuple[float, float],
    n: tuple[int, int],
    same: tuple[float, float],
    confidence: float,
    num_lines: int,
) -> float:
    """The probability that a study of so many runs says worse, better or same.

    Its estimate is normal about `point`, and its deviation, by which it judges, an estimate too.
    """
    error, df = welch_error(variances, n)
    limit = half_width(variances, n, confidence=1 - (1 - confidence) / num_lines)
    width = half_width(variances, n, confidence=confidence)
    estimate = NormalDist(point, error)

    def chance(deviation: float) -> float:
        shown, half = limit * deviation, width * deviation
        start, end = max(-shown, -same[0] + half), min(shown, same[1] - half)  # same, and not shown otherwise
        is_shown = estimate.cdf(-shown) + 1 - estimate.cdf(shown)
        return is_shown + (estimate.cdf(end) - estimate.cdf(start) if start < end else 0.0)

    return mean_over_deviations(chance, df)


def _least(is_enough: Callable[[int], bool]) -> int | None:
    """The least number from 1 for which it holds, given that it holds for all larger ones."""
    high = 1
    while not is_enough(high):
        if high >= MOST:
            return None
        high = min(2 * high, MOST)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
