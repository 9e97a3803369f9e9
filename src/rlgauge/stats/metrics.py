"""Aggregate scores of one algorithm over its tasks, for every sample at once.

Shapes: T tasks, N scores of all tasks in rising order, B samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from rlgauge.stats.bootstrap import Drawn, Floats, Sample, Strata

Metric = Literal["iqm", "mean", "median", "optimality_gap"]
METRICS: tuple[Metric, ...] = ("iqm", "mean", "median", "optimality_gap")
"""Known metrics: interquartile mean, mean, median of the tasks' means, optimality gap."""
_QUARTER = 4


def evaluate(strata: Strata, sample: Sample, metrics: Sequence[Metric], *, optimum: float) -> Floats:
    """The metrics of every sample, (B, number of metrics). Raises ValueError for an unknown metric.

    iqm: mean of the scores between the quartiles, all tasks pooled (Agarwal et al. 2021, arXiv:2108.13264). With the
    same number R of seeds everywhere floor(T R / 4) scores are cut at either end, as `scipy.stats.trim_mean` does; in
    general every score has the weight 1/R of its task, and the share floor(N / 4) / N of the weight is cut.
    mean: of the tasks' means. median: of the tasks' means. optimality_gap: mean of what scores lack to `optimum`.
    """
    if unknown := [name for name in metrics if name not in METRICS]:
        raise ValueError(f"Unknown metric {unknown[0]!r}. Known: {', '.join(METRICS)}.")
    cumulative_BN = strata.cumulative(sample) if set(metrics) != {"median"} else np.empty((0, 0))
    return np.stack([_metric(name, strata, sample, cumulative_BN, optimum) for name in metrics], axis=1)


def _metric(name: Metric, strata: Strata, sample: Sample, cumulative_BN: Floats, optimum: float) -> Floats:
    match name:
        case "iqm":
            cut = sample.total * (sample.num // _QUARTER) / sample.num
            return _mean_between(strata.scores_N, cumulative_BN, cut, sample.total - cut)
        case "mean":
            return _mean_between(strata.scores_N, cumulative_BN, 0.0, sample.total)
        case "optimality_gap":
            return _mean_between(np.maximum(optimum - strata.scores_N, 0.0), cumulative_BN, 0.0, sample.total)
        case "median":
            return np.asarray(np.median(task_means(strata, sample), axis=1))


def _mean_between(values_N: Floats, cumulative_BN: Floats, low: float, high: float) -> Floats:
    """The mean of the values whose cumulative weight lies between two bounds, (B,); `values_N` in the scores' order.

    By parts, as the middle value and the steps away from it: what is cut takes no part, however large, and values that
    are equal give exactly their value.
    """
    middle = len(values_N) // 2
    beyond_N = np.full(len(values_N), low)
    beyond_N[middle:] = high
    steps_N = np.append(values_N[:-1] - values_N[1:], 0.0)
    kept_BN = cumulative_BN.clip(low, high)
    kept_BN -= beyond_N
    # Not a matrix product: its order of adding may depend on the number of threads.
    return np.asarray(values_N[middle] + np.einsum("bn,n->b", kept_BN, steps_N) / (high - low))


def task_means(strata: Strata, sample: Sample) -> Floats:
    """The mean of every task, (B, T)."""
    if sample.means_BT is not None:
        return sample.means_BT
    firsts_T = strata.values_N[strata.starts_T]
    above_N = strata.values_N - np.repeat(firsts_T, strata.sizes)
    if strata.is_even:
        by_task = (-1, len(strata.tasks), strata.sizes[0])
        sums_BT = np.einsum("btr,tr->bt", sample.weights_BN.reshape(by_task), above_N.reshape(by_task[1:]))
    else:
        sums_BT = np.add.reduceat(sample.weights_BN * above_N, strata.starts_T, axis=1)
    return np.asarray(firsts_T + sums_BT * (len(strata.tasks) / sample.total))
