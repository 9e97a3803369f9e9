"""The probability that a run of one algorithm scores higher than a run of another.

Shapes: T tasks, M runs of the candidate and N of the baseline on one task, R of either, B replicates of the bootstrap.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlgauge.stats import bootstrap
from rlgauge.stats.intervals import two_sided
from rlgauge.stats.quantiles import student_t_quantile
from rlgauge.stats.summary import Summary

Method = Literal["logit-t", "percentile"]

_FEW = 5
_WHOLE_IN_FLOAT32 = 1 << 24
_CELLS_A_RUN = 16
"""What a run counts for in the size of a block of replicates: so few fit that arrays stay in the cache, and reused."""


def probability_of_improvement(
    *,
    candidate: Sequence[ArrayLike],
    baseline: Sequence[ArrayLike],
    tasks: Sequence[str] | None = None,
    method: Method = "logit-t",
    confidence: float = 0.95,
    replicates: int = 10_000,
    missing: int = 0,
) -> Summary:
    """The probability, 0..1, that a run of the candidate scores higher than one of the baseline, mean over tasks.

    Above 1/2 the candidate is better; a tie counts half. Agarwal et al. 2021, arXiv:2108.13264, section 4.3; of one
    task it is Mann and Whitney's U / (M N). Both hold one array of runs a task, in the same order of tasks, of any
    lengths; an empty array says that there are no runs, and such a task is left out and named in a warning. `tasks`
    names them. `n` counts the runs of both. Raises ValueError where no task has runs of both.

    `logit-t`: Student's interval on the log-odds; the variance of placements is Brunner and Munzel's (2000,
    doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U), as are the degrees of freedom. Where on every
    task all runs of one beat all of the other, the limit is exact; where they do on some and the reverse on others, no
    variance shows, and the largest that is possible is taken. `percentile`: the bootstrap of runs within tasks,
    `replicates` times.
    """
    contests, warnings = _contests(candidate, baseline, tasks)
    p = two_sided(confidence)
    point = _mean([contest.point for contest in contests])
    if method == "logit-t":
        low, high = _logit_t(contests, point, p)
        warnings += [*_doubts(contests), *_extremes(contests)]
    elif method == "percentile":
        low, high = _percentile(contests, p, replicates)
        warnings += _doubts(contests)
        if low == high:
            warnings.append("Every replicate gave the same value: this interval has no width; method='logit-t' has.")
    else:
        raise ValueError(f"Unknown method {method!r}. Known: 'logit-t', 'percentile'.")
    return Summary(
        point=point,
        low=min(low, point),
        high=max(high, point),
        n=sum(len(contest.candidate) + len(contest.baseline) for contest in contests),
        missing=missing,
        method=method,
        confidence=confidence,
        warnings=tuple(warnings),
    )


def improvement_by_task(
    *,
    candidate: Sequence[ArrayLike],
    baseline: Sequence[ArrayLike],
    tasks: Sequence[str] | None = None,
    method: Method = "logit-t",
    confidence: float = 0.95,
    replicates: int = 10_000,
) -> tuple[Summary | None, ...]:
    """The probability of improvement of every task by itself; None where one of the two has no runs."""
    names = _names(candidate, baseline, tasks)
    return tuple(
        probability_of_improvement(
            candidate=[ours],
            baseline=[theirs],
            tasks=[name],
            method=method,
            confidence=confidence,
            replicates=replicates,
        )
        if np.size(ours) and np.size(theirs)
        else None
        for name, ours, theirs in zip(names, candidate, baseline, strict=True)
    )


class _Contest(msgspec.Struct, frozen=True):
    """The runs of both on one task, sorted, so that their order changes no digit.

    `wins` says of each of the candidate's M runs how many of the baseline's it beats, `defeats` of each of the
    baseline's N runs how many beat it; a win counts 2 and a tie 1.
    """

    task: str
    candidate: NDArray[np.float64]
    baseline: NDArray[np.float64]
    wins: NDArray[np.float64]
    defeats: NDArray[np.float64]

    @property
    def point(self) -> float:
        return float(self.wins.sum()) / (2 * len(self.wins) * len(self.defeats))

    @property
    def is_decided(self) -> bool:
        """Whether every pair of runs ends alike: all won, all lost or all tied."""
        return bool(self.wins[0] == self.wins[-1] and self.defeats[0] == self.defeats[-1])

    @property
    def num_pairs(self) -> int:
        """Pairs of runs that share none, and are independent."""
        return min(len(self.wins), len(self.defeats))

    @property
    def largest_variance(self) -> float:
        """The largest that `point` can have, from as few independent pairs."""
        return 0.25 / self.num_pairs

    @property
    def variances(self) -> list[tuple[float, float]]:
        """The variances of `point` from the candidate's runs and from the baseline's, with their degrees of freedom.

        One run shows no variance: the largest that is possible is taken (van Dantzig 1951).
        """
        m, n = len(self.wins), len(self.defeats)
        if min(m, n) == 1:
            return [(self.largest_variance, math.inf)]
        return [
            (float(np.var(self.wins / (2 * n), ddof=1)) / m, m - 1.0),
            (float(np.var(self.defeats / (2 * m), ddof=1)) / n, n - 1.0),
        ]


def _contests(
    candidate: Sequence[ArrayLike], baseline: Sequence[ArrayLike], tasks: Sequence[str] | None
) -> tuple[list[_Contest], list[str]]:
    """The tasks that have runs of both, and a warning that names the others."""
    names = _names(candidate, baseline, tasks)
    contests, left_out = [], []
    for name, ours, theirs in zip(names, candidate, baseline, strict=True):
        candidate_M, baseline_N = _runs(ours, name), _runs(theirs, name)
        if len(candidate_M) and len(baseline_N):
            contests.append(_contest(name, candidate_M, baseline_N))
        else:
            left_out.append(name)
    listed = ", ".join(left_out)
    if not contests:
        raise ValueError(f"no task has runs of both candidate and baseline; tasks: {listed or 'none'}")
    if not left_out:
        return contests, []
    return contests, [f"Left out, for want of runs of both: {listed}."]


def _contest(task: str, candidate_M: NDArray[np.float64], baseline_N: NDArray[np.float64]) -> _Contest:
    wins_M = baseline_N.searchsorted(candidate_M, "left") + baseline_N.searchsorted(candidate_M, "right")
    wins_N = candidate_M.searchsorted(baseline_N, "left") + candidate_M.searchsorted(baseline_N, "right")
    defeats_N = 2 * len(candidate_M) - wins_N
    return _Contest(task, candidate_M, baseline_N, wins_M.astype(np.float64), defeats_N.astype(np.float64))


def _names(candidate: Sequence[ArrayLike], baseline: Sequence[ArrayLike], tasks: Sequence[str] | None) -> Sequence[str]:
    names = [f"task {index}" for index in range(len(candidate))] if tasks is None else tasks
    if not len(names) == len(candidate) == len(baseline):
        raise ValueError(
            f"one array a task: {len(candidate)} of the candidate, {len(baseline)} of the baseline, {len(names)} tasks"
        )
    return names


def _runs(scores: ArrayLike, task: str) -> NDArray[np.float64]:
    runs = np.asarray(scores, dtype=np.float64)
    if runs.ndim != 1 or not np.isfinite(runs).all():
        raise ValueError(f"the runs of {task} must be one row of finite scores; leave out what failed")
    return np.sort(runs)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _logit_t(contests: Sequence[_Contest], point: float, p: float) -> tuple[float, float]:
    """Student's interval of the log-odds, opened where data with one outcome only would leave it wider.

    Without that, an interval beside 1 could exclude values that an interval at 1 does not.
    """
    if _is_uniform(contests):
        points = [contest.point for contest in contests]
        return _least_mean(contests, points, 1 - p), 1 - _least_mean(contests, [1 - x for x in points], 1 - p)
    is_decided = all(contest.is_decided for contest in contests)
    components = [
        component
        for contest in contests
        for component in ([(contest.largest_variance, math.inf)] if is_decided else contest.variances)
    ]
    variance = math.fsum(value for value, _ in components)
    share = math.fsum((value / variance) ** 2 / df for value, df in components)
    t = student_t_quantile(p, min(1 / share, 1e9) if share else 1e9)
    centre = math.log(point / (1 - point))
    half = t * math.sqrt(variance) / len(contests) / (point * (1 - point))
    least = _least_mean(contests, [1.0] * len(contests), 1 - p)
    return min(_odds_to_rate(centre - half), least), max(_odds_to_rate(centre + half), 1 - least)


def _is_uniform(contests: Sequence[_Contest]) -> bool:
    """Whether all pairs of runs of all tasks ended alike: chance can't have chosen which tasks were won."""
    return all(contest.is_decided for contest in contests) and len({contest.point for contest in contests}) == 1


