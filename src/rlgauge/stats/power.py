"""What a comparison of two algorithms' scores can show: training seeds, differences and the chance to find them.

The test is Student's at `alpha`, two-sided, of the mean over tasks of the difference. With seeds of their own (the
default) each algorithm has n seeds a task and df = 2 T (n - 1); `paired`, both share n seeds a task, the deviation is
that of the differences and df = T (n - 1). T is `tasks`, the deviation the standard deviation between seeds within a
task. Welch's test and the intervals of metrics need about the same, a little more with few seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from rlgauge.stats.intervals import deviation_limit, normal_quantile
from rlgauge.stats.noncentral import two_sided_power
from rlgauge.stats.roots import crossing, fewest

FEWEST = 2
"""Seeds: one has no deviation."""
_MOST = 10_000_000


class ImpossibleStudyError(ValueError):
    """No study that can be made would show what was asked for; a sentence without its full stop."""


class PilotDeviation(msgspec.Struct, frozen=True, kw_only=True):
    """The standard deviation between seeds that a pilot study measured, with its degrees of freedom.

    `limit` is what the true one does not exceed, with probability `confidence`, if scores are normally distributed.
    """

    deviation: float
    df: int
    limit: float
    confidence: float


def pilot_deviation(samples: Sequence[Sequence[float]], *, confidence: float = 0.9) -> PilotDeviation | None:
    """The deviation within samples (one an algorithm and task), pooled; None where none has two values that differ.

    Raises ValueError for a value that is not finite.
    """
    if not all(math.isfinite(value) for sample in samples for value in sample):
        raise ValueError("a value is not finite")
    df = sum(len(sample) - 1 for sample in samples if len(sample) > 1)
    squares = math.fsum((value - math.fsum(sample) / len(sample)) ** 2 for sample in samples for value in sample)
    if df == 0 or all(min(sample) == max(sample) for sample in samples if len(sample) > 0):
        return None
    deviation = math.sqrt(squares / df)
    limit = deviation_limit(deviation, df, confidence=confidence)
    return PilotDeviation(deviation=deviation, df=df, limit=limit, confidence=confidence)


def power_of_seeds(
    n: int, difference: float, *, deviation: float, alpha: float = 0.05, tasks: int = 1, paired: bool = False
) -> float:
    """The probability, 0..1, that n seeds a task and algorithm show a true difference. Raises ValueError."""
    check_chances(alpha=alpha)
    _check(deviation, n, tasks)
    arms = 1 if paired else 2
    shift = abs(difference) / deviation * math.sqrt(n * tasks / arms)
    return min(1.0, two_sided_power(shift, arms * tasks * (n - 1), alpha=alpha))


def detectable_difference(
    n: int, deviation: float, *, power: float = 0.8, alpha: float = 0.05, tasks: int = 1, paired: bool = False
) -> float:
    """The smallest true difference that n seeds a task and algorithm show with this power. Raises ValueError."""
    check_chances(power=power, alpha=alpha)
    _check(deviation, n, tasks)

    def is_too_small(difference: float) -> bool:
        found = power_of_seeds(n, difference, deviation=1.0, alpha=alpha, tasks=tasks, paired=paired)
        return found < power

    high = 1.0
    while is_too_small(high):
        high *= 2
    return deviation * crossing(is_too_small, 0.0, high)


def seeds_needed(
    difference: float,
    deviation: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    tasks: int = 1,
    paired: bool = False,
) -> int:
    """The fewest seeds a task and algorithm, at least 2, that show a true difference with this power.

    Raises ImpossibleStudyError for a difference so small that over ten million seeds would be needed, ValueError for
    none.
    """
    check_chances(power=power, alpha=alpha)
    _check(deviation, FEWEST, tasks)
    if not 0 < abs(difference) < math.inf:
        raise ValueError(f"no number of seeds shows a difference of {difference}")

    def suffices(n: int) -> bool:
        return power_of_seeds(n, difference, deviation=deviation, alpha=alpha, tasks=tasks, paired=paired) >= power

    if suffices(FEWEST):
        return FEWEST
    start = _normal_seeds(abs(difference) / deviation, power, alpha) * (1 if paired else 2) / tasks
    if start > _MOST:
        raise ImpossibleStudyError(
            f"a difference of {difference:g} is too small to be found: with a deviation of {deviation:.3g} it takes "
            "over ten million seeds"
        )
    return fewest(suffices, FEWEST, max(FEWEST + 1, math.ceil(start)))


def check_chances(*, alpha: float, power: float | None = None) -> None:
    """Raises ValueError for an alpha or a power that is no probability, or a power that chance alone has."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1; {alpha} was given")
    if power is not None and not alpha < power < 1:
        raise ValueError(f"the power lies between alpha ({alpha}) and 1; {power} was given")


def _normal_seeds(effect: float, power: float, alpha: float) -> float:
    """Values needed for a difference of so many deviations from a known one: a little too few."""
    return ((normal_quantile(1 - alpha / 2) + normal_quantile(power)) / effect) ** 2


def _check(deviation: float, n: int, tasks: int) -> None:
    if not 0 < deviation < math.inf:
        raise ValueError(f"a deviation is a number above 0; {deviation} was given")
    if n < FEWEST or tasks < 1:
        raise ValueError(f"{n} seeds of {tasks} tasks: there must be at least {FEWEST} seeds and one task")
