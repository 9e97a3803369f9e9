"""Aggregate scores of an algorithm over tasks and training seeds, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats.bootstrap import Floats, replicate
from rlgauge.stats.estimate import Method, check_method, summarise
from rlgauge.stats.metrics import METRICS, Functionals, Metric
from rlgauge.stats.strata import Strata
from rlgauge.stats.summary import Summary


def aggregate(
    scores_by_task: Sequence[ArrayLike],
    metric: Metric = "iqm",
    *,
    method: Method = "expanded",
    confidence: float = 0.95,
    replicates: int = 10_000,
    missing: int = 0,
    resample_tasks: bool = False,
    optimum: float = 1.0,
    threads: int = 1,
) -> Summary:
    """One metric with its interval; see `aggregates`."""
    return aggregates(
        scores_by_task,
        (metric,),
        method=method,
        confidence=confidence,
        replicates=replicates,
        missing=missing,
        resample_tasks=resample_tasks,
        optimum=optimum,
        threads=threads,
    )[metric]


def aggregates(
    scores_by_task: Sequence[ArrayLike],
    metrics: Sequence[Metric] = METRICS,
    *,
    method: Method = "expanded",
    confidence: float = 0.95,
    replicates: int = 10_000,
    missing: int = 0,
    resample_tasks: bool = False,
    optimum: float = 1.0,
    threads: int = 1,
) -> dict[str, Summary]:
    """Metrics of one algorithm, all from the same resamples of its training seeds.

    `scores_by_task` has one array of scores a task, one score a training seed, of any lengths. The seeds of every task
    are resampled; with `resample_tasks` the tasks first, which asks what other tasks like these would give, and tasks
    are then what is counted for the interval. The random numbers follow from the scores: the same data have the same
    interval to the last digit, in any order of tasks and seeds, with any number of threads. Raises ValueError; see
    `rlgauge.stats.metrics` for what the metrics are and `rlgauge.stats.estimate` for `method`.
    """
    check_method(method)
    strata = Strata(scores_by_task, replicates=replicates)
    points = evaluate(strata, strata.original(), metrics, optimum=optimum)[0]

    def statistic(sample: Sample) -> Floats:
        return evaluate(strata, sample, metrics, optimum=optimum)

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        return statistic(strata.sample_tasks(rng, num) if resample_tasks else strata.sample(strata.draw(rng, num)))

    drawn = np.empty((0, len(metrics)))
    if method != "t" and max(strata.sizes) > 1:
        drawn = replicate(strata.digest(), replicates, strata.bytes_of_a_replicate, reduce, threads=threads)
    left_out = cache(partial(strata.leave_one_out, statistic))
    return {
        metric: summarise(
            drawn[:, place],
            float(points[place]),
            [strata],
            partial(_column, left_out, place),
            method=method,
            confidence=confidence,
            missing=missing,
        )
        for place, metric in enumerate(metrics)
    }


def _column(left_out: Callable[[], Sequence[Floats]], place: int) -> list[Floats]:
    return [values[:, place] for values in left_out()]
