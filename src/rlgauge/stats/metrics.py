"""Aggregate scores of one algorithm over its tasks, for every sample at once.

Shapes: T tasks, N scores of all tasks in rising order, B samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from rlgauge.stats.bootstrap import Floats, Sample, Strata

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
    return np.stack([_metric(name, strata, sample, optimum) for name in metrics], axis=1)


def _metric(name: str, strata: Strata, sample: Sample, optimum: float) -> Floats:
    match name:
        case "iqm":
            return _interquartile_mean(strata, sample)
        case "mean":
            return np.asarray(sample.weights_BN @ strata.scores_N / sample.total)
        case "optimality_gap":
            return np.asarray(sample.weights_BN @ np.maximum(optimum - strata.scores_N, 0.0) / sample.total)
        case "median":
            return np.asarray(np.median(task_means(strata, sample), axis=1))
    raise ValueError(f"Unknown metric {name!r}. Known: {', '.join(METRICS)}.")


def _interquartile_mean(strata: Strata, sample: Sample) -> Floats:
    """By parts: what each score adds to the clipped cumulative weight, times the score."""
    share = sample.num // _QUARTER
    cut = share if sample.total == sample.num else sample.total * share / sample.num
    kept_BN = np.cumsum(sample.weights_BN, axis=1)
    np.clip(kept_BN, cut, int(sample.total) - cut, out=kept_BN)
    steps_N = np.append(strata.scores_N[:-1] - strata.scores_N[1:], strata.scores_N[-1])
    return np.asarray((kept_BN @ steps_N - cut * strata.scores_N[0]) / (sample.total - 2 * cut))


def task_means(strata: Strata, sample: Sample) -> Floats:
    """The mean of every task, (B, T)."""
    if sample.means_BT is not None:
        return sample.means_BT
    means_BT = np.empty((len(sample.weights_BN), len(strata.tasks)))
    for task, place in enumerate(strata.places):
        weights = sample.weights_BN[:, place]
        means_BT[:, task] = weights @ strata.scores_N[place] / weights.sum(1)
    return means_BT
