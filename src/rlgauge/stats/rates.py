"""The success rate of an algorithm that was trained with several seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from rlgauge.stats.intervals import normal_quantile, two_sided, wilson
from rlgauge.stats.quantiles import student_t_quantile
from rlgauge.stats.summary import Summary

_FEW = 5


def success_over_seeds(
    successes: Sequence[int], episodes: Sequence[int], *, confidence: float = 0.95, missing: int = 0
) -> Summary:
    """The mean over training seeds of each seed's success rate, 0..1; `n` counts seeds, which weigh the same.

    Element i of both is one training seed. Student's interval on the log-odds of the mean, and nowhere narrower than
    the normal one of pooled episodes, so that seeds that agree by chance don't make it vanish. Where every episode of
    every seed ended alike, how seeds differ was not seen: Wilson's interval of a success rate of so many seeds. One
    seed: Wilson's interval of its episodes, which says nothing of other seeds. `missing` counts seeds without episodes.

    Pooled episodes are no alternative: where seeds differ by a standard deviation of 0.1, their 95 % interval covers
    73 %. Raises ValueError for no seeds, unequal lengths or counts that can't be.
    """
    _check(successes, episodes)
    if len(episodes) == 1:
        doubt = "One training seed: the interval is that of its checkpoint and says nothing of other seeds."
        return _renamed(wilson(successes[0], episodes[0], confidence=confidence, missing=missing), 1, "Wilson", doubt)
    n = len(episodes)
    if sum(successes) in {0, sum(episodes)}:
        doubt = "Every episode of every seed ended alike: the interval is that of a success rate of so many seeds."
        summary = wilson(n if sum(successes) else 0, n, confidence=confidence, missing=missing)
        return _renamed(summary, n, "Wilson over seeds", doubt)
    rates = [won / played for won, played in zip(successes, episodes, strict=True)]
    low, high = _logit_t(rates, episodes, two_sided(confidence))
    return Summary(
        point=math.fsum(rates) / n,
        low=low,
        high=high,
        n=n,
        missing=missing,
        method="logit-t over seeds",
        confidence=confidence,
        warnings=(f"Only {n} seeds: a seed that fails altogether may not have been seen yet.",) if n < _FEW else (),
    )


def chance_variance(rates: Sequence[float], episodes: Sequence[int]) -> float:
    """The variance of one of the rates if all seeds have one success rate: that of its episodes alone, never 0.

    Element i of both is one training seed. One success and one failure are added to the episodes of all seeds, for the
    difference of two such sides (Agresti and Caffo 2000, doi:10.1080/00031305.2000.10474560).
    """
    total = sum(episodes)
    rate = (math.fsum(rates) / len(rates) * total + 1) / (total + 2)
    return rate * (1 - rate) * math.fsum(1 / played for played in episodes) / len(episodes)


def _logit_t(rates: Sequence[float], episodes: Sequence[int], p: float) -> tuple[float, float]:
    n = len(rates)
    mean = math.fsum(rates) / n
    between = math.fsum((rate - mean) ** 2 for rate in rates) / (n - 1) / n
    within = mean * (1 - mean) * math.fsum(1 / played for played in episodes) / (n * n)
    half = max(student_t_quantile(p, n - 1) * math.sqrt(between), normal_quantile(p) * math.sqrt(within))
    half /= mean * (1 - mean)  # the slope of the log-odds
    centre = math.log(mean / (1 - mean))
    return _logistic(centre - half), _logistic(centre + half)


def _logistic(log_odds: float) -> float:
    ratio = math.exp(-abs(log_odds))
    return (1.0 if log_odds > 0 else ratio) / (1 + ratio)


def _renamed(summary: Summary, n: int, method: str, doubt: str) -> Summary:
    return msgspec.structs.replace(summary, n=n, method=method, warnings=(doubt,))


def _check(successes: Sequence[int], episodes: Sequence[int]) -> None:
    if len(successes) != len(episodes) or not episodes:
        raise ValueError(
            f"{len(successes)} counts of successes and {len(episodes)} of episodes: give one of each a seed"
        )
    for won, played in zip(successes, episodes, strict=True):
        if played < 1 or not 0 <= won <= played:
            raise ValueError(f"{won} successes in {played} episodes: there must be one episode, and no more successes")
