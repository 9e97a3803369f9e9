"""How far runs of one algorithm lie apart that differ in nothing but the training seed.

Shapes: N runs of all tasks that have several.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rlgauge.stats.estimate import doubts_of
from rlgauge.stats.intervals import two_sided
from rlgauge.stats.quantiles import chi_square_quantile
from rlgauge.stats.strata import Floats, Strata
from rlgauge.stats.summary import Summary

_METHOD = "chi-square, degrees of freedom by the kurtosis"


def run_deviation(scores_by_task: Sequence[ArrayLike], *, confidence: float = 0.95, missing: int = 0) -> Summary:
    """The standard deviation between runs of a task, pooled over tasks: of normalised scores, or of one task.

    Variances are weighed by their degrees of freedom, R_t - 1 of R_t runs. The interval is the chi-square's, with the
    degrees of freedom that the kurtosis of all deviations (Layard 1973, doi:10.1080/01621459.1973.10481404) leaves:
    Box 1953, doi:10.1093/biomet/40.3-4.318, with the standard error of Bonett 2006, doi:10.1016/j.csda.2004.10.003.
    Tasks with one run take no part in it. Raises ValueError where all have one, and for scores as `Strata` does.
    """
    strata = Strata(scores_by_task)
    several = [scores for scores in strata.tasks if len(scores) > 1]
    if not several:
        raise ValueError("no task has two runs: one says nothing of the deviation between seeds")
    deviations_N = np.concatenate([_deviations(scores) for scores in several])
    sizes = [len(scores) for scores in several]
    df = len(deviations_N) - len(several)
    scale = float(np.abs(deviations_N).max())
    point, ends = 0.0, None
    if scale > 0:
        squares_N = (deviations_N / scale) ** 2
        point = scale * math.sqrt(math.fsum(squares_N) / df)
        ends = _interval(point, _effective(squares_N, sizes), confidence)
    flat = [] if ends else ["The runs of a task don't differ at all: no interval tells how far others would."]
    return Summary(
        point=point,
        low=None if ends is None else ends[0],
        high=None if ends is None else ends[1],
        n=len(deviations_N),
        missing=missing,
        method=_METHOD,
        confidence=confidence,
        warnings=(*doubts_of(strata), *flat),
    )


def _deviations(scores: Floats) -> Floats:
    """From the mean; exactly 0 where all scores are equal."""
    heights = scores - scores[0]
    return np.asarray(heights - heights.mean())


def _effective(squares_N: Floats, sizes: Sequence[int]) -> float:
    """Degrees of freedom: no more than of normal scores."""
    df = len(squares_N) - len(sizes)
    kurtosis = len(squares_N) * math.fsum(squares_N**2) / math.fsum(squares_N) ** 2
    variance = math.fsum((size - 1) * (kurtosis - (size - 3) / size) for size in sizes) / df**2
    return min(df, 2 / variance)


def _interval(point: float, df: float, confidence: float) -> tuple[float, float]:
    p = two_sided(confidence)
    low, high = (point * math.sqrt(df / chi_square_quantile(tail, df)) for tail in (p, 1 - p))
    return min(low, point), max(high, point)
