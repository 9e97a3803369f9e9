"""How much better one algorithm is than another, in any metric over tasks.

Shapes: T tasks, B replicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats import with_numba
from rlgauge.stats.aggregate import left_out
from rlgauge.stats.bootstrap import Floats, replicate
from rlgauge.stats.estimate import Method, check_method, summarise
from rlgauge.stats.metrics import Functionals, Metric
from rlgauge.stats.strata import Strata, side_by_side
from rlgauge.stats.summary import Summary


def difference(
    *,
    candidate: Sequence[ArrayLike],
    baseline: Sequence[ArrayLike],
    metric: Metric = "iqm",
    paired: bool = False,
    method: Method = "expanded",
    confidence: float = 0.95,
    replicates: int = 10_000,
    missing: int = 0,
    resample_tasks: bool = False,
    optimum: float = 1.0,
    threads: int = 1,
) -> Summary:
    """The candidate's metric minus the baseline's; both have one array of scores a task, in the same order of tasks.

    The seeds of both are resampled within tasks, each by itself, or with `paired` together: then both have the same
    seeds in the same order (the same data, the same initialisation), and what they share cancels. With `resample_tasks`
    the tasks are drawn first, the same for both. The random numbers follow from the scores, whichever side they are on:
    with the sides exchanged the interval is the same, seen from the other end. There is none where one of the two has
    one seed a task, unless tasks are drawn. Raises ValueError for unequal tasks, or seeds that can't be paired.
    """
    check_method(method)
    _check(candidate, baseline, paired=paired)
    (ours, theirs), is_turned = _in_one_order(candidate, baseline, paired=paired)
    kernels = with_numba.kernels(replicates * (ours.num + theirs.num))
    sides = [Functionals(one, (metric,), optimum=optimum, kernels=kernels) for one in (ours, theirs)]
    point = float(sides[0].point()[0] - sides[1].point()[0])
    blind = None if resample_tasks else _without_spread(*((theirs, ours) if is_turned else (ours, theirs)))
    if blind is not None:
        doubt = f"One seed a task of the {blind}: nothing is known of its spread between seeds."
        found = _without_interval(point, doubt, n=ours.num + theirs.num, missing=missing, confidence=confidence)
        return _turned(found) if is_turned else found
    units = ours.sizes if paired else [*ours.sizes, *theirs.sizes]
    if resample_tasks:
        units = [len(ours.sizes)]

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        if resample_tasks:
            return _of_tasks(sides, rng, num, paired=paired)
        drawn = ours.draw(rng, num)
        others = drawn if paired else theirs.draw(rng, num)
        return (sides[0].of_drawn(drawn) - sides[1].of_drawn(others))[:, 0]

    def jackknife() -> list[Floats]:
        mine, others = (left_out(one, metric, optimum=optimum, whole_tasks=resample_tasks) for one in (ours, theirs))
        is_joint = paired or resample_tasks
        return list(map(np.subtract, mine, others)) if is_joint else [*mine, *map(np.negative, others)]

    drawn_B = np.empty(0)
    if method != "t" and max(units) > 1:
        digest = hashlib.blake2b(_digest((ours, theirs)) + bytes([paired]), digest_size=16).digest()
        drawn_B = replicate(digest, replicates, ours.num + theirs.num, reduce, threads=threads)
    found = summarise(
        drawn_B,
        point,
        [ours, theirs],
        jackknife,
        method=method,
        confidence=confidence,
        missing=missing,
        units=units,
    )
    return _turned(found) if is_turned else found


def _in_one_order(
    candidate: Sequence[ArrayLike], baseline: Sequence[ArrayLike], *, paired: bool
) -> tuple[tuple[Strata, Strata], bool]:
    """Both sides in an order that follows from their scores, not from their names, and whether it is the other one."""
    as_asked = side_by_side(candidate, baseline, paired=paired)
    exchanged = side_by_side(baseline, candidate, paired=paired)
    is_turned = _digest(exchanged) < _digest(as_asked)
    return (exchanged if is_turned else as_asked), is_turned


def _digest(sides: tuple[Strata, Strata]) -> bytes:
    return sides[0].digest() + sides[1].digest()


def _turned(found: Summary) -> Summary:
    """The same difference seen from the other side."""
    low, high = (None if end is None else 0.0 - end for end in (found.high, found.low))
    return msgspec.structs.replace(found, point=0.0 - found.point, low=low, high=high)


def _without_interval(point: float, warning: str, *, n: int, missing: int, confidence: float) -> Summary:
    return Summary(
        point=point,
        low=None,
        high=None,
        n=n,
        missing=missing,
        method="none",
        confidence=confidence,
        warnings=(warning,),
    )


def _without_spread(candidate: Strata, baseline: Strata) -> str | None:
    """Which of the two has one seed a task where the other has more; None where neither or both have."""
    alone = [name for name, one in (("candidate", candidate), ("baseline", baseline)) if max(one.sizes) == 1]
    return alone[0] if len(alone) == 1 else None


def _of_tasks(sides: Sequence[Functionals], rng: np.random.Generator, num: int, *, paired: bool) -> Floats:
    """Differences on tasks that were drawn for both, and then their seeds, the same for both if paired."""
    ours, theirs = (one.strata for one in sides)
    tasks_BT = ours.draw_tasks(rng, num)
    seeds_BTR = ours.draw_in(rng, tasks_BT)
    others_BTR = seeds_BTR if paired else theirs.draw_in(rng, tasks_BT)
    gained = sides[0].of(ours.sample_tasks(tasks_BT, seeds_BTR))
    lost = sides[1].of(theirs.sample_tasks(tasks_BT, others_BTR))
    return np.asarray((gained - lost)[:, 0])


def _check(candidate: Sequence[ArrayLike], baseline: Sequence[ArrayLike], *, paired: bool) -> None:
    if len(candidate) != len(baseline):
        raise ValueError(f"the candidate has {len(candidate)} tasks and the baseline {len(baseline)}")
    if paired:
        ours, theirs = ([np.size(scores) for scores in side] for side in (candidate, baseline))
        if ours != theirs:
            raise ValueError(f"seeds can't be paired: {ours} of the candidate against {theirs} of the baseline")
