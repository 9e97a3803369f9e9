"""How much better one algorithm is than another, in any metric over tasks.

Shapes: T tasks, B replicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats.aggregate import left_out
from rlgauge.stats.bootstrap import Floats, replicate
from rlgauge.stats.estimate import Method, check_method, summarise
from rlgauge.stats.metrics import Functionals, Metric
from rlgauge.stats.strata import Strata, in_pairs
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
    the tasks are drawn first, the same for both. The random numbers follow from the scores. Raises ValueError for
    unequal tasks, or seeds that can't be paired.
    """
    check_method(method)
    _check(candidate, baseline, paired=paired)
    ours, theirs = (Strata(scores, keep_order=True) for scores in _ordered(candidate, baseline, paired=paired))
    sides = [Functionals(one, (metric,), optimum=optimum) for one in (ours, theirs)]
    units = ours.sizes if paired else [*ours.sizes, *theirs.sizes]
    if resample_tasks:
        units = [len(ours.sizes)]

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        if resample_tasks:
            return _of_tasks(sides, rng, num, paired=paired)
        drawn = ours.draw(rng, num)
        others = drawn if paired else theirs.draw(rng, num)
        return (sides[0].of_drawn(drawn) - sides[1].of_drawn(others))[:, 0]

    point = float(sides[0].point()[0] - sides[1].point()[0])

    def jackknife() -> list[Floats]:
        mine, others = (left_out(one, metric, optimum=optimum, whole_tasks=resample_tasks) for one in (ours, theirs))
        if paired or resample_tasks:
            return [gained - lost for gained, lost in zip(mine, others, strict=True)]
        return [*mine, *(-values for values in others)]

    digest = hashlib.blake2b(ours.digest() + theirs.digest() + bytes([paired]), digest_size=16).digest()
    drawn_B = np.empty(0)
    if method != "t" and max(units) > 1:
        drawn_B = replicate(digest, replicates, ours.num + theirs.num, reduce, threads=threads)
    return summarise(
        drawn_B,
        point,
        [ours, theirs],
        jackknife,
        method=method,
        confidence=confidence,
        missing=missing,
        units=units,
    )


def _of_tasks(sides: Sequence[Functionals], rng: np.random.Generator, num: int, *, paired: bool) -> Floats:
    """Differences on tasks that were drawn for both, and then their seeds, the same for both if paired."""
    ours, theirs = sides
    tasks_BT = ours.strata.draw_tasks(rng, num)
    other_rng = rng
    if paired:
        state = np.random.SFC64()
        state.state = rng.bit_generator.state
        other_rng = np.random.Generator(state)
    gained = ours.of(ours.strata.sample_tasks(rng, tasks_BT))
    lost = theirs.of(theirs.strata.sample_tasks(other_rng, tasks_BT))
    return np.asarray((gained - lost)[:, 0])
