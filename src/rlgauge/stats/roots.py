"""Where a monotone function crosses a level."""

from __future__ import annotations

import math
from collections.abc import Callable

_HALVINGS = 60
_MAX_STEPS = 500
_CLOSE = 1e-15


def crossing(above: Callable[[float], bool], low: float, high: float) -> float:
    """Where `above` turns from true to false between `low` and `high`."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) else (low, middle)
    return (low + high) / 2


def fewest(suffices: Callable[[int], bool], low: int, high: int) -> int:
    """An n above `low` that suffices while n - 1 does not; `low` must not suffice. Looks from `high` on, doubling."""
    while not suffices(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def inverse(
    cdf: Callable[[float], float], density: Callable[[float], float], p: float, bounds: tuple[float, float]
) -> float:
    """The x within the bounds at which the distribution reaches p: Newton's steps, halvings where they lead outside."""
    low, high = bounds
    x = (low + high) / 2
    for _ in range(_MAX_STEPS):
        error, slope = cdf(x) - p, density(x)
        if abs(error) <= _CLOSE * p:
            return x
        low, high = (low, x) if error > 0 else (x, high)
        step = error / slope if slope > 0 else math.inf
        following = x - step if low <= x - step <= high else (low + high) / 2
        if abs(following - x) <= _CLOSE * following:
            return following
        x = following
    return x
