"""Claims: who makes an attempt at a case, and whether that process still lives."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from rlgauge.core import platform
from rlgauge.core.files import read_if_there

STALE_SECONDS = 60.0
"""A run on another machine whose heartbeat is older than this has died."""


class Claim(msgspec.Struct, frozen=True):
    """Who runs an attempt: `claim-<number>` beside it, created exclusively."""

    attempt: str
    host: str
    pid: int
    process_start: float | None
    time: str


class Driver(msgspec.Struct, frozen=True):
    """The process that executes a plan."""

    host: str
    pid: int
    process_start: float | None

    @classmethod
    def this(cls) -> Driver:
        """This process."""
        return cls(platform.machine_id(), os.getpid(), platform.process_start(os.getpid()))

    @property
    def is_dead(self) -> bool:
        """Whether it is known to have ended; of another machine's nothing is known."""
        return self.host == platform.machine_id() and not _runs_here(self.pid, self.process_start)

    def is_gone(self, heartbeat: Path) -> bool:
        """Whether it has ended: asked of this machine, else judged by the heartbeat that it keeps."""
        return self.is_dead if self.host == platform.machine_id() else not _is_fresh(heartbeat)


def lives(case_folder: Path, number: int, attempt: str | None = None) -> bool:
    """Whether the process that claimed attempt `number` runs: asked of this machine, else judged by the heartbeat."""
    path = claim_path(case_folder, number)
    if not path.exists():
        return False
    claim = read_claim(case_folder, number)
    if claim is None:  # damaged, or being written where there are no hard links
        return _is_fresh(case_folder / attempt / "heartbeat" if attempt else path)
    if attempt not in {None, claim.attempt}:  # a folder merged from elsewhere, whose claim this is not
        return _is_fresh(case_folder / str(attempt) / "heartbeat")
    if claim.host == platform.machine_id():
        return _runs_here(claim.pid, claim.process_start)
    heartbeat = case_folder / claim.attempt / "heartbeat"
    return _is_fresh(heartbeat if heartbeat.exists() else path)


def read_claim(folder: Path, number: int) -> Claim | None:
    """The claim of an attempt; None where it is missing or damaged."""
    try:
        return msgspec.json.decode(read_if_there(claim_path(folder, number)) or b"", type=Claim)
    except msgspec.DecodeError:
        return None


def claim_path(folder: Path, number: int) -> Path:
    """Where the claim of attempt `number` is kept, in the case's folder."""
    return folder / f"claim-{number}"


def number_of(name: str) -> int:
    """The number of the attempt `3-a1b2c3` (or `3`); 0 for any other name."""
    head = name.partition("-")[0]
    return int(head) if head.isdecimal() else 0


def _runs_here(pid: int, process_start: float | None) -> bool:
    started = platform.process_start(pid)
    return started is not None and started == process_start


def _is_fresh(path: Path) -> bool:
    """Whether the file was touched of late. One from far in the future tells of a wrong clock, not of life."""
    try:
        return abs(time.time() - path.stat().st_mtime) < STALE_SECONDS
    except FileNotFoundError:
        return False