def _odds_to_rate(log_odds: float) -> float:
    return 0.5 + 0.5 * math.tanh(log_odds / 2)


def _least_mean(contests: Sequence[_Contest], shares: Sequence[float], tail: float) -> float:
    """The smallest mean over tasks under which outcomes so uniform have probability `tail`.

    Where all pairs of runs ended alike, so did those that share no run: K independent ones, each with a probability q
    of ending so, which makes the improvement at least `share` q (share: 1 for wins, 1/2 for ties, 0 for losses). The
    least mean of `share` q with the product of q^K at `tail` has every q at min(1, K / share) times one number.
    """
    pairs = [(share / contest.num_pairs, contest.num_pairs) for contest, share in zip(contests, shares, strict=True)]
    open_pairs = sorted(pair for pair in pairs if pair[0] > 0)
    total = 0.0
    while open_pairs:
        weight = sum(k for _, k in open_pairs)
        scale = math.exp((math.log(tail) + math.fsum(k * math.log(ratio) for ratio, k in open_pairs)) / weight)
        smallest, k = open_pairs[0]
        if scale <= smallest:
            total += scale * weight
            break
        total += smallest * k  # its q is 1
        del open_pairs[0]
    return total / len(contests)


def _percentile(contests: Sequence[_Contest], p: float, replicates: int) -> tuple[float, float]:
    """The percentiles of the mean when every task's runs are drawn again, with replacement."""
    if replicates < 1:
        raise ValueError(f"a bootstrap needs replicates; {replicates} were asked for")
    tables = [_table(contest) for contest in contests]

    def resampled(random: np.random.Generator, num: int) -> NDArray[np.float64]:
        sums_B = np.zeros(num)
        for wins_MN in tables:
            sums_B += _resampled(wins_MN, num, random)
        return sums_B

    most = max(max(wins_MN.shape) for wins_MN in tables)
    sums_B = bootstrap.replicate(_digest(contests), replicates, _CELLS_A_RUN * most, resampled)
    low, high = np.quantile(sums_B / len(tables), [1 - p, p])
    return float(low), float(high)


