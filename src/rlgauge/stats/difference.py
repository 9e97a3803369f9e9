"""How much better one algorithm is than another, in any metric over tasks.

Shapes: T tasks, R seeds of a task, B replicates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats.aggregate import left_out
from rlgauge.stats.bootstrap import Floats, Strata, draw, replicate
from rlgauge.stats.estimate import Method, summarise
from rlgauge.stats.metrics import Metric, evaluate
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
    optimum: float = 1.0,
    threads: int = 1,
) -> Summary:
    """The candidate's metric minus the baseline's; both have one array of scores a task, in the same order of tasks.

    The seeds of both are resampled within tasks, each by itself, or with `paired` together: then both have the same
    seeds in the same order (the same data, the same initialisation), and what they share cancels. The random numbers
    follow from the scores. Raises ValueError for unequal tasks, or seeds that can't be paired.
    """
    ours, theirs = (Strata(scores, keep_order=paired) for scores in (candidate, baseline))
    _check(ours, theirs, paired=paired)

    def value(mine: Strata, other: Strata) -> float:
        both = (evaluate(one, one.original(), (metric,), optimum=optimum)[0, 0] for one in (mine, other))
        return float(next(both) - next(both))

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        mine = draw(rng, ours.sizes, num)
        others = mine if paired else draw(rng, theirs.sizes, num)
        gained, lost = (
            evaluate(one, one.sample(drawn), (metric,), optimum=optimum)
            for one, drawn in ((ours, mine), (theirs, others))
        )
        return gained[:, 0] - lost[:, 0]

    def jackknife() -> list[Floats]:
        mine, others = (left_out(one, metric, optimum=optimum) for one in (ours, theirs))
        point = value(ours, theirs)
        if paired:
            return [gained - lost for gained, lost in zip(mine, others, strict=True)]
        return [*mine, *(point - values for values in others)]

    digest = hashlib.blake2b(ours.digest() + theirs.digest() + bytes([paired]), digest_size=16).digest()
    is_drawn = method != "t" and max(*ours.sizes, *theirs.sizes) > 1
    return summarise(
        replicate(digest, replicates, ours.num + theirs.num, reduce, threads=threads) if is_drawn else np.empty(0),
        value(ours, theirs),
        [ours, theirs],
        jackknife,
        method=method,
        confidence=confidence,
        missing=missing,
        is_paired=paired,
    )


def _check(ours: Strata, theirs: Strata, *, paired: bool) -> None:
    if len(ours.tasks) != len(theirs.tasks):
        raise ValueError(f"the candidate has {len(ours.tasks)} tasks and the baseline {len(theirs.tasks)}")
    if paired and ours.sizes != theirs.sizes:
        raise ValueError(f"seeds can't be paired: {ours.sizes} of the candidate against {theirs.sizes} of the baseline")
