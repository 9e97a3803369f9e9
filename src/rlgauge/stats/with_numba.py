"""Counting by Numba, where it is installed and the work is worth its start: the same numbers in less time.

Everything added is whole and below 2 to the 53, so that no digit depends on who adds it, or in what order.

Shapes: N scores of all tasks, B replicates, P parts of a level, K thresholds, C bins.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_WORTH = 1 << 28
"""Draws that take NumPy longer, by what importing and compiling Numba take."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Drawn = NDArray[np.unsignedinteger[Any]]


class Kernels(NamedTuple):
    """What is made of the seeds that were drawn, (B, N), and of the place of each among the scores in rising order.

    `sums`: sums of levels, (B, P), where each counts as often as it was drawn. `task_sums`: the same task by task,
    (B, T, P), for levels task by task and as many seeds in each. `middle_sums`: of steps, (B, P), each
    times the number drawn below it, but at least `cut` and at most the rest. `tally` adds to counts, (K, C), for every
    replicate and threshold: how many were drawn that are not above the threshold, of which `places_K` are not above.
    """

    sums: Callable[[Drawn, Indices, Floats], Floats]
    task_sums: Callable[[Drawn, Floats, int], Floats]
    middle_sums: Callable[[Drawn, Indices, Floats, int], Floats]
    tally: Callable[[Drawn, Indices, Indices, NDArray[np.int64]], None]


def kernels(num_draws: int = _WORTH) -> Kernels | None:
    """Numba's kernels; None where it is not installed, or not running yet and so few draws are not worth its start."""
    if num_draws < _WORTH and not _compiled.cache_info().currsize:
        return None
    return _compiled() if importlib.util.find_spec("numba") else None


@functools.cache
def _compiled() -> Kernels:
    import numba

    compiled = numba.njit(nogil=True)
    return Kernels(compiled(_sums), compiled(_task_sums), compiled(_middle_sums), compiled(_tally))


def _sums(drawn_BN: Drawn, place_N: Indices, levels_NP: Floats) -> Floats:
    sums_BP = np.zeros((len(drawn_BN), 2))
    levels_2N = levels_NP[place_N].T.copy()
    for row in range(len(drawn_BN)):
        coarse = fine = 0.0
        for seed in drawn_BN[row]:
            coarse += levels_2N[0, seed]
            fine += levels_2N[1, seed]
        sums_BP[row, 0] = coarse
        sums_BP[row, 1] = fine
    return sums_BP


def _task_sums(drawn_BN: Drawn, levels_NP: Floats, num_seeds: int) -> Floats:
    num_tasks = len(levels_NP) // num_seeds
    sums_BTP = np.zeros((len(drawn_BN), num_tasks, 2))
    for row in range(len(drawn_BN)):
        for task in range(num_tasks):
            coarse = fine = 0.0
            for seed in drawn_BN[row, task * num_seeds : (task + 1) * num_seeds]:
                coarse += levels_NP[seed, 0]
                fine += levels_NP[seed, 1]
            sums_BTP[row, task, 0] = coarse
            sums_BTP[row, task, 1] = fine
    return sums_BTP


def _middle_sums(drawn_BN: Drawn, place_N: Indices, steps_NP: Floats, cut: int) -> Floats:
    num = len(place_N)
    sums_BP = np.zeros((len(drawn_BN), 2))
    steps_2N = steps_NP.T.copy()
    counts_N = np.zeros(num, np.int32)
    for row in range(len(drawn_BN)):
        counts_N[:] = 0
        for seed in drawn_BN[row]:
            counts_N[place_N[seed]] += 1
        coarse = fine = 0.0
        below = 0
        for place in range(num):
            below += counts_N[place]
            kept = min(max(below, cut), num - cut)
            coarse += kept * steps_2N[0, place]
            fine += kept * steps_2N[1, place]
        sums_BP[row, 0] = coarse
        sums_BP[row, 1] = fine
    return sums_BP


def _tally(drawn_BN: Drawn, place_N: Indices, places_K: Indices, tally_KC: NDArray[np.int64]) -> None:
    num = len(place_N)
    counts_N = np.zeros(num, np.int32)
    below_N = np.zeros(num + 1, np.int32)
    for row in range(len(drawn_BN)):
        counts_N[:] = 0
        for seed in drawn_BN[row]:
            counts_N[place_N[seed]] += 1
        for place in range(num):
            below_N[place + 1] = below_N[place] + counts_N[place]
        for threshold, place in enumerate(places_K):
            tally_KC[threshold, below_N[place]] += 1
