"""Aggregate scores of an algorithm over tasks and training seeds, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats import with_numba
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
    strata = Strata(scores_by_task)
    kernels = with_numba.kernels(replicates * strata.num)
    functionals = Functionals(strata, metrics, optimum=optimum, kernels=kernels)
    points = functionals.point()
    units = [len(strata.sizes)] if resample_tasks else strata.sizes

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        if resample_tasks:
            tasks_BT = strata.draw_tasks(rng, num)
            return functionals.of(strata.sample_tasks(tasks_BT, strata.draw_in(rng, tasks_BT)))
        return functionals.of_drawn(strata.draw(rng, num))

    drawn = np.empty((0, len(metrics)))
    if method != "t" and max(units) > 1:
        drawn = replicate(strata.digest(), replicates, strata.num, reduce, threads=threads)
    return {
        metric: _possible(
            metric,
            summarise(
                drawn[:, place],
                float(points[place]),
                [strata],
                partial(left_out, strata, metric, optimum=optimum, whole_tasks=resample_tasks),
                method=method,
                confidence=confidence,
                missing=missing,
                units=units,
            ),
        )
        for place, metric in enumerate(metrics)
    }


def _possible(metric: Metric, found: Summary) -> Summary:
    """The summary without what the metric can't be: no optimality gap is below 0."""
    if metric != "optimality_gap" or found.low is None or found.low >= 0:
        return found
    return msgspec.structs.replace(found, low=0.0)


def left_out(strata: Strata, metric: Metric, *, optimum: float, whole_tasks: bool = False) -> list[Floats]:
    """The metric without each seed in turn, an array a task with several seeds; or without each task, in one array."""
    functionals = Functionals(strata, (metric,), optimum=optimum)
    if whole_tasks:
        return [functionals.of(strata.tasks_left_out())[:, 0]]
    sample, sizes = strata.left_out()
    return np.split(functionals.of(sample)[:, 0], np.cumsum(sizes)[:-1]) if sizes else []
