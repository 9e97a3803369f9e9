"""What was found to be fastest on this machine: numbers of environments, and sizes of chunks.

A file in the user's cache holds it, under a fingerprint of the machine, so that it is found again and that no other
machine takes it for its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from rlgauge.core import provenance
from rlgauge.core.case import fingerprint
from rlgauge.core.files import cache_folder, plain_errors, read_if_there, write_atomic
from rlgauge.kinds.throughput.results import Measured

_HARDWARE = ("architecture", "cpu", "num_cores", "memory_bytes", "gpus")


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A point that was measured on the way."""

    num_envs: int
    scan_chunk_size: int
    steps_per_second: float | None


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """The fastest of what was tried of an environment of a library, steps per second."""

    environment: str
    library: str
    num_envs: int
    scan_chunk_size: int
    steps_per_second: float
    version: str | None = None
    tried: tuple[Tried, ...] = ()


class _File(msgspec.Struct, frozen=True):
    tuned: list[Tuned] = []


def machine() -> str:
    """A fingerprint of what makes this machine fast or slow."""
    host = provenance.host()
    return fingerprint({name: host[name] for name in _HARDWARE})


def load(environment: str, library: str) -> Tuned | None:
    """What was found on this machine; None where nothing was."""
    found = (one for one in _read() if (one.environment, one.library) == (environment, library))
    return next(found, None)


def save(tuned: Tuned) -> Path:
    """Keep it in place of what was found before; where. Raises StoreError."""
    others = [one for one in _read() if (one.environment, one.library) != (tuned.environment, tuned.library)]
    path = _path()
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, msgspec.json.format(msgspec.json.encode(_File([*others, tuned])), indent=1))
    return path


def best_of(found: Sequence[Measured]) -> Tuned | None:
    """The fastest of points of one environment and library that say which chunk they had; None where all failed."""
    done = [one for one in found if one.steps_per_second is not None]
    if not done:
        return None
    best = max(done, key=lambda one: one.steps_per_second or 0.0)
    return Tuned(
        environment=best.point.environment,
        library=best.point.library,
        num_envs=best.point.num_envs,
        scan_chunk_size=best.facts["scan_chunk_size"],
        steps_per_second=best.steps_per_second or 0.0,
        version=best.version,
        tried=tuple(
            Tried(
                num_envs=one.point.num_envs,
                scan_chunk_size=one.facts.get("scan_chunk_size", one.point.scan_chunk_size or 0),
                steps_per_second=one.steps_per_second,
            )
            for one in found
        ),
    )


def _path() -> Path:
    return cache_folder() / "tuned" / f"{machine()}.json"


def _read() -> list[Tuned]:
    """What the file holds; nothing where it is missing, or damaged and to be made again."""
    content = read_if_there(_path())
    try:
        return [] if content is None else msgspec.json.decode(content, type=_File).tuned
    except msgspec.DecodeError:
        return []
