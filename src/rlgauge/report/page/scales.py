"""Scales of figures: from a value to its place, and the values worth a mark on the axis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.report.numbers import short_count

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_DECADES = 7
_BASE, _FEWEST = 10, 2
_LEAST, _MOST = 1e-3, 1e4
"""Numbers between these are written without an exponent or a letter."""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """From the values `low` to `high` to the places `first` to `last`; by their logarithms where `is_log`."""

    low: float
    high: float
    first: float
    last: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where a value is; beyond the ends for one that is beyond them, and for what has no place at an end."""
        if math.isinf(value) or (self.is_log and value <= 0):
            return self.last if value > 0 else self.first
        low, high, at = (math.log10(one) if self.is_log else one for one in (self.low, self.high, value))
        return self.first + (at - low) / (high - low) * (self.last - self.first)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the ends, `most` at most."""
        if self.is_log:
            return _decades(self.low, self.high, most)
        width = _nice((self.high - self.low) / max(most - 1, 1))
        first = math.ceil(self.low / width - 1e-9)
        last = math.floor(self.high / width + 1e-9)
        return [place * width for place in range(first, last + 1)]


def scale_of(
    values: Iterable[float], *, first: float, last: float, is_log: bool = False, margin: float = 0.04
) -> Scale:
    """The scale that shows all finite values, with a margin as a part of what they take."""
    known = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
    low, high = (min(known), max(known)) if known else ((1.0, 10.0) if is_log else (0.0, 1.0))
    if is_log:
        width = max(math.log10(high / low), 0.2) * margin
        return Scale(low=low / 10**width, high=high * 10**width, first=first, last=last, is_log=True)
    if low == high:
        spread = abs(low) / 2 or 0.5
        low, high = low - spread, high + spread
    room = (high - low) * margin
    return Scale(low=low - room, high=high + room, first=first, last=last)


def labels(ticks: Sequence[float], *, is_log: bool = False) -> list[str]:
    """What is written at the marks: as many places as tell them apart."""
    if is_log or any(abs(tick) >= _MOST for tick in ticks):
        return ["0" if tick == 0 else ("-" if tick < 0 else "") + short_count(abs(tick)) for tick in ticks]
    least = min((abs(b - a) for a, b in itertools.pairwise(ticks)), default=1.0)
    if 0 < least < _LEAST:
        return [f"{tick:.3g}" for tick in ticks]
    places = max(0, -math.floor(math.log10(least) + 1e-9)) if least else 0
    places += f"{least:.10f}".rstrip("0")[-2:] == "25"
    return [f"{tick + 0.0:.{places}f}" for tick in ticks]


def _nice(width: float) -> float:
    decade = 10.0 ** math.floor(math.log10(width))
    return next(nice * decade for nice in _NICE if nice * decade >= width * (1 - 1e-9))


def _decades(low: float, high: float, most: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        for nices in ((1, 2, 5), range(1, _BASE)):
            inner = [nice * float(_BASE) ** decade for decade in range(first - 1, last + 1) for nice in nices]
            found = [one for one in inner if low <= one <= high]
            if len(found) >= _FEWEST:
                return found
        return [low, high]
    step = max(1, math.ceil((last - first + 1) / min(most, _MOST_DECADES)))
    return [10.0**decade for decade in range(first, last + 1, step)]
