"""What an expert showed: transitions of whole episodes, and what these came to."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray


class Demonstrations(NamedTuple):
    """The transitions of E episodes, one behind the other, N in all.

    `returns` are of the task's own reward, undiscounted. An episode that was cut off is not terminated.
    """

    observations: NDArray[Any]
    """(N, *observation)"""
    actions: NDArray[Any]
    """(N, *action)"""
    next_observations: NDArray[Any]
    """(N, *observation)"""
    is_terminated: NDArray[Any]
    """(N,) bool"""
    lengths: NDArray[Any]
    """(E,) int, of each episode, in order; they sum to N."""
    returns: NDArray[Any]
    """(E,) float"""
