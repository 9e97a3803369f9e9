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
_MOST_PLACES = 9
_EXACT = 1e-6
"""So much of the distance of two marks may a label be off."""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """From the values `low` to `high` to the places `first` to `last`; by their logarithms where `is_log`.

    Marks are at powers of `base` where `is_log`, and at whole numbers alone where `is_whole`.
    """

    low: float
    high: float
    first: float
    last: float
    is_log: bool = False
    base: int = _BASE
    is_whole: bool = False

    def place(self, value: float) -> float:
        """Where a value is; beyond the ends for one that is beyond them, and for what has no place at an end."""
        if math.isinf(value) or (self.is_log and value <= 0):
            return self.last if value > 0 else self.first
        low, high, at = (math.log10(one) if self.is_log else one for one in (self.low, self.high, value))
        return self.first + (at - low) / (high - low) * (self.last - self.first)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the ends, `most` at most."""
        if self.is_log:
            return _powers(self.low, self.high, most, base=self.base)
        return _even(self.low, self.high, most, is_whole=self.is_whole)


def scale_of(
    values: Iterable[float],
    *,
    first: float,
    last: float,
    is_log: bool = False,
    base: int = _BASE,
    is_whole: bool = False,
    margin: float = 0.04,
) -> Scale:
    """The scale that shows all finite values, with a margin as a part of what they take."""
    known = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
    low, high = (min(known), max(known)) if known else ((1.0, 10.0) if is_log else (0.0, 1.0))
    if is_log:
        width = max(math.log10(high / low), 0.2) * margin
        return Scale(low=low / 10**width, high=high * 10**width, first=first, last=last, is_log=True, base=base)
    if low == high:
        spread = abs(low) / 2 or 0.5
        low, high = low - spread, high + spread
    room = (high - low) * margin
    return Scale(low=low - room, high=high + room, first=first, last=last, is_whole=is_whole)


def labels(ticks: Sequence[float], *, is_log: bool = False, base: int = _BASE) -> list[str]:
    """What is written at the marks: as many places as tell what each is."""
    if is_log and base != _BASE and all(tick >= 1 and tick.is_integer() for tick in map(float, ticks)):
        return [f"{tick:,.0f}" for tick in ticks]
    is_long = any(abs(tick) >= _MOST for tick in ticks)
    if is_log or is_long:
        short = ["0" if tick == 0 else ("-" if tick < 0 else "") + short_count(abs(tick)) for tick in ticks]
        if all(map(_is_said, short, ticks)):
            return short
    least = min((abs(b - a) for a, b in itertools.pairwise(ticks)), default=max(map(abs, ticks), default=1.0))
    if 0 < least < _LEAST:
        told = ([f"{tick:.{digits}g}" for tick in ticks] for digits in range(3, 16))
        return next((texts for texts in told if all(map(_is_said, texts, ticks))), [f"{tick:g}" for tick in ticks])
    exact = (num for num in range(_MOST_PLACES) if all(abs(round(one, num) - one) <= _EXACT * least for one in ticks))
    places = next(exact, _MOST_PLACES)
    return [f"{tick + 0.0:{',' if is_long else ''}.{places}f}" for tick in ticks]


def _is_said(text: str, tick: float) -> bool:
    """Whether what is written is the value."""
    size = {"G": 1e9, "M": 1e6, "k": 1e3}.get(text[-1:], 1.0)
    return math.isclose(float(text.rstrip("GMk")) * size, tick, rel_tol=_EXACT * _EXACT, abs_tol=0.0)


def _nice(width: float, *, is_whole: bool) -> float:
    decade = 10.0 ** math.floor(math.log10(width))
    found = (nice * decade for nice in _NICE if nice * decade >= width * (1 - 1e-9))
    return max(1.0, next(one for one in found if one <= 1 or one.is_integer())) if is_whole else next(found)


def _powers(low: float, high: float, most: int, *, base: int) -> list[float]:
    first, last = (
        math.ceil(math.log(low) / math.log(base) - 1e-9),
        math.floor(math.log(high) / math.log(base) + 1e-9),
    )
    if last - first < 1:
        return _between(low, high, most)
    if last - first == 1 and base == _BASE and len(more := _between(low, high, most)) <= most:
        return more
    step = max(1, math.ceil((last - first + 1) / min(most, _MOST_DECADES)))
    return [float(base) ** power for power in range(first, last + 1, step)]


def _between(low: float, high: float, most: int) -> list[float]:
    """Round values where there are fewer than two powers."""
    decades = range(math.ceil(math.log10(low) - 1e-9) - 1, math.floor(math.log10(high) + 1e-9) + 1)
    for nices in ((1, 2, 5), range(1, _BASE)):
        inner = [nice * float(_BASE) ** decade for decade in decades for nice in nices]
        found = [one for one in inner if low <= one <= high]
        if len(found) >= _FEWEST:
            return found
    return _even(low, high, most)


def _even(low: float, high: float, most: int, *, is_whole: bool = False) -> list[float]:
    """Round values at equal distances."""
    width = _nice((high - low) / max(most - 1, 1), is_whole=is_whole)
    first, last = math.ceil(low / width - 1e-9), math.floor(high / width + 1e-9)
    return [place * width for place in range(first, last + 1)]
