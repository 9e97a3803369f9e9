"""Who comes first: the ranks of algorithms that run once each on a task, over tasks.

Shapes: A algorithms, T tasks, N runs of all algorithms on all tasks, by task and then by rising score, B samples of
them, K values of a statistic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlgauge.stats.bootstrap import replicate
from rlgauge.stats.estimate import Method, check_method, doubts_of, summarise
from rlgauge.stats.strata import Drawn, Strata
from rlgauge.stats.summary import Summary

Floats = NDArray[np.float64]

_FEWEST = 2


class RankDistribution(msgspec.Struct, frozen=True, kw_only=True):
    """How likely an algorithm has each rank: `shares[0]` is of rank 1, the best; they add up to 1.

    `by_task` has the same for every task by itself.
    """

    shares: tuple[Summary, ...]
    by_task: tuple[tuple[float, ...], ...]


class _Field:
    """The runs of all algorithms on some tasks, sorted by task and score, to be weighted.

    Of a run, `starts_N` and `ends_N` are where the runs of its task with its score begin and end, and `firsts_N` where
    those of its task begin.
    """

    def __init__(self, strata: Sequence[Strata]) -> None:
        self.num_tasks, self.num_algorithms = len(strata[0].sizes), len(strata)
        sizes = np.concatenate([one.sizes for one in strata])
        task_N = np.repeat(np.tile(np.arange(self.num_tasks), self.num_algorithms), sizes)
        scores_N = np.concatenate([scores for one in strata for scores in one.tasks])
        order_N = np.lexsort((scores_N, task_N))
        self.place_N = np.argsort(order_N)  # of the runs as the strata hold them, one algorithm after the other
        self.offsets_A = np.cumsum([0, *(one.num for one in strata)])[:-1]
        self.weights_N: Floats = (1.0 / np.repeat(sizes, sizes))[order_N]
        self.algorithm_N = np.repeat(np.arange(self.num_algorithms), [one.num for one in strata])[order_N]
        task_N, scores_N = task_N[order_N], scores_N[order_N]
        is_first_N = np.append(True, task_N[1:] != task_N[:-1])
        is_new_N = is_first_N | np.append(True, scores_N[1:] != scores_N[:-1])
        starts, group_N = np.flatnonzero(is_new_N), np.cumsum(is_new_N) - 1
        self.starts_N = starts[group_N]
        self.ends_N = np.append(starts[1:], len(scores_N))[group_N]
        self.firsts_N = np.flatnonzero(is_first_N)[task_N]

    def drawn(self, drawn: Sequence[Drawn]) -> Floats:
        """The weight of each run, (B, N), where of every algorithm so many runs were drawn."""
        num, rows = len(self.weights_N), len(drawn[0])
        own = [self.place_N[offset + drawn_BN] for offset, drawn_BN in zip(self.offsets_A, drawn, strict=True)]
        cells_BN = np.concatenate(own, axis=1) + np.arange(0, rows * num, num)[:, None]
        return np.bincount(cells_BN.ravel(), minlength=rows * num).reshape(rows, num) * self.weights_N

    @property
    def has_ties(self) -> bool:
        """Whether runs of different algorithms have one score."""
        return bool((self.algorithm_N[self.starts_N] != self.algorithm_N[self.ends_N - 1]).any())

    def below_and_not_above(self, weights_BN: Floats) -> tuple[Floats, Floats]:
        """The weight of the runs of its task that score below each run, (B, N), and of those that don't score above."""
        padded_BN = np.zeros((len(weights_BN), weights_BN.shape[1] + 1))
        np.cumsum(weights_BN, axis=1, out=padded_BN[:, 1:])
        below_BN, not_above_BN, before_BN = (
            padded_BN.take(places_N, axis=1, mode="clip") for places_N in (self.starts_N, self.ends_N, self.firsts_N)
        )
        return below_BN - before_BN, not_above_BN - before_BN

    def by_algorithm(self, values_BN: Floats) -> Floats:
        """Sums of the values of each algorithm's runs, over tasks, (B, A)."""
        own_BN = values_BN.take(self.place_N, axis=1, mode="clip")
        return np.asarray(np.add.reduceat(own_BN, self.offsets_A, axis=1))


Statistic = Callable[[_Field, Floats], Floats]
"""What weights of runs, (B, N), give for every algorithm, (B, A, K): the mean over tasks."""


