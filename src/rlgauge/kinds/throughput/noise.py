"""How much else the machine did while something was measured."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from rlgauge.core import platform

_STAT = Path("/proc/stat")
_QUIET_STEAL, _LARGEST_STEAL = 0.01, 0.10
_QUIET_OTHERS, _LARGEST_OTHERS = 0.10, 0.50
_STEAL = 7
_BUSY = (0, 1, 2, 5, 6)
"""Columns of /proc/stat: user, nice, system, irq, softirq (proc(5))."""


class Noise(StrEnum):
    """How far a measurement can be trusted."""

    QUIET = "quiet"
    UNKNOWN = "unknown"
    NOISY = "noisy"
    INVALID = "invalid"


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """What happened beside a measurement of `seconds`. None is what this system does not tell.

    `cpu_seconds` are those of this process and of what it started. `steal`: part of the processors' time that the
    hypervisor gave to others. `others`: processors that other processes kept busy, on average. `switches`: how often
    this process was made to wait, a second.
    """

    seconds: float
    cpu_seconds: float
    steal: float | None
    others: float | None
    switches: float

    @property
    def noise(self) -> Noise:
        """quiet: at most 1 % steal and a tenth of a processor busy elsewhere; invalid: above 10 %, or a half.

        unknown where the system tells neither.
        """
        if self.steal is None and self.others is None:
            return Noise.UNKNOWN
        steal, others = self.steal or 0.0, self.others or 0.0
        if steal > _LARGEST_STEAL or others > _LARGEST_OTHERS:
            return Noise.INVALID
        return Noise.NOISY if steal > _QUIET_STEAL or others > _QUIET_OTHERS else Noise.QUIET


class Moment(NamedTuple):
    """The clocks at one moment: wall, this process's processors, and those of the whole machine in seconds.

    Reading them takes time itself: before what is timed the wall clock is read last, and after it first.
    """

    wall: float
    cpu: float
    switches: int
    busy: float | None
    steal: float | None

    @classmethod
    def before(cls) -> Moment:
        """The present, before something is timed."""
        (busy, steal), started = _machine(), _started_cpu_seconds()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.perf_counter(), usage.ru_utime + usage.ru_stime + started, usage.ru_nivcsw, busy, steal)

    @classmethod
    def after(cls) -> Moment:
        """The present, after it."""
        wall, usage = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        started, (busy, steal) = _started_cpu_seconds(), _machine()
        return cls(wall, usage.ru_utime + usage.ru_stime + started, usage.ru_nivcsw, busy, steal)

    def since(self, start: Moment) -> Disturbance:
        """What happened between the two."""
        seconds = max(self.wall - start.wall, 1e-9)
        cpu = self.cpu - start.cpu
        steal = others = None
        if self.busy is not None and start.busy is not None and self.steal is not None and start.steal is not None:
            steal = (self.steal - start.steal) / (seconds * (os.cpu_count() or 1))
            others = max(0.0, (self.busy - start.busy - cpu) / seconds)
        return Disturbance(
            seconds=seconds,
            cpu_seconds=cpu,
            steal=steal,
            others=others,
            switches=(self.switches - start.switches) / seconds,
        )


def _started_cpu_seconds() -> float:
    """Of the processes that this one started and that are still there: environments may have one each."""
    seconds = 0.0
    for pid in platform.descendants(os.getpid()):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = psutil.Process(pid).cpu_times()
            seconds += times.user + times.system
    return seconds


def _machine() -> tuple[float | None, float | None]:
    """Seconds for which the machine's processors were busy, and for which they were given to others."""
    try:
        numbers = [int(number) for number in _STAT.read_text().partition("\n")[0].split()[1:]]
    except OSError:
        return None, None
    ticks = os.sysconf("SC_CLK_TCK")
    return sum(numbers[column] for column in _BUSY) / ticks, numbers[_STEAL] / ticks
