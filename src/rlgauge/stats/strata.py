"""Scores of one algorithm, task by task, in the form in which they are resampled.

The scores of all tasks are sorted once. A resample is how often each of them was drawn, and a cumulative sum of these
counts gives the interquartile mean, the mean, the optimality gap and the whole performance profile. Every task has the
same weight, however many seeds it has.

Shapes: T tasks, R seeds of a task, N scores of all tasks, B samples, P parts of a number.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Drawn = NDArray[np.unsignedinteger[Any]]
"""Seeds that were drawn, (B, N): task by task as many as it has, each as its index among all seeds of all tasks."""

_EXACT_BITS = 53
_LEAST_EXPONENT = -1074
_LARGEST = 1e300
FEWEST_PARTS = 2
"""Of a number; compiled code knows no other case."""
_LOST = 2.0**-60
"""The share of half of the scores' distance to their middle that rounding may take."""


class Scale(NamedTuple):
    """Values as `origin` plus levels times units; the levels are parts, (N, P), of falling size."""

    levels_NP: Floats
    units_P: Floats
    origin: float

    def steps(self) -> Floats:
        """From each level down to the next higher one, (N, P); 0 for the last."""
        return np.append(self.levels_NP[:-1] - self.levels_NP[1:], np.zeros((1, len(self.units_P))), axis=0)

    def means(self, sums_P: Floats, totals: ArrayLike) -> Floats:
        """From sums of levels, (..., P), and what their weights add up to."""
        sums = sum(sums_P[..., part] * unit for part, unit in enumerate(self.units_P))  # NumPy's sum over 2 is slow
        return np.asarray(self.origin + sums / totals)


