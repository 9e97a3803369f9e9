"""What a machine is like for measuring: noise, clocks, processors that share a core, bandwidth."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np

from rlgauge.kinds.throughput.noise import Disturbance, Moment

_CPU = Path("/sys/devices/system/cpu")
_BYTES = 1 << 27
_COPIES = 6


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; None is what this system does not tell.

    `threads_per_core` are processors that share one core's units. `copy_bandwidth` is bytes per second, read and
    written, of one thread that copies more than a cache holds.
    """

    noise: Disturbance
    governor: str | None
    threads_per_core: int | None
    copy_bandwidth: float


def look(seconds: float = 1.0) -> Machine:
    """What the machine is like now: noise over so many seconds in which this process does nothing."""
    start = Moment.before()
    time.sleep(seconds)
    noise = Moment.after().since(start)
    return Machine(
        noise=noise, governor=_governor(), threads_per_core=_threads_per_core(), copy_bandwidth=copy_bandwidth()
    )


def copy_bandwidth() -> float:
    """Bytes per second, read and written; the best of a few copies of 128 MiB."""
    source, target = np.ones(_BYTES, np.uint8), np.empty(_BYTES, np.uint8)
    best = float("inf")
    for _ in range(_COPIES):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * _BYTES / best


def _governor() -> str | None:
    try:
        return (_CPU / "cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return None


def _threads_per_core() -> int | None:
    try:
        listed = (_CPU / "cpu0/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return None
    count = 0
    for part in listed.split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count
