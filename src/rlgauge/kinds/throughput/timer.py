"""Timing what is ready to be stepped: first calls apart, calibrated, burnt in, repeated, and judged for noise."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.kinds.throughput.noise import Disturbance, Moment, Noise
from rlgauge.kinds.throughput.prepared import Done, Prepared

_GROWTH = 10
_AIM = 1.2
"""How much longer than the least time a repetition is planned to be: speeds differ from call to call."""
_MOST_TRIPS = 2**31 - 1
_BURN_IN_SECONDS = 20.0
"""After this no more is burnt in: the slowest environments take hours for 200 steps of a million."""
_LONG_SECONDS = 30.0
"""A series of repetitions that took so long is not tried again."""
_TRIES = 3
"""Series of repetitions, where the machine was busy with something else, before a measurement is told to be noisy."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a point is timed.

    A repetition takes at least `min_seconds`, or exactly `num_steps` steps of each environment; `warmup` of them are
    not counted, `repeats` are; before them each environment takes `burn_in` steps, so that episodes are out of step.
    With `only_steps` nothing is done that holds more memory than stepping: resets are not timed, bandwidth is not
    measured, and the work is not done again in other parts.
    """

    min_seconds: float = 0.2
    num_steps: int | None = None
    warmup: int = 1
    repeats: int = 5
    burn_in: int = 200
    only_steps: bool = False

    def __post_init__(self) -> None:
        """Raise UserError for what can't be timed."""
        for name, least in (("repeats", 1), ("warmup", 0), ("burn_in", 0), ("num_steps", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"{name}={value}: it must be at least {least}.")
        if not 0 < self.min_seconds < math.inf:
            raise UserError(f"min_seconds={self.min_seconds}: a repetition must take some time.")


class Repetition(NamedTuple):
    """What was done and what it took."""

    done: Done
    took: Disturbance


class Series(NamedTuple):
    """Repetitions after one another; `first_seconds` is what the first call of all took, with one trip.

    `burn_in` is how many steps each environment took before them to burn in.
    """

    repetitions: list[Repetition]
    num_trips: int
    first_seconds: float
    disturbance: Disturbance
    num_tries: int
    burn_in: int

    @property
    def noise(self) -> Noise:
        """Of all repetitions together."""
        return self.disturbance.noise


def measure(prepared: Prepared, settings: Settings, *, tell: Callable[[int], None] = lambda _index: None) -> Series:
    """The quietest of a few series of repetitions: the first that is quiet ends it. `tell` is told of each repetition.

    Raises UserError where a repetition can't be as short as asked.
    """
    first_seconds = _seconds(prepared, 1)
    num_trips = _calibrated(prepared, settings)
    burn_in = _burn_in(prepared, settings)
    best: tuple[list[Repetition], Disturbance] | None = None
    num_tries = 0
    while num_tries < _TRIES:
        num_tries += 1
        for _ in range(settings.warmup):
            prepared.go(num_trips)
        found = _repeat(prepared, num_trips, settings.repeats, tell=tell)
        if best is None or _badness(found[1]) < _badness(best[1]):
            best = found
        least = min((one.took.seconds for one in found[0]), default=math.inf)
        if settings.num_steps is None and least < settings.min_seconds and num_tries < _TRIES:
            num_trips, best = math.ceil(num_trips * _AIM * settings.min_seconds / least), None
            continue
        if found[1].noise in {Noise.QUIET, Noise.UNKNOWN} or found[1].seconds > _LONG_SECONDS:
            break
    return Series(best[0], num_trips, first_seconds, best[1], num_tries, burn_in)  # type: ignore[index]  # there is a first try


def _repeat(
    prepared: Prepared, num_trips: int, num: int, *, tell: Callable[[int], None]
) -> tuple[list[Repetition], Disturbance]:
    start = Moment.before()
    repetitions = []
    for index in range(num):
        tell(index)
        begin = Moment.before()
        done = prepared.go(num_trips)
        repetitions.append(Repetition(done, Moment.after().since(begin)))
    return repetitions, Moment.after().since(start)


def _badness(disturbance: Disturbance) -> float:
    return (disturbance.steal or 0.0) * 5 + (disturbance.others or 0.0)


def _calibrated(prepared: Prepared, settings: Settings) -> int:
    """Trips that take the least time of a repetition, twice in a row, found on calls after the first."""
    if settings.num_steps is not None:
        if settings.num_steps % prepared.steps_per_trip:
            raise UserError(
                f"num_steps={settings.num_steps} is no multiple of {prepared.steps_per_trip}, the steps of a chunk."
            )
        return settings.num_steps // prepared.steps_per_trip
    num_trips = 1
    while (seconds := _least_seconds(prepared, num_trips, settings)) < settings.min_seconds and num_trips < _MOST_TRIPS:
        wanted = math.ceil(num_trips * _AIM * settings.min_seconds / max(seconds, 1e-9))
        num_trips = min(max(wanted, num_trips + 1), num_trips * _GROWTH, _MOST_TRIPS)
    return num_trips


def _least_seconds(prepared: Prepared, num_trips: int, settings: Settings) -> float:
    """What so many trips take; where that is enough, the less of two times: the first may have been disturbed."""
    seconds = _seconds(prepared, num_trips)
    return seconds if seconds < settings.min_seconds else min(seconds, _seconds(prepared, num_trips))


def _burn_in(prepared: Prepared, settings: Settings) -> int:
    """How many steps each environment took."""
    wanted, start, done, part = math.ceil(settings.burn_in / prepared.steps_per_trip), time.perf_counter(), 0, 1
    while done < wanted and time.perf_counter() - start < _BURN_IN_SECONDS:
        part = min(part, wanted - done)
        prepared.go(part)
        done += part
        part *= 2
    return done * prepared.steps_per_trip


def _seconds(prepared: Prepared, num_trips: int) -> float:
    start = time.perf_counter()
    prepared.go(num_trips)
    return time.perf_counter() - start