def _table(contest: _Contest) -> NDArray[np.floating]:
    """Who of the candidate beats whom of the baseline, (M, N): 2 for a win, 1 for a tie.

    Of a type that holds sums of so many exactly: neither their order nor threads change a digit.
    """
    ours_M1, theirs_N = contest.candidate[:, None], contest.baseline
    exact = np.float32 if 2 * len(ours_M1) * len(theirs_N) < _WHOLE_IN_FLOAT32 else np.float64
    return np.add(ours_M1 > theirs_N, ours_M1 >= theirs_N, dtype=exact)


def _resampled(wins_MN: NDArray[np.floating], num: int, random: np.random.Generator) -> NDArray[np.float64]:
    """The task's probability in every replicate: how often each run is drawn, through the table."""
    m, n = wins_MN.shape
    ours_BM, theirs_BN = (_counts(num, size, random).astype(wins_MN.dtype) for size in (m, n))
    means_B: NDArray[np.float64] = np.einsum("bn,bn->b", ours_BM @ wins_MN, theirs_BN).astype(np.float64) / (2 * m * n)
    return means_B


def _counts(replicates: int, size: int, random: np.random.Generator) -> NDArray[np.intp]:
    """How often each of `size` runs is drawn in `size` draws, one row a replicate."""
    kind = np.uint16 if size < 1 << 16 else np.int64  # the generator is faster at few bits
    drawn_BR = random.integers(0, size, (replicates, size), kind) + size * np.arange(replicates)[:, None]
    counts_BR: NDArray[np.intp] = np.bincount(drawn_BR.ravel(), minlength=replicates * size).reshape(replicates, size)
    return counts_BR


def _digest(contests: Sequence[_Contest]) -> bytes:
    """What the random numbers follow from: who beats whom."""
    content = hashlib.blake2b(digest_size=16)
    for contest in contests:
        content.update(contest.wins.tobytes() + b"/" + contest.defeats.tobytes() + b";")
    return content.digest()


def _doubts(contests: Sequence[_Contest]) -> list[str]:
    doubts = []
    fewest = min(contest.num_pairs for contest in contests)
    if fewest < _FEW:
        where = ", ".join(contest.task for contest in contests if contest.num_pairs == fewest)
        doubts.append(f"Fewer than {_FEW} runs: {fewest} on {where}.")
    for side, alike in (
        ("candidate", [contest.task for contest in contests if _is_constant(contest.candidate)]),
        ("baseline", [contest.task for contest in contests if _is_constant(contest.baseline)]),
    ):
        if alike:
            doubts.append(f"All runs of the {side} have one score on {', '.join(alike)}: was the seed used?")
    return doubts


def _is_constant(runs: NDArray[np.float64]) -> bool:
    return len(runs) > 1 and bool(runs[0] == runs[-1])


def _extremes(contests: Sequence[_Contest]) -> list[str]:
    if _is_uniform(contests):
        return ["On every task all pairs of runs ended alike: the limits are those that so many runs can exclude."]
    alone = ", ".join(contest.task for contest in contests if contest.num_pairs == 1)
    return [f"One run shows no deviation, the largest possible is taken: {alone}."] if alone else []
