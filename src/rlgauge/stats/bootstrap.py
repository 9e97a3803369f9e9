"""The stratified bootstrap: within every task its training seeds are drawn again, with replacement.

One pass serves all statistics. The scores of all tasks are sorted once; a replicate is how often each of them was
drawn, and a cumulative sum of these counts gives the interquartile mean, the mean, the optimality gap and the whole
performance profile. Every task has the same weight, however many seeds it has.

Shapes: T tasks, R seeds of a task, N scores of all tasks in rising order, B replicates of a block, K thresholds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Draws = Sequence[Indices]
"""For every task the seeds that were drawn, (B, R)."""

_CELLS = 1 << 19
"""Counts that a block holds: a few megabytes, in the cache, whatever the number of replicates."""


class Sample(NamedTuple):
    """Scores drawn B times: the weight of each, (B, N), what the weights of a row add up to, and of how many scores.

    `means_BT` are the means of the drawn tasks where tasks were drawn, too.
    """

    weights_BN: NDArray[Any]
    total: float
    num: int
    means_BT: Floats | None = None


class Strata:
    """The scores of one algorithm, task by task, prepared for resampling.

    Raises ValueError for no scores, a task without scores, or one that is not finite.
    """

    def __init__(self, scores_by_task: Sequence[ArrayLike], *, keep_order: bool = False) -> None:
        """Sort all scores once; the order of a task's seeds is forgotten unless they are paired with others."""
        given = [np.asarray(scores, np.float64).ravel() for scores in scores_by_task]
        self.tasks: list[Floats] = given if keep_order else [np.sort(scores) for scores in given]
        if not self.tasks or min(map(len, self.tasks)) == 0:
            raise ValueError("every task needs at least one score; leave out the tasks that have none")
        pooled = np.concatenate(self.tasks)
        if not np.isfinite(pooled).all():
            raise ValueError("a score is not finite; a failed run has no score")
        order = np.argsort(pooled, kind="stable")
        self.sizes = [len(scores) for scores in self.tasks]
        self.num = len(pooled)
        self.scores_N: Floats = pooled[order]
        place_N = np.empty(self.num, np.intp)
        place_N[order] = np.arange(self.num)
        self.places: list[Indices] = np.split(place_N, np.cumsum(self.sizes)[:-1])
        self.task_N: Indices = np.repeat(np.arange(len(self.tasks)), self.sizes)[order]
        self.weights_N: Floats = 1.0 / np.asarray(self.sizes, np.float64)[self.task_N]

    @property
    def is_even(self) -> bool:
        """Whether every task has as many seeds as the others."""
        return len(set(self.sizes)) == 1

    def digest(self) -> bytes:
        """What the random numbers follow from: the same scores of the same tasks, in whatever order of the seeds."""
        content = hashlib.blake2b(digest_size=16)
        for scores in self.tasks:
            content.update(len(scores).to_bytes(8, "big"))
            content.update(np.sort(scores).astype("<f8").tobytes())
        return content.digest()

    def sample(self, draws: Draws) -> Sample:
        """The scores that were drawn; every task weighs the same."""
        return self._weighted(self.counts(draws))

    def original(self) -> Sample:
        """The scores as they are."""
        return self._weighted(np.ones((1, self.num), np.int64))

    def counts(self, draws: Draws) -> NDArray[np.int64]:
        """How often each score was drawn, (B, N), in rising order of the scores."""
        num_replicates = len(draws[0])
        row_B1 = np.arange(num_replicates)[:, None] * self.num
        cells = np.concatenate(
            [(place[drawn] + row_B1).ravel() for place, drawn in zip(self.places, draws, strict=True)]
        )
        return np.bincount(cells, minlength=num_replicates * self.num).reshape(num_replicates, self.num)

    def drawn_tasks(self, rng: np.random.Generator, num: int) -> Sample:
        """Tasks drawn first and then the seeds of each; a task that was drawn twice gives two samples of its seeds."""
        counts, means = _draw_tasks(rng, self, num)
        return self._weighted(counts)._replace(means_BT=means)

    def left_out(self) -> tuple[Sample, list[int]]:
        """The scores without each seed in turn, task by task, and how many rows each task has.

        Tasks with one seed are passed over. The other seeds of its task share the weight of the one left out.
        """
        rows = [place for place in self.places if len(place) > 1]
        weights_BN = np.repeat(self.weights_N[None], sum(map(len, rows)), axis=0)
        first = 0
        for place in rows:
            own = slice(first, first + len(place))
            weights_BN[own, place] = 1.0 / (len(place) - 1)
            weights_BN[np.arange(first, first + len(place)), place] = 0.0
            first += len(place)
        return Sample(weights_BN, float(len(self.tasks)), self.num - 1), [len(place) for place in rows]

    def _weighted(self, counts_BN: NDArray[np.int64]) -> Sample:
        if self.is_even:
            return Sample(counts_BN, float(self.num), self.num)
        return Sample(counts_BN * self.weights_N, float(len(self.tasks)), self.num)


