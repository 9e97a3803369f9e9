"""Aggregate scores of one algorithm over its tasks, for every sample at once.

Shapes: T tasks, N scores of all tasks in rising order, B samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rlgauge.stats.strata import FEWEST_PARTS, Drawn, Floats, Sample, Scale, Strata, plain
from rlgauge.stats.with_numba import Kernels

Metric = Literal["iqm", "mean", "median", "optimality_gap"]
METRICS: tuple[Metric, ...] = ("iqm", "mean", "median", "optimality_gap")
"""Known metrics: interquartile mean, mean, median of the tasks' means, optimality gap."""
_QUARTER = 4


class Functionals:
    """Metrics of samples of some scores.

    iqm: mean of the scores between the quartiles, all tasks pooled (Agarwal et al. 2021, arXiv:2108.13264). With the
    same number R of seeds everywhere floor(T R / 4) scores are cut at either end, as `scipy.stats.trim_mean` does; in
    general every score has the weight 1/R of its task, and the share floor(N / 4) / N of the weight is cut.
    mean: of the tasks' means. median: of the tasks' means. optimality_gap: mean of what scores lack to `optimum`.
    """

    def __init__(
        self, strata: Strata, metrics: Sequence[Metric], *, optimum: float, kernels: Kernels | None = None
    ) -> None:
        """Prepare the scores for counts of them. Raises ValueError for an unknown metric or an infinite optimum."""
        for name in metrics:
            if name not in METRICS:
                raise ValueError(f"Unknown metric {name!r}. Known: {', '.join(METRICS)}.")
        if not math.isfinite(optimum):
            raise ValueError(f"the optimum is a finite score; {optimum} was given")
        self.strata = strata
        self.metrics = tuple(metrics)
        self.gaps_N = np.maximum(optimum - strata.scores_N, 0.0)
        self.scores = strata.scale(strata.scores_N)
        self.gaps = strata.scale(self.gaps_N)
        can_count = strata.is_even and len(self.scores.units_P) == len(self.gaps.units_P) == FEWEST_PARTS
        self.kernels = kernels if can_count else None

    def point(self) -> Floats:
        """The metrics of the scores as they are."""
        return np.asarray(self.of(self.strata.original())[0])

    def of_drawn(self, drawn_BN: Drawn) -> Floats:
        """The metrics of seeds that were drawn, (B, number of metrics)."""
        if self.kernels is None:
            return self.of(self.strata.sample(drawn_BN, with_positions="median" in self.metrics))
        return np.stack([self._counted(name, drawn_BN, self.kernels) for name in self.metrics], axis=1)

    def of(self, sample: Sample) -> Floats:
        """The metrics of every sample, (B, number of metrics)."""
        scores, gaps = self.scores, self.gaps
        if not sample.is_whole:
            scores, gaps = plain(self.strata.scores_N), plain(self.gaps_N)
        return np.stack([self._metric(name, sample, scores, gaps) for name in self.metrics], axis=1)

    def _metric(self, name: Metric, sample: Sample, scores: Scale, gaps: Scale) -> Floats:
        match name:
            case "iqm":
                cut = self.cut(sample.total)
                return scores.means(_middle_sums(sample, scores, cut), sample.total - 2 * cut)
            case "mean":
                return scores.means(_sums(sample.weights_BN, scores.levels_NP), sample.total)
            case "optimality_gap":
                return gaps.means(_sums(sample.weights_BN, gaps.levels_NP), sample.total)
            case "median":
                return _medians(task_means(self.strata, sample, scores))

    def _counted(self, name: Metric, drawn_BN: Drawn, kernels: Kernels) -> Floats:
        place_N, num = self.strata.place_N, self.strata.num
        match name:
            case "iqm":
                cut, steps_NP = num // _QUARTER, self.scores.steps()
                sums_BP = kernels.middle_sums(drawn_BN, place_N, steps_NP, cut) - _beyond(num, cut, num) @ steps_NP
                return self.scores.means(sums_BP, num - 2 * cut)
            case "mean":
                return self.scores.means(kernels.sums(drawn_BN, place_N, self.scores.levels_NP), num)
            case "optimality_gap":
                return self.gaps.means(kernels.sums(drawn_BN, place_N, self.gaps.levels_NP), num)
            case "median":
                levels_NP = self.scores.levels_NP[place_N]
                sums_BTP = kernels.task_sums(drawn_BN, levels_NP, self.strata.sizes[0])
                return _medians(self.scores.means(sums_BTP, self.strata.sizes[0]))

    def cut(self, total: float) -> float:
        """The weight that the interquartile mean cuts at either end; whole where weights are counts."""
        num_cut, num = self.strata.num // _QUARTER, self.strata.num
        return num_cut if total == num else total * num_cut / num


