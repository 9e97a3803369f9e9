"""Pairs of ARC grids made by rule from a seed: an input of rectangles on black, and what becomes of it.

Chollet 2019, arXiv:1911.01547, for what such tasks are; these need no data and serve to measure speed and to test.

Shapes: T tasks; grids are 30 by 30 int8, colours 0 to 9, and -1 beyond the grid's own height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.envs.reference import counters

SIZE = 30
PADDING = -1
NUM_COLOURS = 10
Grids = NDArray[np.int8]


class Tasks(NamedTuple):
    """Where episodes start and what they should make of it: (T, 30, 30) each."""

    inputs: Grids
    targets: Grids


def shape(grid: Grids) -> tuple[int, int]:
    """Height and width of the grid within its padding; a row or a column with any colour belongs to it."""
    inside = grid != PADDING
    return int(inside.any(axis=1).sum()), int(inside.any(axis=0).sum())


def padded(grid: Grids) -> Grids:
    """The grid in the top left of one of 30 by 30."""
    whole = np.full((SIZE, SIZE), PADDING, np.int8)
    whole[: grid.shape[0], : grid.shape[1]] = grid
    return whole


@np.errstate(over="ignore")
def generated(seed: int, num_tasks: int) -> Tasks:
    """So many tasks, of sides 3 to 30 and by eight rules; the same seed makes the same ones.

    Raises ValueError for fewer than 1.
    """
    if num_tasks < 1:
        raise ValueError(f"There must be at least 1 task, not {num_tasks}.")
    pairs = [_pair(_numbers(stream)) for stream in counters.streams(np, seed, num_tasks)]
    return Tasks(*(np.stack([padded(pair[index]) for pair in pairs]) for index in (0, 1)))


def _numbers(stream: np.uint32) -> Iterator[int]:
    for clock in range(1 << 20):
        yield int(counters.drawn(np, stream, np.uint32(clock)))


def _pair(numbers: Iterator[int]) -> tuple[Grids, Grids]:
    rule = RULES[next(numbers) % len(RULES)]
    grid = np.zeros((3 + next(numbers) % 28, 3 + next(numbers) % 28), np.int8)
    for _ in range(2 + next(numbers) % 5):
        rows, columns = (_stretch(numbers, side) for side in grid.shape)
        grid[rows, columns] = 1 + next(numbers) % 9
    return grid, rule(grid)[:SIZE, :SIZE]


def _stretch(numbers: Iterator[int], side: int) -> slice:
    start = next(numbers) % side
    return slice(start, start + 1 + next(numbers) % (side - start))


def _recoloured(grid: Grids) -> Grids:
    return np.where(grid == grid.max(), np.int8(1), grid)


def _framed(grid: Grids) -> Grids:
    framed = grid.copy()
    framed[[0, -1]] = framed[:, [0, -1]] = 5
    return framed


def _halved(grid: Grids) -> Grids:
    return grid[: (grid.shape[0] + 1) // 2, : (grid.shape[1] + 1) // 2]


RULES: tuple[Callable[[Grids], Grids], ...] = (
    np.fliplr,
    np.flipud,
    np.rot90,
    np.transpose,
    _recoloured,
    _framed,
    _halved,
    lambda grid: np.tile(grid, (1, 2)),
)
