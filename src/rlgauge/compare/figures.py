"""Figures of a comparison as readers want them."""

from __future__ import annotations

import math

from rlgauge.compare.comparison import Overall
from rlgauge.compare.line import Line
from rlgauge.compare.quantity import Sort
from rlgauge.stats.summary import Summary

_THOUSAND = 1000
_MOST = 6
_DIGITS = 3
_LEAST = 0.0001


def percent(part: float) -> str:
    """`2 %` of 0.02."""
    return f"{100 * part:.4g} %"


def typical_value(line: Line, value: float) -> str:
    """A value of one side with its unit: `12,340 steps/s`, `87.5 %`."""
    if line.sort == Sort.SUCCESS:
        return f"{100 * value:.1f} %"
    is_told = line.unit and line.unit not in {line.quantity, "reward", "points"}
    return f"{_number(value)} {line.unit}" if is_told else _number(value)


def effect(line: Line) -> str:
    """`0.901 [0.874, 0.929]` of a ratio, `-12.0 [-20.1, -3.9]` of a difference, points of a success rate."""
    if line.is_ratio:
        return _with_interval(line.difference, line.low, line.high, ".3f")
    if line.sort == Sort.SUCCESS:
        low, high = (None if end is None else 100 * end for end in (line.low, line.high))
        return _with_interval(100 * line.difference, low, high, "+.1f") + " points"
    digits = places(line.difference, line.low, line.high)
    return _with_interval(line.difference, line.low, line.high, f"+.{digits}f")


def of_metric(overall: Overall, summary: Summary | None) -> str:
    """The metric of all tasks or of one: `0.71 [0.55, 0.83]`, with its sign where it is a difference."""
    if summary is None:
        return "-"
    if overall.no_difference:
        return _with_interval(summary.point, summary.low, summary.high, ".2f")
    digits = places(summary.point, summary.low, summary.high)
    return _with_interval(summary.point, summary.low, summary.high, f"+.{digits}f")


def of_side(summary: Summary) -> str:
    """The metric of one side."""
    digits = places(summary.point, summary.low, summary.high)
    return _with_interval(summary.point, summary.low, summary.high, f".{digits}f")


def p_value(p: float | None) -> str:
    """`0.012`, `< 0.0001`; `-` where there was no test."""
    if p is None:
        return "-"
    return "< 0.0001" if p < _LEAST else f"{p:.2g}"


def with_p(line: Line) -> str:
    """The effect with the p-value of its test: `0.901 [0.874, 0.929], p = 0.012`."""
    p = line.p_value
    if p is None:
        return effect(line)
    return f"{effect(line)}, p {'' if p < _LEAST else '= '}{p_value(p)}"


def places(*values: float | None) -> int:
    """Decimal places that show three digits of the largest of the values."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0:
        return _DIGITS
    return min(_MOST, max(0, _DIGITS - 1 - math.floor(math.log10(largest))))


def _with_interval(point: float, low: float | None, high: float | None, style: str) -> str:
    if low is None or high is None:
        return f"{point:{style}}"
    return f"{point:{style}} [{low:{style}}, {high:{style}}]"


def _number(value: float) -> str:
    if abs(value) >= _THOUSAND:
        return f"{value:,.0f}"
    return f"{value:.{places(value)}f}"
