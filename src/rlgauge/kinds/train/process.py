"""Running a script's process to its end: its output goes to a log, its time is limited, and it leaves nobody behind."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rlgauge.core import platform
from rlgauge.kinds.train.output import Log, end_of
from rlgauge.kinds.train.script import time_up

_TICK_SECONDS = 0.1
_PIECE = 2**20
_TRICKLE, _BATCH_SECONDS = 2**16, 0.01
"""After a piece smaller than this it is waited so long for more: a line at a time would cost much to read."""
_LOOK_SECONDS = 0.05
"""How often it is looked whether the process lives while it prints without a pause."""
_DRAIN_SECONDS = 0.5
"""For how long what a process left in the pipe is read after its end: others may hold the pipe open, and print on."""
_ABORT_SECONDS = 2.0
LINGER_SECONDS = 60.0
"""How long threads and processes of a script may go on after it has told how it ended."""
_MOST_ASKED = 4
_OVERDUE, _LINGERING = "overdue", "lingering"
ABORTED = "Fatal Python error: Aborted"
"""How Python's faulthandler begins to tell where a process stood."""


class Ended(NamedTuple):
    """How a process ended: its exit code, negative for a signal, and whether it had to be ended for its time.

    `is_lingering` tells that it had to be ended after it had done all that it had to do.
    """

    code: int
    is_overdue: bool
    seconds: float
    is_lingering: bool = False


class Until(NamedTuple):
    """When a process is ended that does not end: after so many seconds, and some after it has made the file `done`.

    With `grace_seconds` it is asked to end first, and has so long to do so, unless it has made the file `trained`.
    """

    seconds: float | None = None
    done: Path | None = None
    linger_seconds: float = LINGER_SECONDS
    grace_seconds: float = 0.0
    trained: Path | None = None


class _Reader:
    """Moves what comes through a pipe into a log."""

    def __init__(self, descriptor: int, log: Log) -> None:
        os.set_blocking(descriptor, False)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # a limit of all pipes of a user
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIECE)
        self._descriptor = descriptor
        self._log = log
        self._is_trickle = False
        self.is_at_end = False

    def read(self, seconds: float) -> bool:
        """Wait so long at most; whether something came."""
        if self.is_at_end:
            time.sleep(seconds)
            return False
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            self._log.flush()
            return False
        if self._is_trickle:
            time.sleep(_BATCH_SECONDS)
        with contextlib.suppress(BlockingIOError):
            piece = os.read(self._descriptor, _PIECE)
            self._is_trickle = len(piece) < _TRICKLE
            self.is_at_end = not piece
            self._log.feed(piece)
        return not self.is_at_end

    def drain(self, seconds: float) -> None:
        """Read what is there, and for so long at most."""
        deadline = time.monotonic() + seconds
        while self.read(0.0) and time.monotonic() < deadline:
            pass
        self._log.flush(is_end=True)


def run_process(
    argv: Sequence[str], *, folder: Path, variables: Mapping[str, str], output: Path, until: Until
) -> Ended:
    """How the command ended, run in `folder`, after it and all that it started are gone.

    What it prints is appended to `output`. Raises OSError where it can't be started, StoreError where its output can't
    be written.
    """
    start = time.monotonic()
    read, write = os.pipe()
    try:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=write,
            start_new_session=True,  # what it does to its own group does nothing to us
        )
    except OSError:
        os.close(read)
        raise
    finally:
        os.close(write)
    reader = _Reader(read, Log(output))
    try:
        reason = _attend(process.pid, reader, until, start)
        if reason == _OVERDUE and not _has_ended_when_asked(process.pid, reader, until):
            _have_told(process.pid, reader, output)
    finally:
        platform.kill_tree(process.pid)
        process.wait()
        reader.drain(_DRAIN_SECONDS)
        os.close(read)
    return Ended(process.returncode, reason == _OVERDUE, time.monotonic() - start, reason == _LINGERING)


def _attend(pid: int, reader: _Reader, until: Until, start: float) -> str | None:
    """Read until the process has ended, or is to be ended: then why."""
    next_look = 0.0
    deadline = math.inf if until.seconds is None else start + until.seconds
    end = math.inf
    while True:
        is_busy = reader.read(_TICK_SECONDS)
        present = time.monotonic()
        if is_busy and present < next_look:
            continue
        next_look = present + _LOOK_SECONDS
        if platform.process_start(pid) is None:
            return None
        if end == math.inf and until.done is not None and until.done.exists():
            end = present + until.linger_seconds
        if present > end:
            return _LINGERING
        if present > deadline and end == math.inf:
            return _OVERDUE


def _has_ended_when_asked(pid: int, reader: _Reader, until: Until) -> bool:
    """Whether a process that was asked to end did so in its time; one that tests what it trained is not asked."""
    if not until.grace_seconds or (until.trained is not None and until.trained.exists()):
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, time_up.SIGNAL)
    deadline = time.monotonic() + until.grace_seconds
    while platform.process_start(pid) is not None and time.monotonic() < deadline:
        if until.done is not None and until.done.exists():
            return True
        reader.read(_TICK_SECONDS)
    return platform.process_start(pid) is None and (until.done is None or until.done.exists())


def _have_told(pid: int, reader: _Reader, output: Path) -> None:
    """Have the process, or one that it started, print where it stands: Python's faulthandler does so when aborted."""
    for member in [pid, *platform.descendants(pid)][:_MOST_ASKED]:
        _abort(member)
        deadline = time.monotonic() + _ABORT_SECONDS
        while platform.process_start(member) is not None and time.monotonic() < deadline:
            reader.read(_TICK_SECONDS)
        reader.drain(_DRAIN_SECONDS)
        if ABORTED in end_of(output):
            return


def _abort(pid: int) -> None:
    """Abort it, without a file of its memory."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "linux":
            import resource

            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        os.kill(pid, signal.SIGABRT)
