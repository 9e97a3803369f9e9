"""Quantities: how two sides of one are compared, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status

_TIMES = {"s", "ms", "us", "µs", "ns", "min", "h"}
_SIZES = {"bytes", "B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"}
_SUCCESS = "success"
_SCORES = ("return", "score", "success")
_BEST_KNOWN = "steps_per_second"


class Sort(StrEnum):
    """What kind of number a quantity is, by its unit."""

    SPEED = "speed"
    TIME = "time"
    MEMORY = "memory"
    SUCCESS = "success"
    SCORE = "score"


_WORSE = {
    Sort.SPEED: "slower",
    Sort.TIME: "slower",
    Sort.MEMORY: "larger",
    Sort.SUCCESS: "worse",
    Sort.SCORE: "worse",
}
_BETTER = {
    Sort.SPEED: "faster",
    Sort.TIME: "faster",
    Sort.MEMORY: "smaller",
    Sort.SUCCESS: "better",
    Sort.SCORE: "better",
}


class Quantity(msgspec.Struct, frozen=True):
    """A quantity that runs measured."""

    name: str
    unit: str
    sort: Sort

    @property
    def is_ratio(self) -> bool:
        """Whether sides are compared by their ratio: speed, time and memory; else by their difference."""
        return self.sort in {Sort.SPEED, Sort.TIME, Sort.MEMORY}

    @property
    def is_less_better(self) -> bool:
        """Whether less of it is better."""
        return self.sort in {Sort.TIME, Sort.MEMORY}

    @property
    def worse(self) -> str:
        """The word for a candidate that is worse in it."""
        return _WORSE[self.sort]

    @property
    def better(self) -> str:
        """The word for a candidate that is better in it."""
        return _BETTER[self.sort]


def quantity_of(name: str, unit: str) -> Quantity:
    """The quantity; one in a unit of no known kind is a score, of which more is better."""
    if unit == _SUCCESS:
        return Quantity(name, unit, Sort.SUCCESS)
    if unit.endswith("/s") or unit == "Hz":
        return Quantity(name, unit, Sort.SPEED)
    if unit in _TIMES:
        return Quantity(name, unit, Sort.TIME)
    return Quantity(name, unit, Sort.MEMORY if unit in _SIZES else Sort.SCORE)


def measured(reading: Reading) -> Mapping[str, Total]:
    """What a run measured; nothing if it did not complete."""
    return reading.totals if reading.status is Status.COMPLETED else {}


def check_wanted(readings: Iterable[Reading], wanted: Iterable[str]) -> None:
    """Raise UserError for a quantity that no run measured, unless none measured anything."""
    units = _units(readings)
    for name in wanted:
        if units and name not in units:
            raise unknown("score", name, units)


def quantities(readings: Iterable[Reading], wanted: Iterable[str] = ()) -> list[Quantity]:
    """What is compared of these runs: the quantities wanted, else score and success, else all speeds, times and sizes.

    Raises UserError where it can't be told what is meant.
    """
    found = {name: quantity_of(name, unit) for name, unit in _units(readings).items()}
    names = list(dict.fromkeys(wanted))
    if names:
        return [found[name] for name in names if name in found]
    scores = [found[name] for name in _SCORES if name in found]
    chosen = scores or [quantity for quantity in found.values() if quantity.is_ratio] or list(found.values())
    if len(chosen) > 1 and not scores and not chosen[0].is_ratio:
        raise _ambiguous(found)
    return chosen


def only(found: Sequence[Quantity]) -> Quantity:
    """The one that is meant where one is: the first of return, score and success, else the best known speed.

    Raises UserError where it can't be told.
    """
    if len(found) == 1 or not found[0].is_ratio:
        return found[0]
    for quantity in found:
        if quantity.name == _BEST_KNOWN:
            return quantity
    raise _ambiguous(quantity.name for quantity in found)


def _ambiguous(names: Iterable[str]) -> UserError:
    return UserError(f"The runs measured {', '.join(sorted(names))}: say which is meant with --score NAME.")


def _units(readings: Iterable[Reading]) -> Mapping[str, str]:
    """The unit of every quantity that was measured."""
    units: dict[str, str] = {}
    for reading in readings:
        for name in measured(reading):
            units[name] = reading.units.get(name) or units.get(name, "")
    return units
