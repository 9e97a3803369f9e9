"""Performance profiles: which share of runs, or of tasks, scores above each threshold.

Shapes: T tasks, N scores of all tasks in rising order, B replicates, K thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats.bootstrap import Floats, Sample, Strata, draw, replicate
from rlgauge.stats.estimate import Method, doubts_of, interval
from rlgauge.stats.metrics import task_means

Average = Literal["runs", "tasks"]


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
    threads: int = 1,
) -> Profile:
    """The share of scores above each threshold: of runs, the score distribution; of tasks, their means'.

    Agarwal et al. 2021, arXiv:2108.13264, section 4.2; Dolan and More 2002. Every task weighs the same. The seeds are
    resampled within tasks; the band holds at each threshold by itself. Raises ValueError; `bca` is not offered.
    """
    if average not in {"runs", "tasks"}:
        raise ValueError(f"Unknown average {average!r}. Known: runs, tasks.")
    if method == "bca":
        raise ValueError("a profile has no BCa interval; take expanded, percentile or t")
    strata = Strata(scores_by_task)
    thresholds_K = np.asarray(thresholds, np.float64)
    if not np.isfinite(thresholds_K).all():
        raise ValueError("a threshold is not finite")
    places_K = np.searchsorted(strata.scores_N, thresholds_K, side="right")

    def shares(sample: Sample) -> Floats:
        if average == "tasks":
            return np.asarray((task_means(strata, sample)[:, :, None] > thresholds_K).mean(1))
        below_BN = np.cumsum(sample.weights_BN, axis=1)
        padded = np.concatenate([np.zeros((len(below_BN), 1), below_BN.dtype), below_BN], axis=1)
        return np.asarray(1.0 - padded[:, places_K] / sample.total)

    def reduce(rng: np.random.Generator, num: int) -> Floats:
        return shares(strata.sample(draw(rng, strata.sizes, num)))

    points_K = shares(strata.original())[0]
    ends = None
    if max(strata.sizes) > 1:
        drawn_BK = replicate(strata.digest(), replicates, strata.num, reduce, threads=threads)
        left_NK = shares(strata.left_out()[0])
        ends = [
            _ends(strata, drawn_BK[:, k], float(points_K[k]), left_NK[:, k], method=method, confidence=confidence)
            for k in range(len(points_K))
        ]
    return Profile(
        thresholds=tuple(thresholds_K.tolist()),
        points=tuple(points_K.tolist()),
        lows=None if ends is None else tuple(low for low, _ in ends),
        highs=None if ends is None else tuple(high for _, high in ends),
        n=strata.num,
        missing=missing,
        method=f"{average}, {method}",
        confidence=confidence,
        warnings=tuple(doubts_of(strata)),
    )


def _ends(
    strata: Strata, drawn_B: Floats, point: float, left_N: Floats, *, method: Method, confidence: float
) -> tuple[float, float]:
    """The interval at one threshold, within 0..1 and around the point."""
    sizes = [size for size in strata.sizes if size > 1]
    found = interval(
        drawn_B,
        point,
        strata.sizes,
        lambda: np.split(left_N, np.cumsum(sizes)[:-1]),
        method=method,
        confidence=confidence,
    )
    low, high = found or (point, point)
    return max(0.0, min(low, point)), min(1.0, max(high, point))
