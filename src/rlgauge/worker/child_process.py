"""The supervisor's end of a child process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rlgauge.core import platform
from rlgauge.core.store import Attempt
from rlgauge.worker.messages import Lines, News, Task, send

_EXIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.002
_decode = msgspec.json.Decoder(News).decode


class ChildProcess:
    """A process that measures. It dies with its supervisor: both ends of its lifeline are held by these two alone."""

    def __init__(self, process: subprocess.Popen[bytes], *, messages: int, lifeline: int) -> None:
        """Hold what `spawn` made."""
        self._process = process
        self._lifeline = lifeline
        self._lines = Lines(messages)
        self._is_dead = False
        self.messages = messages
        self.pid = process.pid

    @classmethod
    def spawn(cls, plan: Path, attempt: Attempt) -> ChildProcess:
        """Start a child that can measure the plan's items; what it prints goes to the attempt's cout.txt."""
        lifeline_read, lifeline_write = os.pipe()
        messages_read, messages_write = os.pipe()
        descriptors = [str(lifeline_read), str(messages_write)]
        command = [sys.executable, "-P", "-m", "rlgauge.worker.child", str(plan), *descriptors]
        with (attempt.folder / "cout.txt").open("ab") as printed:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=printed,
                pass_fds=(lifeline_read, messages_write),
                start_new_session=True,
            )
        os.close(lifeline_read)
        os.close(messages_write)
        return cls(process, messages=messages_read, lifeline=lifeline_write)

    def send(self, task: Task) -> None:
        """Give it something to measure. A child that is dead already says so by the end of its messages."""
        assert self._process.stdin is not None  # noqa: S101  # spawned with a pipe
        try:
            send(self._process.stdin.fileno(), task)
        except BrokenPipeError:
            return

    def close_tasks(self) -> None:
        """Say that there is nothing more to measure: it closes its session and ends."""
        assert self._process.stdin is not None  # noqa: S101  # spawned with a pipe
        self._process.stdin.close()

    def read(self, *, is_ready: bool) -> Iterator[News]:
        """The news that has come; where none is ready, notes whether the child still lives."""
        if is_ready:
            yield from map(_decode, self._lines.read())
        elif platform.process_start(self.pid) is None:  # whatever it forked may hold the pipe open
            self._is_dead = True

    @property
    def has_ended(self) -> bool:
        """Whether no more news can come."""
        return self._is_dead or self._lines.is_at_end

    def end(self) -> int:
        """Kill it with all its descendants and return its exit code; the code it ended with, where it had ended."""
        if self.has_ended:
            self._await_death()
        platform.kill_tree(self.pid)
        code = self._process.wait()
        assert self._process.stdin is not None  # noqa: S101  # spawned with a pipe
        self._process.stdin.close()
        os.close(self.messages)
        os.close(self._lifeline)
        return code

    def _await_death(self) -> None:
        """Wait a little for a process that is ending, and leave it unreaped: its pid must stay its own."""
        deadline = time.monotonic() + _EXIT_SECONDS
        while platform.process_start(self.pid) is not None and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
