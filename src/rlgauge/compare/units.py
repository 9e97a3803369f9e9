"""Units of one kind: how many of one are in another."""

from __future__ import annotations

from typing import NamedTuple

TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
"""Seconds in each."""
SIZES = {
    "bytes": 1.0,
    "B": 1.0,
    "kB": 1e3,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
}
"""Bytes in each."""
_PREFIXES = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}


class _Measure(NamedTuple):
    """What a unit measures, and its size among the units that measure the same."""

    what: str
    size: float


def is_speed(unit: str) -> bool:
    """Whether it is something a second, or in a second."""
    return unit.endswith(("/s", "Hz"))


def factor(unit: str, wanted: str) -> float | None:
    """By which a number in a unit is multiplied to be one in the unit wanted; None where they measure different things.

    1 where either is not told.
    """
    if unit == wanted or not unit or not wanted:
        return 1.0
    sizes = {one.what: one.size for one in _measures(wanted)}
    return next((one.size / sizes[one.what] for one in _measures(unit) if one.what in sizes), None)


def _measures(unit: str) -> list[_Measure]:
    """What a unit may measure: `ksteps/s` are thousands of steps, and `kicks/s` are kicks."""
    if unit in TIMES:
        return [_Measure("time", TIMES[unit])]
    if unit in SIZES:
        return [_Measure("size", SIZES[unit])]
    counted, slash, per = unit.rpartition("/")
    if slash and per in TIMES:
        return [_Measure(f"{one.what}/s", one.size / TIMES[per]) for one in _measures(counted)]
    scale = _PREFIXES.get(unit[:1])
    return [_Measure(unit, 1.0), *([_Measure(unit[1:], scale)] if scale and unit[1:] else [])]