def task_means(strata: Strata, sample: Sample, scores: Scale | None = None) -> Floats:
    """The mean of every task, (B, T)."""
    if sample.means_BT is not None:
        return sample.means_BT
    scores = scores or plain(strata.scores_N)
    if sample.positions_BN is None:
        weights_BN = sample.weights_BN[:, strata.place_N]
        sums_BT = np.add.reduceat(weights_BN * scores.levels_NP[strata.place_N, 0], strata.starts_T, axis=1)
        return scores.means(sums_BT[..., None], np.add.reduceat(weights_BN, strata.starts_T, axis=1))
    parts = [
        np.add.reduceat(levels_N.take(sample.positions_BN, mode="clip"), strata.starts_T, axis=1)
        for levels_N in np.ascontiguousarray(scores.levels_NP.T)
    ]
    return scores.means(np.stack(parts, axis=-1), np.asarray(strata.sizes))


def _medians(means_BT: Floats) -> Floats:
    """The median of every row; sorting is quicker than `numpy.median`, which selects."""
    sorted_BT = np.sort(means_BT, axis=1)
    middle = sorted_BT.shape[1] // 2
    if sorted_BT.shape[1] % 2:
        return np.asarray(sorted_BT[:, middle])
    return np.asarray((sorted_BT[:, middle - 1] + sorted_BT[:, middle]) / 2)


def cumulative(sample: Sample) -> NDArray[Any]:
    """The weight of each score and all below it, (B, N)."""
    weights_BN = sample.weights_BN
    if not sample.is_whole:
        return np.cumsum(weights_BN, axis=1)
    num_samples, num = weights_BN.shape
    sums_BN: NDArray[np.intp] = np.cumsum(weights_BN.ravel()).reshape(weights_BN.shape)  # faster than row by row
    sums_BN -= np.arange(0, num_samples * num, num)[:, None]
    return sums_BN


def _middle_sums(sample: Sample, scale: Scale, cut: float) -> Floats:
    """Sums, (B, P), of levels over the weight between the cuts.

    By parts: the cumulative weight below each score, clipped, times the step to the next, in either direction from the
    middle score, whose level is 0. So what is cut takes no part, however large it is.
    """
    beyond_N, steps_NP = _beyond(sample.weights_BN.shape[1], cut, sample.total), scale.steps()
    below_BN = cumulative(sample)
    kept_BN = np.empty(below_BN.shape)  # matrices are multiplied in floats: clipping converts on the way
    np.clip(below_BN, cut, int(sample.total) - cut, out=kept_BN)
    if sample.is_whole:
        return np.asarray(kept_BN @ steps_NP - beyond_N @ steps_NP)
    kept_BN -= beyond_N
    return _sums(kept_BN, steps_NP)


def _beyond(num: int, cut: float, total: float) -> NDArray[Any]:
    """What the clipped cumulative weight is where a step lies outside of all that is between the cuts, (N,)."""
    return np.asarray(np.where(np.arange(num) < num // 2, cut, int(total) - cut))


def _sums(weights_BN: NDArray[Any], levels_NP: Floats) -> Floats:
    """Weighted sums of levels, (B, P): exact for counts, and for other weights in an order that is always the same."""
    if weights_BN.dtype.kind == "i":
        return np.asarray(weights_BN.astype(np.float64) @ levels_NP)
    sums_BP: Floats = np.einsum("bn,np->bp", weights_BN, levels_NP)
    return sums_BP
