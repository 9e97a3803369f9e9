"""Performance profiles: which share of runs, or of tasks, scores above each threshold.

Shapes: T tasks, N scores of all tasks in rising order, B replicates, K thresholds, C bins of a share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlgauge.stats import with_numba
from rlgauge.stats.bootstrap import Floats, tally
from rlgauge.stats.estimate import (
    NAMES,
    Method,
    check_method,
    doubts_of,
    doubts_of_units,
    is_out_of_reach,
    is_tiny,
    jackknife_error,
    tails,
)
from rlgauge.stats.intervals import two_sided
from rlgauge.stats.metrics import cumulative, task_means
from rlgauge.stats.quantiles import student_t_quantile
from rlgauge.stats.strata import Drawn, Sample, Strata

Average = Literal["runs", "tasks"]
_RAGGED_BINS = 1 << 13
"""Shares of runs of tasks that differ in seeds are counted to this part of 1."""
_ROUNDING = 1e-12
"""So much of the scores' size a mean may lie above a threshold and be equal to it: success rates often are."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Shares, 0..1, above each threshold, with pointwise intervals; `lows` and `highs` are None for one seed a task."""

    thresholds: tuple[float, ...]
    points: tuple[float, ...]
    lows: tuple[float, ...] | None
    highs: tuple[float, ...] | None
    n: int
    missing: int = 0
    method: str
    confidence: float = 0.95
    warnings: tuple[str, ...] = ()


def performance_profile(
    scores_by_task: Sequence[ArrayLike],
    thresholds: Sequence[float],
    *,
    average: Average = "runs",
    method: Method = "expanded",
    confidence: float = 0.95,
    replicates: int = 10_000,
    missing: int = 0,
    resample_tasks: bool = False,
    threads: int = 1,
) -> Profile:
    """The share of scores above each threshold: of runs, the score distribution; of tasks, their means'.

    Agarwal et al. 2021, arXiv:2108.13264, section 4.2; Dolan and More 2002. Every task weighs the same. The seeds are
    resampled within tasks, with `resample_tasks` in tasks that are drawn first; the band holds at each threshold by
    itself. Raises ValueError; `bca` is not offered.
    """
    check_method(method, ("expanded", "percentile", "t"))
    strata = Strata(scores_by_task)
    shares = Shares(strata, thresholds, average)
    points_K = shares.of(strata.original())[0]
    units = [len(strata.sizes)] if resample_tasks else strata.sizes
    doubts = [*doubts_of(strata), *doubts_of_units([strata], units, method)]
    is_short = method == "expanded" and not resample_tasks and is_out_of_reach(units, confidence)
    method = "t" if is_short or is_tiny([strata]) else method
    if max(units) == 1:
        ends = None
    elif method == "t":
        ends = _student(shares, points_K, confidence, resample_tasks=resample_tasks)
    else:
        read_at = tails(units, method=method, confidence=confidence)
        ends = _bootstrap(shares, read_at, replicates, resample_tasks=resample_tasks, threads=threads)
    lows_K, highs_K = ends or (points_K, points_K)
    lows_K, highs_K = np.minimum(lows_K, points_K).clip(0, 1), np.maximum(highs_K, points_K).clip(0, 1)
    return Profile(
        thresholds=tuple(shares.thresholds_K.tolist()),
        points=tuple(points_K.tolist()),
        lows=None if ends is None else tuple(lows_K.tolist()),
        highs=None if ends is None else tuple(highs_K.tolist()),
        n=strata.num,
        missing=missing,
        method=NAMES[method],
        confidence=confidence,
        warnings=(*doubts, *([] if ends is None else _flat(lows_K, highs_K))),
    )


def _flat(lows_K: Floats, highs_K: Floats) -> list[str]:
    num_flat = int(np.count_nonzero(lows_K == highs_K))
    where = f"{num_flat} of {len(lows_K)} thresholds"
    return [f"At {where} every resample gave the same share: the band has no width there."] if num_flat else []


