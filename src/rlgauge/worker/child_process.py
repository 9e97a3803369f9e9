"""The supervisor's end of a child process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rlgauge.core import platform
from rlgauge.core.store import Attempt
from rlgauge.worker.messages import Lines, News, Setup, Task, send

_EXIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.0005
_WATCHDOG_SECONDS = 0.05
"""How long the watchdog of a child may take to die of a signal, before the whole table of processes is searched."""
_decode = msgspec.json.Decoder(News).decode


class ChildProcess:
    """A process that measures. It dies with its supervisor: both ends of its lifeline are held by these two alone."""

    def __init__(
        self, process: subprocess.Popen[bytes], *, messages: int, lifeline: int, siblings: frozenset[int] | None
    ) -> None:
        """Hold what `spawn` made; `siblings` are what `children` found before."""
        self._process = process
        self._lifeline = lifeline
        self._lines = Lines(messages)
        self._is_dead = False
        self._siblings = siblings
        self.messages = messages
        self.pid = process.pid
        self.measuring_pid = process.pid
        """The child, or its fork that is at work."""

    @classmethod
    def spawn(cls, setup: Setup, attempt: Attempt, *, adopts_orphans: bool) -> ChildProcess:
        """Start a child that can measure; what it prints goes to the attempt's cout.txt.

        `adopts_orphans` says that orphaned descendants become children of this process.
        """
        siblings = children() if adopts_orphans else None
        lifeline_read, lifeline_write = os.pipe()
        messages_read, messages_write = os.pipe()
        descriptors = [str(lifeline_read), str(messages_write)]
        with (attempt.folder / "cout.txt").open("ab") as printed:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rlgauge.worker.child", *descriptors],
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=printed,
                pass_fds=(lifeline_read, messages_write),
                start_new_session=True,
            )
        os.close(lifeline_read)
        os.close(messages_write)
        made = cls(process, messages=messages_read, lifeline=lifeline_write, siblings=siblings)
        made._send(setup)
        return made

    def send(self, task: Task) -> None:
        """Give it something to measure. A child that is dead already says so by the end of its messages."""
        self._send(task)

    def close_tasks(self) -> None:
        """Say that there is nothing more to measure: it closes its session and ends."""
        assert self._process.stdin is not None  # noqa: S101  # spawned with a pipe
        self._process.stdin.close()

    def read(self, *, is_ready: bool) -> Iterator[News]:
        """The news that has come; where none is ready, notes whether the child still lives."""
        if is_ready:
            for line in self._lines.read():
                news = _whole(line)
                if news is not None:
                    self.measuring_pid = news.pid or self.measuring_pid
                    yield news
        elif platform.process_start(self.pid) is None:  # whatever it forked may hold the pipe open
            self._is_dead = True

    @property
    def has_ended(self) -> bool:
        """Whether no more news can come."""
        return self._is_dead or self._lines.is_at_end

    def end(self) -> int:
        """Kill it with all its descendants and return its exit code; the code it ended with, where it had ended."""
        if not (self.has_ended and self._await_death() and self._is_last()):
            platform.kill_tree(self.pid)
        code = self._process.wait()
        assert self._process.stdin is not None  # noqa: S101  # spawned with a pipe
        self._process.stdin.close()
        os.close(self.messages)
        os.close(self._lifeline)
        return code

    def _send(self, message: Setup | Task) -> None:
        assert self._process.stdin is not None  # noqa: S101  # spawned with a pipe
        with contextlib.suppress(BrokenPipeError):
            send(self._process.stdin.fileno(), message)

    def _await_death(self) -> bool:
        """Wait a little for a process that is ending, and leave it unreaped: its pid must stay its own."""
        deadline = time.monotonic() + _EXIT_SECONDS
        while platform.process_start(self.pid) is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True

    def _is_last(self) -> bool:
        """Whether nothing is left of a dead child but its own group, which is killed here; False where unknown.

        All that it left is below a child of this process, which adopts orphans.
        """
        if self._siblings is None:
            return False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # its watchdog, which would notice within a second
        deadline = time.monotonic() + _WATCHDOG_SECONDS
        while (found := children()) is not None and time.monotonic() < deadline:
            left = [pid for pid in found - self._siblings - {self.pid} if os.waitpid(pid, os.WNOHANG) == (0, 0)]
            if not left:
                return True
            time.sleep(_PAUSE_SECONDS)
        return False


def _whole(line: bytes) -> News | None:
    """The news of a line; None where it was torn by the end of the fork that wrote it, which its exit code tells."""
    try:
        return _decode(line)
    except msgspec.DecodeError:
        return None


def children() -> frozenset[int] | None:
    """The children of this process, dead ones that were not reaped among them; None where the system doesn't tell.

    Exact where one thread alone starts and reaps them: nothing else takes a name from the list.
    """
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        return frozenset(map(int, path.read_text().split()))
    except FileNotFoundError:
        return None