def draw(rng: np.random.Generator, sizes: Sequence[int], num: int) -> list[Indices]:
    """Seeds drawn with replacement for every task: a list of (B, R)."""
    return [rng.integers(0, size, size=(num, size)) for size in sizes]


def blocks(digest: bytes, num: int, num_cells: int) -> list[tuple[int, np.random.Generator]]:
    """Sizes and random numbers of the blocks that make up `num` replicates.

    A block's numbers follow from the data and the block's place alone, so neither threads nor their order change them.
    """
    size = max(1, min(num, _CELLS // max(1, num_cells)))
    key = np.frombuffer(digest, np.uint64)
    sizes = [min(size, num - first) for first in range(0, num, size)]
    return [
        (count, np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, i]))) for i, count in enumerate(sizes)
    ]


def replicate(
    digest: bytes,
    num: int,
    num_cells: int,
    reduce: Callable[[np.random.Generator, int], Floats],
    *,
    threads: int = 1,
) -> Floats:
    """The replicates of all blocks, (num, ...), block after block.

    `reduce` is given a generator and a number of replicates; it returns as many rows.
    """
    parts = blocks(digest, num, num_cells)
    if threads == 1:
        return np.concatenate([reduce(rng, count) for count, rng in parts])
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(lambda part: reduce(part[1], part[0]), parts)))


def harmonic_mean(sizes: Sequence[int]) -> float:
    """Of the seeds per task."""
    return len(sizes) / math.fsum(1 / size for size in sizes)


def _draw_tasks(rng: np.random.Generator, strata: Strata, num: int) -> tuple[NDArray[np.int64], Floats]:
    """Counts, (B, N), and means of the drawn tasks, (B, T), where tasks are drawn first and then the seeds of each.

    A task that was drawn twice gives two samples of its seeds.
    """
    num_tasks, most = len(strata.tasks), max(strata.sizes)
    sizes_T = np.asarray(strata.sizes)
    place_TR = np.zeros((num_tasks, most), np.intp)
    for task, place in enumerate(strata.places):
        place_TR[task, : len(place)] = place
    task_BT = rng.integers(0, num_tasks, size=(num, num_tasks))
    seed_BTR = (rng.random((num, num_tasks, most)) * sizes_T[task_BT][..., None]).astype(np.intp)
    place_BTR = place_TR[task_BT[..., None], seed_BTR]
    is_drawn_BTR = np.arange(most) < sizes_T[task_BT][..., None]
    cells = (place_BTR + np.arange(num)[:, None, None] * strata.num)[is_drawn_BTR]
    counts = np.bincount(cells, minlength=num * strata.num).reshape(num, strata.num)
    means = np.where(is_drawn_BTR, strata.scores_N[place_BTR], 0.0).sum(2) / sizes_T[task_BT]
    return counts, means
