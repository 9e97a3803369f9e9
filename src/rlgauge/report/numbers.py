"""Numbers as readers want them: as many places as the spread allows, intervals in brackets."""

from __future__ import annotations

import math

from rlgauge.stats.summary import Summary

_DIGITS = 3
_DIGITS_OF_SPREAD = 2
_MOST = 6


def places(value: float, spread: float | None) -> int:
    """Decimal places that show three digits of the value and two of its spread, and 6 at most."""
    wanted = [_places(value, _DIGITS)] + ([_places(spread, _DIGITS_OF_SPREAD)] if spread else [])
    return min(_MOST, max(0, *wanted))


def _places(value: float, digits: int) -> int:
    return digits - 1 - math.floor(math.log10(abs(value))) if value else digits


def fixed(value: float, digits: int) -> str:
    """The number with so many decimal places, and no minus before a zero."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def plus_minus(mean: float, deviation: float | None, *, digits: int, unit: str = "") -> str:
    """`12.3 ± 0.4`, or the mean alone where there is no deviation."""
    text = fixed(mean, digits)
    return f"{text if deviation is None else f'{text} ± {fixed(deviation, digits)}'}{unit}"


def interval(summary: Summary | None, *, digits: int, scale: float = 1.0, unit: str = "") -> str:
    """`[0.64, 0.78]`, or a dash where the data give no interval."""
    if summary is None or summary.low is None or summary.high is None:
        return "-"
    return f"[{fixed(summary.low * scale, digits)}, {fixed(summary.high * scale, digits)}]{unit}"


def estimate(summary: Summary, *, digits: int, scale: float = 1.0, unit: str = "") -> str:
    """`0.71 [0.64, 0.78]`, or the point alone where the data give no interval."""
    point = fixed(summary.point * scale, digits)
    if summary.low is None:
        return point + unit
    return f"{point} {interval(summary, digits=digits, scale=scale, unit=unit)}"