def plain(values_N: Floats) -> Scale:
    """The values less the middle one, so that equal values are exactly 0."""
    origin = float(values_N[len(values_N) // 2])
    return Scale((values_N - origin)[:, None], np.ones(1), origin)


def whole(values_N: Floats) -> Scale:
    """The values in parts, each a whole multiple of its unit, that N times the largest is below 2 to the 53.

    Sums of N levels are exact then, whoever adds them in what order: NumPy, a library for matrices on any number of
    threads, or compiled code. Two parts do: of 5,000 scores what is lost is 2 to the -80 of their range. There are more
    only where a run diverged by so many orders of magnitude that it would take digits from the others.
    """
    origin, bits = float(values_N[len(values_N) // 2]), _EXACT_BITS - 1 - len(values_N).bit_length()
    rest_N = values_N - origin
    lost = _LOST * float(np.sort(np.abs(rest_N))[len(values_N) // 2])
    parts: list[Floats] = []
    units: list[float] = []
    while len(units) < FEWEST_PARTS or np.abs(rest_N).max() > lost > 0:
        units.append(math.ldexp(1.0, max(math.frexp(float(np.abs(rest_N).max()))[1] - bits, _LEAST_EXPONENT)))
        parts.append(np.rint(rest_N / units[-1]))
        rest_N = rest_N - parts[-1] * units[-1]
    return Scale(np.stack(parts, axis=1), np.array(units), origin)


class Sample(NamedTuple):
    """Scores drawn B times: the weight of each, (B, N), and what the weights of a row add up to.

    `positions_BN` says which were drawn, task by task; `means_BT` holds the means of the tasks where they were drawn,
    too.
    """

    weights_BN: NDArray[Any]
    total: float
    positions_BN: Indices | None = None
    means_BT: Floats | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the weights are counts."""
        return self.weights_BN.dtype.kind == "i"


class Strata:
    """The scores of one algorithm, a stratum a task; none of their orders matters unless `keep_order`.

    Raises ValueError for no scores, a task without scores or with a table of them, or one that is not finite.
    """

    def __init__(self, scores_by_task: Sequence[ArrayLike], *, keep_order: bool = False) -> None:
        """Sort all scores once."""
        self.tasks = list(map(_checked, scores_by_task))
        if not self.tasks or min(map(len, self.tasks)) == 0:
            raise ValueError("every task needs at least one score; leave out the tasks that have none")
        if not keep_order:
            self.tasks = sorted(map(np.sort, self.tasks), key=lambda scores: (len(scores), scores.tobytes()))
        pooled = np.concatenate(self.tasks)
        order = np.argsort(pooled, kind="stable")
        self.sizes = [len(scores) for scores in self.tasks]
        self.num = len(pooled)
        self.scores_N: Floats = pooled[order]
        self.place_N = np.empty(self.num, np.intp)
        self.place_N[order] = np.arange(self.num)
        self.starts_T = np.cumsum([0, *self.sizes[:-1]])
        self.weights_N: Floats = (1.0 / np.repeat(self.sizes, self.sizes))[order]
        self._index = np.uint16 if self.num <= 1 << 16 else np.uint32  # the generator is faster at few bits

    @property
    def is_even(self) -> bool:
        """Whether every task has as many seeds as the others."""
        return len(set(self.sizes)) == 1

    @property
    def places(self) -> list[Indices]:
        """Where each task's scores stand among all scores in rising order."""
        return np.split(self.place_N, self.starts_T[1:])

    def digest(self) -> bytes:
        """What the random numbers follow from: the same scores of the same tasks."""
        content = hashlib.blake2b(digest_size=16)
        for scores in self.tasks:
            content.update(len(scores).to_bytes(8, "big"))
            content.update(scores.astype("<f8").tobytes())
        return content.digest()

    def scale(self, values_N: Floats) -> Scale:
        """A scale of one value a score for counts of them; where tasks differ in seeds weights are no counts."""
        return whole(values_N) if self.is_even else plain(values_N)

    def draw(self, rng: np.random.Generator, num: int) -> Drawn:
        """Seeds drawn with replacement in every task."""
        if self.is_even:
            drawn_BN: Drawn = rng.integers(0, self.sizes[0], size=(num, self.num), dtype=self._index)
        else:
            drawn_BN = np.empty((num, self.num), self._index)
            for start, size in zip(self.starts_T.tolist(), self.sizes, strict=True):
                drawn_BN[:, start : start + size] = rng.integers(0, size, size=(num, size), dtype=self._index)
        drawn_BN += np.repeat(self.starts_T, self.sizes).astype(self._index)
        return drawn_BN

    def sample(self, drawn_BN: Drawn, *, with_positions: bool = False) -> Sample:
        """The scores of seeds that were drawn."""
        positions_BN = self.positions(drawn_BN)
        sample = self._weighted(_counts(positions_BN, self.num, in_place=not with_positions))
        return sample._replace(positions_BN=positions_BN) if with_positions else sample

    def positions(self, drawn_BN: Drawn) -> Indices:
        """Where the seeds that were drawn stand among all scores in rising order, (B, N)."""
        return self.place_N.take(drawn_BN, mode="clip")  # all are in range: this mode is the fast one

    def original(self) -> Sample:
        """The scores as they are, once."""
        if self.is_even:
            return Sample(np.ones((1, self.num)), float(self.num), self.place_N[None])
        return Sample(self.weights_N[None], float(len(self.sizes)), self.place_N[None])

    def draw_tasks(self, rng: np.random.Generator, num: int) -> Indices:
        """Tasks drawn with replacement, (B, T)."""
        return rng.integers(0, len(self.sizes), size=(num, len(self.sizes)), dtype=np.intp)

    def draw_in(self, rng: np.random.Generator, tasks_BT: Indices) -> Indices:
        """Seeds drawn with replacement in tasks that were drawn, (B, T, R); those beyond a task's number are void."""
        sizes_BT1 = np.asarray(self.sizes)[tasks_BT][..., None]
        return np.asarray((rng.random((*tasks_BT.shape, max(self.sizes))) * sizes_BT1).astype(np.intp))

    def sample_tasks(self, tasks_BT: Indices, seeds_BTR: Indices) -> Sample:
        """The scores of seeds of tasks that were drawn; a task that was drawn twice has two samples of its seeds."""
        sizes_BT1 = np.asarray(self.sizes)[tasks_BT][..., None]
        is_drawn_BTR = np.arange(max(self.sizes)) < sizes_BT1
        positions_BTR = self.place_N.take(self.starts_T[tasks_BT][..., None] + seeds_BTR, mode="clip")
        means_BT = np.where(is_drawn_BTR, self.scores_N[positions_BTR], 0.0).sum(2) / sizes_BT1[..., 0]
        cells = (positions_BTR + np.arange(len(tasks_BT))[:, None, None] * self.num)[is_drawn_BTR]
        counts_BN = np.bincount(cells, minlength=len(tasks_BT) * self.num).reshape(-1, self.num)
        return self._weighted(counts_BN)._replace(means_BT=means_BT)

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
        return Sample(weights_BN, float(len(self.sizes))), [len(place) for place in rows]

    def tasks_left_out(self) -> Sample:
        """The scores without each task in turn, for several tasks."""
        weights_BN = np.repeat(self.weights_N[None], len(self.sizes), axis=0)
        for task, place in enumerate(self.places):
            weights_BN[task, place] = 0.0
        means_T = np.array([scores.mean() for scores in self.tasks])
        means_BT = np.stack([np.delete(means_T, task) for task in range(len(means_T))])
        return Sample(weights_BN, len(self.sizes) - 1.0, means_BT=means_BT)

    def _weighted(self, counts_BN: NDArray[np.intp]) -> Sample:
        if self.is_even:
            return Sample(counts_BN, float(self.num))
        return Sample(counts_BN * self.weights_N, float(len(self.sizes)))


def side_by_side(
    candidate: Sequence[ArrayLike], baseline: Sequence[ArrayLike], *, paired: bool
) -> tuple[Strata, Strata]:
    """Both with the same order of tasks, and of seeds if these are paired: an order that follows from scores alone."""
    pairs = []
    for ours, theirs in zip(map(_checked, candidate), map(_checked, baseline), strict=True):
        orders = [np.lexsort((theirs, ours))] * 2 if paired else [np.argsort(scores) for scores in (ours, theirs)]
        pairs.append((ours[orders[0]], theirs[orders[1]]))
    pairs.sort(key=lambda pair: (len(pair[0]), pair[0].tobytes(), pair[1].tobytes()))
    return Strata([pair[0] for pair in pairs], keep_order=True), Strata([pair[1] for pair in pairs], keep_order=True)


def _checked(scores: ArrayLike) -> Floats:
    numbers = np.asarray(scores, np.float64) + 0.0  # no -0.0, whose bits differ
    if numbers.ndim != 1:
        raise ValueError(f"a task has one row of scores, one a training seed; an array of shape {numbers.shape} came")
    if not np.isfinite(numbers).all():
        raise ValueError("a score is not finite; a failed run has no score")
    if np.abs(numbers).max(initial=0.0) > _LARGEST:
        raise ValueError(f"a score is beyond {_LARGEST:g}, and sums of such scores are not finite")
    return numbers


def _counts(positions_BN: Indices, num: int, *, in_place: bool) -> NDArray[np.intp]:
    """How often each score was drawn, (B, N), in rising order of the scores."""
    first_B1 = np.arange(0, len(positions_BN) * num, num)[:, None]
    cells_BN = np.add(positions_BN, first_B1, out=positions_BN if in_place else None)
    return np.bincount(cells_BN.ravel(), minlength=len(positions_BN) * num).reshape(-1, num)
