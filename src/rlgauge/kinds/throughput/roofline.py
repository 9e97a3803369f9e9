"""What the memory of the machine allows at most.

It is the slanted part of the roofline of Williams, Waterman and Patterson (2009, doi:10.1145/1498765.1498785).
Of environments that no cache holds, what steps change must be fetched and put back once a chunk, and outcomes that are
written must be. That much no implementation of the loop can avoid; what more it moves, and computes, makes it slower.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import msgspec

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
_LIKELY_CACHE = 2**26
"""Bytes, where a system does not tell: more than most have."""
_TIMES_THE_CACHE = 4
_COPIES = 6


class Roofline(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that a step of an environment moves at least, bytes per second of a copy, and steps per second of these."""

    bytes_per_step: float
    copy_bandwidth: float
    steps_per_second: float


def roofline(*, state_bytes: float, written_bytes: float, num_steps: int) -> Roofline | None:
    """Of a trip through all environments, in which so many steps are taken; None where a cache may hold them all.

    `state_bytes` are those that steps change, and read and written; `written_bytes` are written.
    """
    if state_bytes + written_bytes <= cache_bytes():
        return None
    bytes_per_step = (2 * state_bytes + written_bytes) / num_steps
    bandwidth = copy_bandwidth()
    return Roofline(
        bytes_per_step=bytes_per_step,
        copy_bandwidth=bandwidth,
        steps_per_second=bandwidth / bytes_per_step,
    )


def copy_bandwidth() -> float:
    """Bytes per second, read and written by the device with all its threads; the best of a few copies."""
    num_bytes = _TIMES_THE_CACHE * cache_bytes()
    copied = jnp.zeros(num_bytes // 4, jnp.float32)
    copy = jax.jit(lambda array: array + 1, donate_argnums=0).lower(copied).compile()
    best = float("inf")
    for _ in range(_COPIES):
        start = time.perf_counter()
        copied = jax.block_until_ready(copy(copied))  # type: ignore[no-untyped-call]
        best = min(best, time.perf_counter() - start)
    copied.delete()
    return 2 * num_bytes / best


def cache_bytes() -> int:
    """The largest cache of a processor, bytes; a likely size where the system does not tell, or of other devices."""
    if jax.devices()[0].platform != "cpu":
        return _LIKELY_CACHE
    sizes = [_size(path) for path in _CACHES.glob("index*/size")]
    return max(sizes, default=_LIKELY_CACHE)


def _size(path: Path) -> int:
    """The number of bytes that a file tells as `32768K`."""
    match = re.fullmatch(r"(\d+)([KMG]?)", path.read_text().strip())
    return int(match[1]) * _UNITS.get(match[2], 1) if match else 0
