"""Exact unconditional tests of two independent success rates.

The two rates are equal under the hypothesis, but what they are is not known: the p-value is the largest over all that
they may be. Outcomes that tell for the candidate are found first, then their probability is maximised.

Shapes: C outcomes of the candidate (0..m successes), B of the baseline (0..n), G rates of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = tuple[int, int]
"""Successes and episodes."""

Alternative = Literal["two-sided", "greater", "less"]

LARGEST = 1 << 22
"""Pairs of outcomes up to which a test is exact."""

_TIE = 1e-9
_BLOCK = 1 << 21
_PEAKS, _ROUNDS, _POINTS = 6, 5, 17


def boschloo(*, candidate: Counts, baseline: Counts, alternative: Alternative = "two-sided") -> float:
    """The p-value of Boschloo's test that both success rates are equal; `greater`: that the candidate's is not higher.

    Outcomes are ordered by Fisher's one-sided p-value. Two-sided, it is twice the smaller of the one-sided ones.
    Boschloo 1970, doi:10.1111/j.1467-9574.1970.tb00104.x. Raises ValueError for counts that can't be, or too many.
    """
    _check(candidate, baseline, alternative)
    if alternative == "greater":
        return _boschloo_greater(candidate, baseline)
    if alternative == "less":
        return _boschloo_greater(baseline, candidate)
    return min(1.0, 2 * min(_boschloo_greater(candidate, baseline), _boschloo_greater(baseline, candidate)))


def barnard(*, candidate: Counts, baseline: Counts, alternative: Alternative = "two-sided") -> float:
    """The p-value of Barnard's test that both success rates are equal; `greater`: that the candidate's is not higher.

    Outcomes are ordered by the difference of the rates over its pooled standard error, two-sided by its size. Barnard
    1945, doi:10.1038/156177a0; Suissa and Shuster 1985, doi:10.2307/2981892. Raises ValueError as `boschloo` does.
    """
    _check(candidate, baseline, alternative)
    if alternative == "less":
        candidate, baseline = baseline, candidate
    level = score(candidate=candidate, baseline=baseline)
    if alternative == "two-sided":
        level = abs(level)
    if level <= 0:
        return 1.0
    region = _region_of_scores(level, candidate[1], baseline[1])
    if alternative != "two-sided":
        return size(region)
    mirrored = _region_of_scores(level, baseline[1], candidate[1])
    return min(1.0, size(region, mirrored))


class Region(msgspec.Struct, frozen=True):
    """Outcomes that tell for the candidate: with i successes of its own, `highest[i]` of the baseline or fewer.

    -1 where none does. `num_baseline` are the baseline's episodes.
    """

    highest: NDArray[np.int64]
    num_baseline: int

    def probability(self, candidate_G: Floats, baseline_G: Floats) -> Floats:
        """The probability of these outcomes for each pair of true success rates."""
        num_candidate = len(self.highest) - 1
        width = max(1, _BLOCK // max(num_candidate + 1, self.num_baseline + 1))
        parts = []
        for start in range(0, len(candidate_G), width):
            weights_GC = binomial(num_candidate, candidate_G[start : start + width])
            below_GB = np.cumsum(binomial(self.num_baseline, baseline_G[start : start + width]), axis=1)
            below_GB = np.concatenate([np.zeros((len(below_GB), 1)), below_GB], axis=1)
            parts.append(np.einsum("gc,gc->g", weights_GC, below_GB[:, self.highest + 1]))
        return np.concatenate(parts)


def size(*regions: Region) -> float:
    """The largest probability of the regions, which share no outcome, over all rates that both may have."""
    episodes = regions[0].num_baseline + len(regions[0].highest) - 1
    angles_G = np.linspace(0, math.pi / 2, 64 + math.ceil(40 * math.sqrt(episodes)))  # steps far below a deviation

    def probability(angles_G: Floats) -> Floats:
        rates_G = np.sin(angles_G) ** 2
        return np.asarray(np.sum([region.probability(rates_G, rates_G) for region in regions], axis=0))

    return _maximum(probability, angles_G)


def _maximum(function: Callable[[Floats], Floats], grid_G: Floats) -> float:
    """The largest value of the function: the highest peaks of the grid, looked at ever more closely."""
    values_G = function(grid_G)
    padded = np.concatenate([[-1.0], values_G, [-1.0]])
    peaks = np.flatnonzero((values_G >= padded[:-2]) & (values_G >= padded[2:]))
    peaks = peaks[np.argsort(-values_G[peaks], kind="stable")][:_PEAKS]
    best, step = float(values_G.max()), float(grid_G[1] - grid_G[0])
    for peak in grid_G[peaks]:
        centre, half = float(peak), step
        for _ in range(_ROUNDS):
            near = np.clip(np.linspace(centre - half, centre + half, _POINTS), grid_G[0], grid_G[-1])
            values = function(near)
            centre, half = float(near[values.argmax()]), 2 * half / (_POINTS - 1)
            best = max(best, float(values.max()))
    return best


def fisher_table(num_candidate: int, num_baseline: int) -> Floats:
    """Fisher's one-sided p-value of every outcome: how likely at least so many of all successes are the candidate's."""
    logs = _log_factorials(num_candidate + num_baseline)
    table_CB = np.empty((num_candidate + 1, num_baseline + 1))
    ours_C = _log_choices(logs, num_candidate)
    theirs_B = _log_choices(logs, num_baseline)
    all_S = _log_choices(logs, num_candidate + num_baseline)
    for successes in range(num_candidate + num_baseline + 1):
        own = np.arange(max(0, successes - num_baseline), min(num_candidate, successes) + 1)
        weights = np.exp(ours_C[own] + theirs_B[successes - own] - all_S[successes])
        table_CB[own, successes - own] = np.cumsum(weights[::-1])[::-1]
    return table_CB


def region_of_fisher(table_CB: Floats, level: float) -> Region:
    """The outcomes whose Fisher p-value is at most the level."""
    return Region((table_CB <= level * (1 + _TIE)).sum(axis=1) - 1, table_CB.shape[1] - 1)


def binomial(n: int, rates_G: Floats) -> Floats:
    """The probabilities of 0..n successes (columns) at each rate (rows)."""
    rates_G = np.clip(rates_G, 1e-300, 1 - 1e-16)  # the logarithms of 0 times 0 episodes
    wins = np.arange(n + 1)
    logs = _log_choices(_log_factorials(n), n)
    return np.asarray(np.exp(logs + np.outer(np.log(rates_G), wins) + np.outer(np.log1p(-rates_G), n - wins)))


def check_counts(*counts: Counts) -> None:
    """Raises ValueError for no episodes, and for successes that they can't have."""
    for successes, n in counts:
        if n < 1 or not 0 <= successes <= n:
            raise ValueError(
                f"{successes} successes in n = {n} episodes: there must be one episode, and no more successes"
            )


