"""Figures of a comparison as readers want them."""

from __future__ import annotations

import math

from rlgauge.compare.comparison import Overall
from rlgauge.compare.line import Line
from rlgauge.compare.quantity import Sort
from rlgauge.stats.summary import Summary

MOST = 6
"""Decimal places of what has no exponent."""
_LONG = 1e15
_DIGITS = 3
_TO_TEN = 10 / 3
"""By which a number that begins with 3 or more has another digit before the point."""
_LEAST = 0.0001


def percent(part: float) -> str:
    """`2 %` of 0.02."""
    return f"{100 * part:.4g} %"


def typical_value(line: Line, value: float) -> str:
    """A value of one side with its unit: `12,340 steps/s`, `87.5 %`."""
    if line.sort == Sort.SUCCESS:
        return f"{100 * value:.1f} %"
    is_told = line.unit and line.unit not in {line.quantity, "reward", "points"}
    text = fixed(value, places(value) if line.is_ratio else _places_of(line))
    return f"{text} {line.unit}" if is_told else text


def effect(line: Line) -> str:
    """`0.901 [0.874, 0.929]` of a ratio, `-12.0 [-20.1, -3.9]` of a difference, points of a success rate."""
    if line.is_ratio:
        return _with_interval(line.difference, line.low, line.high, _DIGITS)
    if line.sort == Sort.SUCCESS:
        low, high = (None if end is None else 100 * end for end in (line.low, line.high))
        return _with_interval(100 * line.difference, low, high, 1, sign="+") + " points"
    return _with_interval(line.difference, line.low, line.high, _places_of(line), sign="+")


def of_metric(overall: Overall, summary: Summary | None) -> str:
    """The metric of all tasks or of one: `0.71 [0.55, 0.83]`, with its sign where it is a difference."""
    if summary is None:
        return "-"
    if overall.no_difference:
        return _with_interval(summary.point, summary.low, summary.high, 2)
    return _with_interval(summary.point, summary.low, summary.high, _places_of_metric(overall), sign="+")


def of_side(overall: Overall, summary: Summary) -> str:
    """The metric of one side, with as many places as the difference."""
    return _with_interval(summary.point, summary.low, summary.high, _places_of_metric(overall))


def _places_of(line: Line) -> int:
    """Decimal places of either side and of their difference, so that they can be seen to agree."""
    return _agreeing(places(line.candidate, line.baseline), _of_difference(line.difference, line.low, line.high))


def _places_of_metric(overall: Overall) -> int:
    sides = [side.point for side in (overall.candidate, overall.baseline) if side is not None]
    own = overall.summary
    return _agreeing(places(*sides), _of_difference(own.point, own.low, own.high))


def _agreeing(of_sides: int, of_difference: int) -> int:
    """As many as both need; more than the most only where the sides themselves are so small."""
    return min(max(of_sides, of_difference), max(of_sides, MOST))


def _of_difference(*values: float | None) -> int:
    """Decimal places of a difference and its interval: two digits of the largest, three of one that begins with 1 or 2.

    More say nothing, where the interval is of that width.
    """
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    return places(largest * _TO_TEN)


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
    """Decimal places that show three digits of the largest of the values; see `fixed`."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0:
        return _DIGITS
    return max(0, _DIGITS - 1 - math.floor(math.log10(largest)))


def fixed(value: float, digits: int, *, sign: str = "") -> str:
    """The number with so many decimal places, or with an exponent where they are too many or it is too long."""
    return with_exponent(value, digits, sign=sign) or f"{value:{sign},.{digits}f}"


def with_exponent(value: float, digits: int, *, sign: str = "") -> str | None:
    """A number of more than MOST decimal places with an exponent, no less exact; None where none is needed."""
    if digits <= MOST and abs(value) < _LONG:
        return None
    if not value:
        return "0"
    shown = min(MOST, max(0, digits + math.floor(math.log10(abs(value)))))
    return f"{value:{sign}.{shown}e}"


def _with_interval(point: float, low: float | None, high: float | None, digits: int, *, sign: str = "") -> str:
    text = fixed(point, digits, sign=sign)
    if low is None or high is None:
        return text
    return f"{text} [{fixed(low, digits, sign=sign)}, {fixed(high, digits, sign=sign)}]"
