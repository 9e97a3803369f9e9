"""Aggregate scores of an algorithm over tasks and training seeds, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats.bootstrap import Floats, Strata, draw, replicate
from rlgauge.stats.estimate import Method, summarise
from rlgauge.stats.metrics import METRICS, Metric, evaluate
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
    are resampled; with `resample_tasks` the tasks too, which asks what other tasks like these would give. The random
    numbers follow from the scores: the same data have the same interval to the last digit, with any number of threads.
    Raises ValueError; see `rlgauge.stats.metrics` for what the metrics are and `rlgauge.stats.estimate` for `method`.
    """
    strata = Strata(scores_by_task)
    points = evaluate(strata, strata.original(), metrics, optimum=optimum)[0]

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        sample = strata.drawn_tasks(rng, num) if resample_tasks else strata.sample(draw(rng, strata.sizes, num))
        return evaluate(strata, sample, metrics, optimum=optimum)

    drawn = np.empty((0, len(metrics)))
    if method != "t" and max(strata.sizes) > 1:
        drawn = replicate(strata.digest(), replicates, strata.num, reduce, threads=threads)
    return {
        metric: summarise(
            drawn[:, place],
            float(points[place]),
            [strata],
            partial(left_out, strata, metric, optimum=optimum),
            method=method,
            confidence=confidence,
            missing=missing,
        )
        for place, metric in enumerate(metrics)
    }


def left_out(strata: Strata, metric: Metric, *, optimum: float) -> list[Floats]:
    """The metric without each seed in turn, an array a task with several seeds."""
    sample, sizes = strata.left_out()
    return np.split(evaluate(strata, sample, (metric,), optimum=optimum)[:, 0], np.cumsum(sizes)[:-1])
