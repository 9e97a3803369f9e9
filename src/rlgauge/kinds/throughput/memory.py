"""What environments hold: bytes of each as a slope over their number, and how many will fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from rlgauge.kinds.throughput.point import BLOCK
from rlgauge.kinds.throughput.results import Measured
from rlgauge.stats.intervals import two_sided
from rlgauge.stats.quantiles import student_t_quantile

_PAIR = 2
_DIGITS = 2
_BLOCKS = 2
_RISE = 2**25
_STRIDE = 1.5
_CLOSE = 1.1
_Manner = tuple[object, ...]


class Slope(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes for each more, by least squares, and the 95 % interval of the slope from three numbers on."""

    point: float
    low: float | None = None
    high: float | None = None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the environments of a library hold, all measured in the same way but for their number.

    `floor` is the peak of the process with one environment, bytes: libraries, compiler, code. `planned` is what the
    compiler plans for each environment, `peak` what the process held for each; `device_peak` what a device with memory
    of its own did. Slopes are over numbers of two blocks or more, for a block's temporaries are there once; those of
    peaks, where these rise by 32 MiB or more: less may be an allocator's habit. None is what was not measured.
    `needed` is how large two numbers must be, at least, for a slope of what is planned; None where they were.
    """

    environment: str
    name: str
    scan_chunk_size: int | None = None
    emit: str = "drop"
    floor: int | None = None
    planned: Slope | None = None
    peak: Slope | None = None
    device_peak: Slope | None = None
    needed: int | None = None

    @property
    def per_env(self) -> float | None:
        """The most that an environment is known to hold, bytes; None where no slope is known."""
        held = self.peak if self.device_peak is None else self.device_peak
        slopes = [slope for slope in (self.planned, held) if slope is not None]
        return max((slope.point for slope in slopes if slope.point > 0), default=None)

    def num_that_fit(self, free: float) -> int | None:
        """Environments that so many bytes are predicted to hold, to two digits; None where no slope is known."""
        if self.per_env is None:
            return None
        room = free if self.device_peak is not None else free - (self.floor or 0)
        return round_down(room / self.per_env) if room > self.per_env else 0


def memory_of(found: Sequence[Measured]) -> list[Memory]:
    """One for each library, environment and way of measuring, in the order in which they were measured."""
    groups: dict[_Manner, list[Measured]] = {}
    for one in found:
        if one.steps_per_second is not None:
            groups.setdefault(_manner(one), []).append(one)
    return [_memory(group, _floor(found, _library(group[0]))) for group in groups.values()]


def over_floor(one: Measured, found: Sequence[Measured]) -> int | None:
    """What the process held beyond one with a single environment, bytes; None where either was not measured."""
    floor = _floor(found, _library(one))
    return None if floor is None or one.peak_bytes is None else one.peak_bytes - floor


def per_step_of_chunk(found: Sequence[Measured]) -> Slope | None:
    """What the compiler plans for each step of a chunk and environment, where only the chunk's size differs."""
    pairs = [
        (one.facts["scan_chunk_size"], one.planned_bytes / one.point.num_envs)
        for one in found
        if one.planned_bytes is not None
    ]
    return _slope(pairs)


class Bracket(NamedTuple):
    """The most environments that fitted, and the fewest that did not; None where there were none such."""

    most: int | None
    fewest: int | None


def largest(fits: Callable[[int], bool], first: int) -> Bracket:
    """The largest number that fits, to a tenth: up or down from the first until it is known from both sides."""
    most: int | None = None
    fewest: int | None = None
    number = max(1, round_down(first))
    while True:
        if fits(number):
            most = number
        else:
            fewest = number
        following = _following(most, fewest)
        if following is None:
            return Bracket(most, fewest)
        number = following


def _following(most: int | None, fewest: int | None) -> int | None:
    """The number to try next; None where they are close enough."""
    if fewest is None:
        return max((most or 0) + _unit(most or 0), round_down((most or 0) * _STRIDE))
    if most is None:
        return None if fewest == 1 else max(1, round_down(fewest / _STRIDE))
    middle = max(round_down(math.sqrt(most * fewest)), most + _unit(most))
    return middle if fewest / most > _CLOSE and middle < fewest else None


def round_down(number: float) -> int:
    """The number of two digits and zeros below it, which many blocks divide."""
    return int(number // _unit(number) * _unit(number))


def _unit(number: float) -> int:
    """Of the second digit."""
    return 10 ** max(0, len(str(int(number))) - _DIGITS)  # type: ignore[no-any-return]


def _memory(group: Sequence[Measured], floor: int | None) -> Memory:
    first = group[0].point
    large = _alike([one for one in group if one.point.num_envs >= _BLOCKS * one.facts.get("block", 0)])
    is_enough = len({one.point.num_envs for one in large}) >= _PAIR
    return Memory(
        environment=first.environment,
        name=first.name,
        scan_chunk_size=first.scan_chunk_size if first.emit == "write" else None,
        emit=first.emit,
        floor=floor,
        planned=_slope([(one.point.num_envs, one.planned_bytes) for one in large]),
        peak=_slope_of_peaks([(one.point.num_envs, one.peak_bytes) for one in large]),
        device_peak=_slope_of_peaks([(one.point.num_envs, one.device_peak_bytes) for one in large]),
        needed=None if is_enough else _needed(group),
    )


def _needed(group: Sequence[Measured]) -> int | None:
    """Two of the blocks that very many are stepped in; None of libraries without blocks."""
    known = [one for one in group if "block" in one.facts]
    blocks = [one.point.block or one.facts.get("best_block", BLOCK) for one in known]
    return _BLOCKS * max(blocks) if blocks else None


def _alike(found: Sequence[Measured]) -> list[Measured]:
    """Those in blocks of one size, the most frequent: a block's temporaries are there once, whatever the number."""
    blocks = [one.facts.get("block") for one in found]
    return [one for one in found if one.facts.get("block") == max(blocks, key=blocks.count)]


def _library(one: Measured) -> _Manner:
    return one.point.environment, one.point.name


def _manner(one: Measured) -> _Manner:
    """All that is said of a point but its number of environments, and how they are divided where nothing is written."""
    left_out = {"num_envs", "block", *(["scan_chunk_size"] if one.point.emit == "drop" else [])}
    return tuple(value for name, value in one.point.params.items() if name not in left_out)


def _floor(found: Sequence[Measured], library: _Manner) -> int | None:
    """The peak of a process with a single environment of that library."""
    singles = [one for one in found if _library(one) == library and one.point.num_envs == 1]
    return min((one.peak_bytes for one in singles if one.peak_bytes is not None), default=None)


def _slope_of_peaks(pairs: Sequence[tuple[float, float | None]]) -> Slope | None:
    known = sorted((x, y) for x, y in pairs if y is not None)
    return _slope(known) if known and known[-1][1] - known[0][1] >= _RISE else None


def _slope(pairs: Sequence[tuple[float, float | None]]) -> Slope | None:
    """Of the second over the first; None of fewer than two different firsts, and where nothing grows."""
    known = [(x, y) for x, y in pairs if y is not None]
    if len({x for x, _ in known}) < _PAIR:
        return None
    xs, ys = np.array(known, np.float64).T
    around = xs - xs.mean()
    point = float(around @ ys / (around @ around))
    df = len(known) - _PAIR
    if point <= 0:
        return None
    if df == 0:
        return Slope(point=point)
    left = ys - ys.mean() - point * around
    error = math.sqrt(float(left @ left) / df / float(around @ around))
    reach = student_t_quantile(two_sided(0.95), df) * error
    return Slope(point=point, low=point - reach, high=point + reach)
