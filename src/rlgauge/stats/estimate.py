"""From replicates to an interval: the methods, and what is said of data that can't carry one.

Shapes: B replicates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import numpy as np

from rlgauge.stats.bootstrap import Floats
from rlgauge.stats.intervals import normal_quantile, two_sided
from rlgauge.stats.quantiles import student_t_quantile
from rlgauge.stats.strata import Strata
from rlgauge.stats.summary import Summary

Method = Literal["expanded", "percentile", "bca", "t"]
METHODS: tuple[Method, ...] = ("expanded", "percentile", "bca", "t")
FEW = 5
"""With fewer seeds a task an interval relies on assumptions more than on data."""
_PAIR = 2
_LENDABLE = 4
"""Degrees of freedom in tasks with several seeds from which on the spread of those with one is taken from theirs."""
_ROUNDING = 1e-12

Jackknife = Callable[[], Sequence[Floats]]
"""The statistic without each seed in turn, an array a task; it is made only where a method needs it."""


def check_method(method: str, known: Sequence[str] = METHODS) -> None:
    """Raise ValueError for a method that is not known."""
    if method not in known:
        raise ValueError(f"Unknown method {method!r}. Known: {', '.join(known)}.")


def tails(sizes: Sequence[int], *, method: Method, confidence: float) -> tuple[float, float]:
    """The probabilities at which replicates are read, for so many seeds in each task: `expanded` and `percentile`.

    expanded: what the normal has at Student's quantile times how much too narrow the bootstrap of so few values is
    (Hesterberg 2015, doi:10.1080/00031305.2015.1089789, section 5.3). With R seeds in each of T tasks that is
    `sqrt(R / (R - 1))`, and Student's degrees of freedom are `T (R - 1)`; else a task counts by the variance of its
    mean, `1 / R_t`, and the degrees are Satterthwaite's (1946, doi:10.2307/3002019). percentile: Efron 1979.
    """
    p = two_sided(confidence)
    if method == "percentile":
        return 1 - p, p
    several = [size for size in sizes if size > 1]
    shown = math.fsum((size - 1) / size**2 for size in several)
    wider = math.sqrt(math.fsum(1 / size for size in several) / shown)
    tail = _normal_cdf(-wider * student_t_quantile(p, degrees_of_freedom(several)))
    return tail, 1 - tail


def degrees_of_freedom(sizes: Sequence[int]) -> float:
    """Of the mean over tasks with so many seeds each, those with one left out: `T (R - 1)` where all have R."""
    several = [size for size in sizes if size > 1]
    if len(set(several)) == 1:
        return len(several) * (several[0] - 1.0)
    total = math.fsum(1 / size for size in several)
    return total**2 / math.fsum(1 / (size**2 * (size - 1)) for size in several)


def unseen(sizes: Sequence[int]) -> float:
    """What an interval is to be stretched by for tasks with one seed, taken to deviate as the others do; 1 for none."""
    seen = math.fsum(1 / size for size in sizes if size > 1)
    return math.sqrt(math.fsum(1 / size for size in sizes) / seen)


def _is_blind(sizes: Sequence[int]) -> bool:
    """Whether too little is known of the spread: nothing, or not enough to be lent to tasks with one seed."""
    known = sum(sizes) - len(sizes)
    return known == 0 or (min(sizes) == 1 and known < _LENDABLE)


def interval(
    replicates_B: Floats, point: float, sizes: Sequence[int], jackknife: Jackknife, *, method: Method, confidence: float
) -> tuple[float, float] | None:
    """The ends of the interval; None where no task has two seeds, or only a few have while others have one.

    expanded, percentile: see `tails`. bca: Efron 1987 with the jackknife's acceleration for strata (Davison and Hinkley
    1997, section 5.3.2). t: Student's with the standard error of the stratified jackknife. Where tasks have one seed,
    expanded and t are stretched, see `unseen`.
    """
    check_method(method)
    p = two_sided(confidence)
    if _is_blind(sizes):
        return None
    if method == "t":
        half = student_t_quantile(p, degrees_of_freedom(sizes)) * jackknife_error(jackknife()) * unseen(sizes)
        return point - half, point + half
    if method == "bca":
        read_at = _bca_tails(replicates_B, point, jackknife(), p)
    else:
        read_at = tails(sizes, method=method, confidence=confidence)
    low, high = np.quantile(replicates_B, read_at)
    if method != "expanded" or min(sizes) > 1:
        return float(low), float(high)
    stretch = unseen(sizes)
    return point + stretch * (float(low) - point), point + stretch * (float(high) - point)


def summarise(
    replicates_B: Floats,
    point: float,
    strata: Sequence[Strata],
    jackknife: Jackknife,
    *,
    method: Method,
    confidence: float,
    missing: int,
    units: Sequence[int],
) -> Summary:
    """The summary with its interval and its doubts.

    `units` counts what was drawn: of every task its seeds, unless tasks were drawn themselves. One task with fewer than
    five seeds gets Student's interval, whatever was asked for: no bootstrap of so few values covers what it claims.
    """
    doubts = list(dict.fromkeys(doubt for one in strata for doubt in doubts_of(one)))
    doubts += doubts_of_units(strata, units, method)
    if is_tiny(strata):
        method = "t"
    elif method == "expanded" and _are_seeds(units, strata) and is_out_of_reach(units, confidence):
        method = "t"
        doubts.append("Too few seeds for a bootstrap: the interval is Student's.")
    ends = interval(replicates_B, point, units, jackknife, method=method, confidence=confidence)
    low, high = (None, None) if ends is None else (min(ends[0], point), max(ends[1], point))
    if ends is not None and ends[1] - ends[0] <= max(_grain(one, point) for one in strata):
        low = high = point
        doubts.append("Every resample gave the same value: an interval of no width says nothing of seeds not run yet.")
    return Summary(
        point=point,
        low=low,
        high=high,
        n=sum(one.num for one in strata),
        missing=missing,
        method=NAMES[method],
        confidence=confidence,
        warnings=tuple(doubts),
    )


def _grain(strata: Strata, point: float) -> float:
    """What rounding may make of equal replicates; a run that diverged makes it no larger if the metric cuts it off."""
    lower, middle, upper = map(float, strata.scores_N[[strata.num // 4, strata.num // 2, -1 - strata.num // 4]])
    reach = (upper - lower) + 0.1 * abs(point - middle)
    return _ROUNDING * reach + 1e-15 * (abs(middle) + abs(point))


NAMES: dict[Method, str] = {
    "expanded": "stratified bootstrap, expanded percentile",
    "percentile": "stratified bootstrap, percentile",
    "bca": "stratified bootstrap, BCa",
    "t": "Student t, stratified jackknife",
}


def is_tiny(strata: Sequence[Strata]) -> bool:
    """Whether there is one task with fewer than five seeds, but more than one."""
    nums = [one.num for one in strata]
    return all(len(one.sizes) == 1 for one in strata) and min(nums) < FEW and max(nums) > 1


def _are_seeds(units: Sequence[int], strata: Sequence[Strata]) -> bool:
    """Whether seeds were drawn, and not tasks."""
    return len(units) >= min(len(one.sizes) for one in strata)


def is_out_of_reach(sizes: Sequence[int], confidence: float) -> bool:
    """Whether `expanded` would read where there is nothing: below the probability of the most extreme resample.

    All seeds of every task are the same one then, which has the probability of the product of `R ** -R`. Two seeds a
    task have three means alone, and reach too short in any number of tasks; see "Coverage" in docs/statistics.md.
    """
    several = [size for size in sizes if size > 1]
    if not several:
        return False
    if max(several) == _PAIR:
        return True
    read_at = tails(several, method="expanded", confidence=confidence)[0]
    return read_at <= math.exp(-math.fsum(size * math.log(size) for size in several))


def doubts_of_units(strata: Sequence[Strata], units: Sequence[int], method: Method) -> Iterator[str]:
    """What a reader of the interval must know of what was drawn for it; see `summarise`."""
    if len(units) < min(len(one.sizes) for one in strata) and units[0] < FEW:
        yield f"Fewer than {FEW} tasks are drawn ({units[0]}): little is known of other tasks."
    if sum(units) == len(units):
        if any(max(one.sizes) > 1 for one in strata):
            yield "One task is drawn: nothing is known of the spread between tasks."
    elif is_tiny(strata) and method != "t":
        yield f"One task and fewer than {FEW} seeds: Student's interval is given instead of a bootstrap."


def doubts_of(strata: Strata) -> Iterator[str]:
    """What a reader of the interval must know of the data under it."""
    if max(strata.sizes) == 1:
        yield "One seed a task: nothing is known of the spread between seeds."
        return
    if min(strata.sizes) < FEW:
        yield f"Fewer than {FEW} seeds in a task ({min(strata.sizes)}): the interval is rough."
    alone = strata.sizes.count(1)
    if alone:
        yield f"{alone} of {len(strata.sizes)} tasks have one seed: {_lent(strata.sizes)}"
    num_constant = sum(len(scores) > 1 and np.ptp(scores) == 0 for scores in strata.tasks)
    if num_constant:
        yield f"All seeds of {num_constant} of {len(strata.tasks)} tasks have one score: was the seed used?"
    elif any(len(np.unique(scores)) < len(scores) for scores in strata.tasks if _is_continuous(scores)):
        yield "Some seeds of a task have exactly the same score: are they copies of one run?"


def _lent(sizes: Sequence[int]) -> str:
    if _is_blind(sizes):
        return "the few others say too little of the spread between seeds for an interval."
    return "their spread is taken to be that of the others."


def _is_continuous(scores: Floats) -> bool:
    """Whether ties are a surprise: few distinct values, such as success rates, tie by themselves."""
    return bool((np.abs(scores * 1000 - np.round(scores * 1000)) > 1e-9 * np.maximum(1.0, np.abs(scores))).all())


def jackknife_error(left_out: Iterable[Floats]) -> float:
    """The standard error by leaving out one seed at a time: sum over tasks of (R - 1) / R times the squares."""
    influences, scale = _influences(list(left_out))
    squares = [len(values) / (len(values) - 1) * float((values**2).sum()) for values in influences]
    return scale * math.sqrt(math.fsum(squares))


def _influences(left_out: Sequence[Floats]) -> tuple[list[Floats], float]:
    """What each seed adds to the statistic, in units of the second number: the most that one does."""
    influences = [(len(values) - 1) / len(values) * (values.mean() - values) for values in left_out]
    scale = max((float(np.abs(values).max()) for values in influences), default=0.0)
    return [values / scale for values in influences] if scale > 0 else influences, scale


def _bca_tails(replicates_B: Floats, point: float, left_out: Sequence[Floats], p: float) -> tuple[float, float]:
    near = np.abs(replicates_B - point) <= _ROUNDING * np.ptp(replicates_B)
    below = (np.count_nonzero((replicates_B < point) & ~near) + 0.5 * np.count_nonzero(near)) / len(replicates_B)
    if not 0 < below < 1:
        return 1 - p, p
    bias = normal_quantile(below)
    influences, _ = _influences(left_out)
    cubes, squares = (sum(float((values**power).sum()) for values in influences) for power in (3, 2))
    acceleration = cubes / (6 * squares**1.5) if squares > 0 else 0.0

    def tail(z: float) -> float:
        return _normal_cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))

    return tail(normal_quantile(1 - p)), tail(normal_quantile(p))


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