def is_feasible(candidate: Counts, baseline: Counts) -> bool:
    """Whether there are few enough pairs of outcomes for an exact test."""
    return (candidate[1] + 1) * (baseline[1] + 1) <= LARGEST


def _check(candidate: Counts, baseline: Counts, alternative: str) -> None:
    check_counts(candidate, baseline)
    if not is_feasible(candidate, baseline):
        raise ValueError(f"{candidate[1]} and {baseline[1]} episodes are too many for an exact test")
    if alternative not in {"two-sided", "greater", "less"}:
        raise ValueError(f"Unknown alternative {alternative!r}. Known: 'greater', 'less', 'two-sided'.")


def _boschloo_greater(candidate: Counts, baseline: Counts) -> float:
    table_CB = fisher_table(candidate[1], baseline[1])
    return min(1.0, size(region_of_fisher(table_CB, table_CB[candidate[0], baseline[0]])))


def _region_of_scores(level: float, num_candidate: int, num_baseline: int) -> Region:
    """The outcomes whose score is at least the level, which is above 0."""
    ours, theirs = np.arange(num_candidate + 1)[:, None], np.arange(num_baseline + 1)[None, :]
    scores_CB = _score_of_outcomes(ours, num_candidate, theirs, num_baseline)
    return Region((scores_CB >= level * (1 - _TIE)).sum(axis=1) - 1, num_baseline)


def score(*, candidate: Counts, baseline: Counts) -> float:
    """The difference of the rates over its pooled standard error."""
    return float(_score_of_outcomes(np.array(candidate[0]), candidate[1], np.array(baseline[0]), baseline[1]))


def _score_of_outcomes(ours: NDArray[np.int64], m: int, theirs: NDArray[np.int64], n: int) -> Floats:
    """The difference of the rates over its pooled standard error; 0 where all or no episodes are successes."""
    pooled = (ours + theirs) / (m + n)
    error = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    difference = ours / m - theirs / n
    return np.divide(difference, error, out=np.zeros(np.shape(error)), where=error > 0)


def _log_factorials(n: int) -> Floats:
    return np.array([math.lgamma(i + 1) for i in range(n + 1)])


def _log_choices(logs: Floats, n: int) -> Floats:
    """The logarithm of n over k, for k from 0 to n."""
    return np.asarray(logs[n] - logs[: n + 1] - logs[n::-1])
