"""Numbers as readers want them: as many places as the spread allows, intervals in brackets."""

from __future__ import annotations

import math

from rlgauge.compare.figures import MOST, with_exponent
from rlgauge.stats.summary import Summary

_DIGITS = 3
_DIGITS_OF_SPREAD = 2
_NORMALISED_DIGITS = 3
_SEPARATED = 10_000


def places(value: float, spread: float | None) -> int:
    """Decimal places that show three digits of the value and two of its spread, 6 at most unless both are too small."""
    wanted = max(0, _places(value, _DIGITS), _places(spread, _DIGITS_OF_SPREAD) if spread else 0)
    is_small = _places(max(abs(value), abs(spread or 0.0)), _DIGITS) > MOST
    return wanted if is_small else min(MOST, wanted)


def normalised_places(value: float, spread: float | None) -> int:
    """Decimal places of a score whose scale ends at 1: three below 1, more only where its spread needs them."""
    found = places(max(1.0, abs(value)), spread)
    return max(_NORMALISED_DIGITS, found) if abs(value) < 1 else found


def _places(value: float, digits: int) -> int:
    return digits - 1 - math.floor(math.log10(abs(value))) if value else digits


def fixed(value: float, digits: int) -> str:
    """The number with so many decimal places, thousands parted where it is long, and no minus before a zero.

    With an exponent where the places are too many or it is too long.
    """
    if (text := with_exponent(value, digits)) is not None:
        return text
    text = f"{value:,.{digits}f}" if abs(value) >= _SEPARATED else f"{value:.{digits}f}"
    return text.removeprefix("-") if round(value, digits) == 0 else text


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


def short_count(number: float) -> str:
    """Three digits and a letter: `23.4M`, `1.02k`, `5`."""
    for letter, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"
