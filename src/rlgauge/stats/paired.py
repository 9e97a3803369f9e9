"""Two policies on the same episodes: candidate minus baseline, episode by episode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from rlgauge.stats.intervals import normal_quantile, student_t, two_sided
from rlgauge.stats.summary import Summary

_HALVINGS = 60


class PairedSuccess(msgspec.Struct, frozen=True, kw_only=True):
    """How two policies succeeded on the same episodes.

    `difference` is the candidate's success rate minus the baseline's, in -1..1. `p_value` is McNemar's, exact and
    two-sided: how likely so unequal a split of the episodes that only one of them solved is, if each were as likely to.
    """

    both: int
    only_candidate: int
    only_baseline: int
    neither: int
    difference: Summary
    p_value: float

    @property
    def n(self) -> int:
        """Episodes that both played."""
        return self.both + self.only_candidate + self.only_baseline + self.neither


def mcnemar_exact(
    *, candidate: Sequence[bool], baseline: Sequence[bool], confidence: float = 0.95, missing: int = 0
) -> PairedSuccess:
    """The four counts, McNemar's exact p-value and Tango's score interval of the difference of the rates.

    McNemar 1947, doi:10.1007/BF02295996. Element i of both is the same episode. Raises ValueError for no episodes,
    unequal lengths, or what is neither True nor False: unmeasured episodes are left out and counted in `missing`.
    """
    _check_pairs(candidate, baseline)
    if any(success not in (True, False) for success in (*candidate, *baseline)):
        raise ValueError("a success is True or False; leave out the pairs in which one was not measured")
    pairs = [(bool(ours), bool(theirs)) for ours, theirs in zip(candidate, baseline, strict=True)]
    only_candidate, only_baseline = pairs.count((True, False)), pairs.count((False, True))
    n = len(pairs)
    low, high = tango(only_candidate, only_baseline, n, confidence=confidence)
    return PairedSuccess(
        both=pairs.count((True, True)),
        only_candidate=only_candidate,
        only_baseline=only_baseline,
        neither=pairs.count((False, False)),
        difference=Summary(
            point=(only_candidate - only_baseline) / n,
            low=low,
            high=high,
            n=n,
            missing=missing,
            method="Tango",
            confidence=confidence,
        ),
        p_value=_fair_coin_p_value(only_candidate, only_baseline),
    )


def paired_difference(
    *, candidate: Sequence[float], baseline: Sequence[float], confidence: float = 0.95, missing: int = 0
) -> Summary:
    """The mean of candidate minus baseline over pairs, with Student's interval.

    Element i of both is the same episode. Raises ValueError for no pairs, unequal lengths or a value that is not
    finite.
    """
    _check_pairs(candidate, baseline)
    differences = [float(ours) - float(theirs) for ours, theirs in zip(candidate, baseline, strict=True)]
    summary = student_t(differences, confidence=confidence, missing=missing)
    return msgspec.structs.replace(summary, method="paired Student t")


def tango(only_candidate: int, only_baseline: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of the difference of two rates on the same n episodes, from the discordant counts.

    All differences that the score test does not reject. Tango 1998,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.
    """
    z = normal_quantile(two_sided(confidence))

    def score(difference: float) -> float:
        return _tango_score(only_candidate, only_baseline, n, difference)

    point = (only_candidate - only_baseline) / n
    low = -1.0 if only_baseline == n else _bisect(lambda difference: score(difference) > z, -1.0, point)
    high = 1.0 if only_candidate == n else _bisect(lambda difference: score(difference) >= -z, point, 1.0)
    return low, high


def _tango_score(b: int, c: int, n: int, difference: float) -> float:
    """Standard errors by which the observed difference lies above `difference`; falls as `difference` grows.

    The variance is that of the likeliest rates under `difference`, where `q` is the rate of only-baseline episodes.
    """
    linear = (2 * n - b + c) * difference - b - c
    constant = -c * difference * (1 - difference)
    q = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    excess = b - c - n * difference
    return excess / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, excess)


def _bisect(above: Callable[[float], bool], low: float, high: float) -> float:
    """Where `above` turns from true to false between `low` and `high`."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) else (low, middle)
    return (low + high) / 2


def _fair_coin_p_value(heads: int, tails: int) -> float:
    """The two-sided exact p-value of so uneven a split of tosses of a fair coin; 1 without tosses."""
    tosses = heads + tails
    term = total = 1
    for k in range(min(heads, tails)):
        term = term * (tosses - k) // (k + 1)
        total += term
    return min(1.0, 2 * total / (1 << tosses))


def _check_pairs(candidate: Sequence[object], baseline: Sequence[object]) -> None:
    if len(candidate) != len(baseline):
        raise ValueError(
            f"{len(candidate)} values of the candidate can't be paired with {len(baseline)} of the baseline"
        )
    if len(candidate) == 0:
        raise ValueError("there are no pairs to compare")