def average_ranks(
    by_algorithm: Mapping[str, Sequence[ArrayLike]],
    *,
    method: Method = "expanded",
    confidence: float = 0.95,
    replicates: int = 10_000,
    missing: int = 0,
    threads: int = 1,
) -> dict[str, Summary]:
    """The rank that a run of each algorithm can expect among one run of each, mean over tasks; 1 is the highest score.

    It is 1 plus the sum over the others of the probability that they score higher; a tie counts half. Agarwal et al.
    2021, arXiv:2108.13264, section 4.3, draw runs for it; here all combinations are counted. Every algorithm has one
    array of runs a task, of any length, in the same order of tasks. `n` counts the runs of all. Intervals are those of
    the bootstrap of runs within tasks; see `rlgauge.stats.estimate`. Raises ValueError for less than two algorithms,
    unequal tasks, or a task without runs.
    """
    found = _summaries(
        by_algorithm,
        _expected_ranks,
        (1.0, float(len(by_algorithm))),
        method=method,
        confidence=confidence,
        replicates=replicates,
        missing=missing,
        threads=threads,
    )
    return {name: summaries[0] for name, summaries in found.items()}


def rank_distribution(
    by_algorithm: Mapping[str, Sequence[ArrayLike]],
    *,
    method: Method = "expanded",
    confidence: float = 0.95,
    replicates: int = 2_000,
    missing: int = 0,
    threads: int = 1,
) -> dict[str, RankDistribution]:
    """The probability that a run of each algorithm has rank 1, 2, ... among one run of each, mean over tasks.

    Where runs tie each of them has the ranks that they share with equal probability. Exact for the given runs: how many
    of the others score higher is Poisson-binomial. Else as `average_ranks`.
    """
    found = _summaries(
        by_algorithm,
        _rank_shares,
        (0.0, 1.0),
        method=method,
        confidence=confidence,
        replicates=replicates,
        missing=missing,
        threads=threads,
    )
    by_task = [
        _shares_of_a_task(dict(zip(by_algorithm, runs, strict=True)))
        for runs in zip(*by_algorithm.values(), strict=True)
    ]
    return {
        name: RankDistribution(shares=summaries, by_task=tuple(shares[name] for shares in by_task))
        for name, summaries in found.items()
    }


def _shares_of_a_task(runs: Mapping[str, ArrayLike]) -> dict[str, tuple[float, ...]]:
    names, strata = _aligned({name: [scores] for name, scores in runs.items()})
    field = _Field(strata)
    shares_AK = _rank_shares(field, field.weights_N[None])[0].clip(0.0, 1.0)
    return {name: tuple(shares_K.tolist()) for name, shares_K in zip(names, shares_AK, strict=True)}


def _summaries(
    by_algorithm: Mapping[str, Sequence[ArrayLike]],
    statistic: Statistic,
    bounds: tuple[float, float],
    *,
    method: Method,
    confidence: float,
    replicates: int,
    missing: int,
    threads: int,
) -> dict[str, tuple[Summary, ...]]:
    """A summary of each value of every algorithm; none of them lies beyond the bounds."""
    check_method(method)
    names, strata = _aligned(by_algorithm)
    doubts = [doubt for tasks in by_algorithm.values() for doubt in doubts_of(Strata(tasks))]
    field = _Field(strata)
    points_AK = statistic(field, field.weights_N[None])[0].clip(*bounds)
    sampled: Floats = np.empty((0, *points_AK.shape))
    if method != "t" and any(max(one.sizes) > 1 for one in strata):
        sampled = replicate(
            hashlib.blake2b(b"".join(one.digest() for one in strata), digest_size=16).digest(),
            replicates,
            field.weights_N.size * points_AK.shape[1],
            lambda rng, num: statistic(field, field.drawn([one.draw(rng, num) for one in strata])),
            threads=threads,
        )
    left_out = cache(partial(_left_out, strata, statistic))

    def summary(place: int, value: int) -> Summary:
        found = summarise(
            sampled[:, place, value],
            float(points_AK[place, value]),
            strata,
            lambda: [rows[:, place, value] for rows in left_out()],
            method=method,
            confidence=confidence,
            missing=missing,
            units=[size for one in strata for size in one.sizes],
        )
        return _within(found, bounds, doubts)

    places = {name: place for place, name in enumerate(names)}
    return {name: tuple(summary(places[name], value) for value in range(points_AK.shape[1])) for name in by_algorithm}


def _within(summary: Summary, bounds: tuple[float, float], doubts: Sequence[str]) -> Summary:
    """The summary with an interval within the bounds, and what is to be doubted of the scores behind the ranks."""
    low, high = (None if end is None else min(max(end, bounds[0]), bounds[1]) for end in (summary.low, summary.high))
    warnings = tuple(dict.fromkeys([*doubts, *summary.warnings]))
    return msgspec.structs.replace(summary, low=low, high=high, warnings=warnings)


