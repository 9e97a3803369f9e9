"""Counting by Numba, where it is installed and the work is worth its start: the same numbers in less time.

It adds in the order in which NumPy does, so that no digit depends on whether it is there.

Shapes: N scores of all tasks, B replicates.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_WORTH = 1 << 28
"""Draws whose counting takes NumPy longer, by what importing and compiling Numba take."""


class Kernels(NamedTuple):
    """How the draws of a block are counted.

    `counts` of which seed of its task was drawn in each place, (B, N), and where the task starts, (N,): how often each
    score was drawn, (B, N). `cumulative` of weights, (B, N), and the order of the scores: the weight of each and all
    before it, (B, N), in this order.
    """

    counts: Callable[[NDArray[np.integer[Any]], NDArray[np.intp]], NDArray[np.int64]]
    cumulative: Callable[[NDArray[Any], NDArray[np.intp]], NDArray[np.float64]]


def kernels(num_draws: int = _WORTH) -> Kernels | None:
    """Numba's kernels; None where it is not installed, or not running yet and so few draws are not worth its start."""
    if num_draws < _WORTH and not _compiled.cache_info().currsize:
        return None
    return _compiled() if importlib.util.find_spec("numba") else None


@functools.cache
def _compiled() -> Kernels:
    import numba

    compiled = numba.njit(nogil=True)
    return Kernels(compiled(_counts), compiled(_cumulative))


def _counts(drawn_BN: NDArray[np.integer[Any]], starts_N: NDArray[np.intp]) -> NDArray[np.int64]:
    rows, num = drawn_BN.shape
    counts_BN = np.zeros((rows, num), np.int64)
    for row in range(rows):
        for place in range(num):
            counts_BN[row, starts_N[place] + drawn_BN[row, place]] += 1
    return counts_BN


def _cumulative(weights_BN: NDArray[Any], order_N: NDArray[np.intp]) -> NDArray[np.float64]:
    rows, num = weights_BN.shape
    cumulative_BN = np.empty((rows, num), np.float64)
    for row in range(rows):
        total = 0.0
        for place in range(num):
            total += weights_BN[row, order_N[place]]
            cumulative_BN[row, place] = total
    return cumulative_BN
