"""Numbers as readers want them: as many places as the spread allows, intervals in brackets."""

from __future__ import annotations

import math

from rlgauge.stats.summary import Summary

NAMES = {"iqm": "IQM", "mean": "mean", "median": "median", "optimality_gap": "optimality gap"}
"""What the metrics are called in a table."""
_DIGITS = 3
_MOST = 6


def places(*values: float | None) -> int:
    """Decimal places that show three digits of the largest of the values."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0:
        return _DIGITS
    return min(_MOST, max(0, _DIGITS - 1 - math.floor(math.log10(largest))))


def plus_minus(mean: float, deviation: float | None, *, digits: int) -> str:
    """`12.3 ± 0.4`, or the mean alone where there is no deviation."""
    return f"{mean:.{digits}f}" if deviation is None else f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def estimate(summary: Summary | None, *, digits: int | None = None, scale: float = 1.0, unit: str = "") -> str:
    """`0.71 [0.64, 0.78]`, or the point alone where the data give no interval."""
    if summary is None:
        return "-"
    shown = places(summary.point * scale, summary.low, summary.high) if digits is None else digits
    point = f"{summary.point * scale:.{shown}f}{unit}"
    if summary.low is None or summary.high is None:
        return point
    return f"{point} [{summary.low * scale:.{shown}f}{unit}, {summary.high * scale:.{shown}f}{unit}]"


def counted(num_runs: int, num_missing: int) -> str:
    """`50`, or `47 of 50` where runs are missing."""
    return f"{num_runs} of {num_runs + num_missing}" if num_missing else str(num_runs)