class Shares:
    """The shares above thresholds of samples of some scores."""

    def __init__(self, strata: Strata, thresholds: Sequence[float], average: Average) -> None:
        """Find the thresholds among the scores. Raises ValueError for no thresholds, or one that is not finite."""
        if average not in {"runs", "tasks"}:
            raise ValueError(f"Unknown average {average!r}. Known: runs, tasks.")
        self.thresholds_K: Floats = np.asarray(thresholds, np.float64)
        if self.thresholds_K.ndim != 1 or not self.thresholds_K.size or not np.isfinite(self.thresholds_K).all():
            raise ValueError("thresholds are one row of finite numbers, and at least one")
        self.strata = strata
        self.average = average
        middle = float(np.abs(strata.scores_N[[strata.num // 4, -1 - strata.num // 4]]).max())
        self.bounds_K = self.thresholds_K + _ROUNDING * (np.abs(self.thresholds_K) + middle)
        self.places_K = np.searchsorted(strata.scores_N, self.thresholds_K, side="right")
        self.num_bins = strata.num if strata.is_even else _RAGGED_BINS
        if average == "tasks":
            self.num_bins = len(strata.sizes)

    def of(self, sample: Sample) -> Floats:
        """The shares of every sample, (B, K)."""
        if self.average == "tasks":
            return np.asarray((task_means(self.strata, sample)[:, :, None] > self.bounds_K).mean(1))
        below_BN = cumulative(sample)
        above_BK = 1.0 - below_BN.take(self.places_K - 1, axis=1, mode="clip") / sample.total
        above_BK[:, self.places_K == 0] = 1.0
        return np.asarray(above_BK.clip(0.0, 1.0))

    def count_drawn(self, drawn_BN: Drawn, tally_KC: NDArray[np.int64], kernels: with_numba.Kernels | None) -> None:
        """Add one for every replicate and threshold, at what share is not above it."""
        if kernels is not None and self.average == "runs" and self.strata.is_even:
            kernels.tally(drawn_BN, self.strata.place_N, self.places_K, tally_KC)
        else:
            self.count(self.strata.sample(drawn_BN, with_positions=self.average == "tasks"), tally_KC)

    def count(self, sample: Sample, tally_KC: NDArray[np.int64]) -> None:
        """The same for a sample."""
        cells_BK = np.rint((1.0 - self.of(sample)) * self.num_bins).astype(np.intp)
        cells_BK += np.arange(len(tally_KC)) * tally_KC.shape[1]
        if cells_BK.size < tally_KC.size:
            np.add.at(tally_KC.reshape(-1), cells_BK.ravel(), 1)
        else:
            tally_KC += np.bincount(cells_BK.ravel(), minlength=tally_KC.size).reshape(tally_KC.shape)


def _bootstrap(
    shares: Shares, read_at: tuple[float, float], replicates: int, *, resample_tasks: bool, threads: int
) -> tuple[Floats, Floats]:
    """The shares at two probabilities, from how often each came up: replicates take no memory."""
    strata = shares.strata
    kernels = with_numba.kernels(replicates * strata.num)

    def add(rng: np.random.Generator, num: int, tally_KC: NDArray[np.int64]) -> None:
        if resample_tasks:
            tasks_BT = strata.draw_tasks(rng, num)
            shares.count(strata.sample_tasks(tasks_BT, strata.draw_in(rng, tasks_BT)), tally_KC)
        else:
            shares.count_drawn(strata.draw(rng, num), tally_KC, kernels)

    shape = (len(shares.thresholds_K), shares.num_bins + 1)
    tally_KC = tally(strata.digest(), replicates, strata.num, add, shape, threads=threads)
    low, high = read_at
    return 1 - _quantiles(tally_KC, high) / shares.num_bins, 1 - _quantiles(tally_KC, low) / shares.num_bins


def _quantiles(tally_KC: NDArray[np.int64], p: float) -> Floats:
    """The bin, (K,), at a probability, between neighbours by their distance: what `numpy.quantile` gives."""
    up_to_KC = np.cumsum(tally_KC, axis=1)
    rank = p * (int(up_to_KC[0, -1]) - 1)
    below_K, above_K = ((up_to_KC <= place).sum(axis=1) for place in (math.floor(rank), math.ceil(rank)))
    return np.asarray(below_K + (above_K - below_K) * (rank - math.floor(rank)))


def _student(shares: Shares, points_K: Floats, confidence: float, *, resample_tasks: bool) -> tuple[Floats, Floats]:
    """Student's intervals by the stratified jackknife."""
    strata = shares.strata
    if resample_tasks:
        left_out, units = [shares.of(strata.tasks_left_out())], [len(strata.sizes)]
    else:
        sample, sizes = strata.left_out()
        left_out, units = np.split(shares.of(sample), np.cumsum(sizes)[:-1]), strata.sizes
    quantile = student_t_quantile(two_sided(confidence), sum(units) - len(units))
    half_K = quantile * np.array([jackknife_error([part[:, k] for part in left_out]) for k in range(len(points_K))])
    return points_K - half_K, points_K + half_K