def _aligned(by_algorithm: Mapping[str, Sequence[ArrayLike]]) -> tuple[list[str], list[Strata]]:
    """The names and strata of the algorithms, with scores replaced by their place among all of the task.

    Nothing else matters for ranks. Algorithms, tasks and seeds are put into an order that follows from these places,
    so that the random numbers do, too.
    """
    given = [Strata(tasks, keep_order=True).tasks for tasks in by_algorithm.values()]
    if len(given) < _FEWEST:
        raise ValueError(f"ranks need two algorithms; {', '.join(by_algorithm) or 'none'} was given")
    num_tasks = {name: len(tasks) for name, tasks in zip(by_algorithm, given, strict=True)}
    if len(set(num_tasks.values())) > 1:
        raise ValueError(f"every algorithm needs runs of every task; tasks: {num_tasks}")
    places = zip(*map(_places, zip(*given, strict=True)), strict=True)
    named = sorted((Strata(tasks).digest(), name, tasks) for name, tasks in zip(by_algorithm, places, strict=True))
    tasks = sorted(zip(*(own for _, _, own in named), strict=True), key=_content)
    return [name for _, name, _ in named], [Strata(own, keep_order=True) for own in zip(*tasks, strict=True)]


def _places(scores_of: Sequence[Floats]) -> list[Floats]:
    """For scores of one task, an array an algorithm: the places of each among those of all, in rising order."""
    _, order = np.unique(np.concatenate(scores_of), return_inverse=True)
    parts = np.split(order.astype(np.float64), np.cumsum([len(scores) for scores in scores_of])[:-1])
    return [np.sort(part) for part in parts]


def _content(parts: Sequence[Floats]) -> list[tuple[int, list[float]]]:
    return [(len(part), part.tolist()) for part in parts]


def _left_out(strata: Sequence[Strata], statistic: Statistic) -> list[Floats]:
    """The statistic without each run in turn, (R, A, K), for every task of every algorithm that has several runs.

    A run weighs on its own task only, so that the others' part stays as it is.
    """
    tasks = list(zip(*(one.tasks for one in strata), strict=True))
    fields = [_Field([Strata([scores], keep_order=True) for scores in parts]) for parts in tasks]
    points = [statistic(field, field.weights_N[None])[0] for field in fields]
    whole = sum(points, start=np.zeros_like(points[0]))
    found = []
    for field, point in zip(fields, points, strict=True):
        for algorithm in range(len(strata)):
            (own,) = np.nonzero(field.algorithm_N == algorithm)
            if len(own) > 1:
                weights_BN = np.repeat(field.weights_N[None], len(own), axis=0)
                weights_BN[:, own] = 1.0 / (len(own) - 1)
                weights_BN[np.arange(len(own)), own] = 0.0
                found.append((whole - point + statistic(field, weights_BN)) / len(fields))
    return found


def _expected_ranks(field: _Field, weights_BN: Floats) -> Floats:
    """Half of all is below a run of its own algorithm, ties counting half: less that, the ranks are complete."""
    below_BN, not_above_BN = field.below_and_not_above(weights_BN)
    above_BN = field.num_algorithms - (below_BN + not_above_BN) / 2
    return (0.5 + field.by_algorithm(weights_BN * above_BN) / field.num_tasks)[..., None]


def _rank_shares(field: _Field, weights_BN: Floats) -> Floats:
    """With v uniform in 0..1 a run that ties is above with probability v: polynomials of v, integrated exactly."""
    bounds = [
        field.below_and_not_above(weights_BN * (field.algorithm_N == algorithm))
        for algorithm in range(field.num_algorithms)
    ]
    num_nodes = (field.num_algorithms + 1) // 2 if field.has_ties else 1
    nodes, shares = np.polynomial.legendre.leggauss(num_nodes)
    total = np.zeros((len(weights_BN), field.num_algorithms, field.num_algorithms))
    for node, share in zip((1 + nodes) / 2, shares / 2, strict=True):
        above = [1 - not_above_BN + node * (not_above_BN - below_BN) for below_BN, not_above_BN in bounds]
        total += share * _counted(field, weights_BN, above)
    return total / field.num_tasks


def _counted(field: _Field, weights_BN: Floats, above: Sequence[Floats]) -> Floats:
    """How likely 0, 1, ... of the other algorithms are above a run, for each algorithm, (B, A, A), summed over tasks.

    `above` has for every algorithm the probability that its run is above each run, (B, N).
    """
    likely = [np.ones_like(weights_BN)]
    for algorithm, above_BN in enumerate(above):
        p_BN = np.where(field.algorithm_N == algorithm, 0.0, above_BN)
        zero_BN = np.zeros_like(p_BN)
        likely = [
            fewer_BN * p_BN + same_BN * (1 - p_BN)
            for fewer_BN, same_BN in zip([zero_BN, *likely], [*likely, zero_BN], strict=True)
        ]
    # The last is that all are above, the own algorithm too, which is impossible.
    return np.stack([field.by_algorithm(weights_BN * likely_BN) for likely_BN in likely[:-1]], axis=2)
