"""Measuring each task in a fork of a process that has opened the session: what the cases share is loaded once.

A fork is a process, a group and a session of its own: how it ends, by a crash or by hand, is told by its exit code and
touches no other. It ends without the handlers of the process's exit, which belong to the process that forked. What it
leaves running becomes a child of that process, and is killed before the next task.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib  # noqa: F401  # it, json and traceback: what the core imports on use, each fork would import again
import json  # noqa: F401
import os
import signal
import sys
import time
import traceback  # noqa: F401
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from rlgauge.core import platform
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.files import write_all
from rlgauge.core.run import Record, Status
from rlgauge.core.workload import Context, Measure, Workload
from rlgauge.worker.measuring import decode_task, measure, print_to
from rlgauge.worker.messages import News, Task, send

ARE_POSSIBLE = sys.platform == "linux"
"""Elsewhere orphans come to nobody who could end them, and the system's own libraries may not be forked."""
_KILL_SECONDS = 5.0
"""How long orphans are waited for: only a process stuck in the kernel outlives it."""
_PAUSE_SECONDS = 0.001


def measure_in_forks(lines: Iterator[bytes], make: Callable[[], Workload], messages: int, *, tells_pids: bool) -> None:
    """Measure what the lines ask for, each in a fork; the session is open from before the first to after the last."""
    platform.adopt_orphans()
    with contextlib.ExitStack() as stack:
        session = _Session(make, stack)
        for task in map(decode_task, lines):
            print_to(task)
            if session.measure_case is None:
                opened = measure(task, session.open, messages)
                if opened.status is not Status.COMPLETED:
                    send(messages, News(outcome=opened, exit_code=0))
                    continue
            exit_code = _exit_code(task, session, messages, tells_pid=tells_pids)
            write_all(messages, b"\n")  # a fork that was killed may have torn its line
            send(messages, News(exit_code=exit_code))


def _exit_code(task: Task, session: _Session, messages: int, *, tells_pid: bool) -> int:
    """How a fork that measures the task ends; nothing is left of it then."""
    pid = os.fork()
    if pid == 0:
        _measure_and_exit(task, session.measure, messages, tells_pid=tells_pid)
    _, status = os.waitpid(pid, 0)
    _end_orphans()
    return os.waitstatus_to_exitcode(status)


def _measure_and_exit(task: Task, measure_case: Measure, messages: int, *, tells_pid: bool) -> NoReturn:
    """The fork's whole life. It never returns to what is open around the caller."""
    code = 1
    try:
        os.setsid()
        if tells_pid:
            send(messages, News(pid=os.getpid()))
        send(messages, News(outcome=measure(task, measure_case, messages)))
        code = 0
    finally:
        if code:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        os._exit(code)


class _Session:
    """The session that the forks share."""

    def __init__(self, make: Callable[[], Workload], stack: contextlib.ExitStack) -> None:
        self._make = make
        self._stack = stack
        self.measure_case: Measure | None = None

    def open(self, _case: Case, _context: Context) -> Iterator[Record]:
        """Open it; no records. Raises UserError where it may not be forked."""
        measure_case = self._stack.enter_context(self._make().session())
        _check_that_it_may_be_forked()
        gc.collect()
        gc.freeze()  # a collection in a fork would copy every page
        self.measure_case = measure_case
        yield from ()

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        """The records of one case."""
        assert self.measure_case is not None  # noqa: S101  # it is open before the first fork
        yield from self.measure_case(case, context)


def _check_that_it_may_be_forked() -> None:
    num_threads = len(list(Path("/proc/self/task").iterdir()))
    if num_threads > 1:
        raise UserError(
            f"The open session has {num_threads} threads, and a fork has only one of them: it may wait for the others "
            "for ever. Start threads while a case is measured (with OPENBLAS_NUM_THREADS=1 NumPy starts none), or give "
            'the workload process = "fresh".'
        )
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        raise UserError(
            "The open session has started another process, which forks can't share. Start it while a case is measured, "
            'or give the workload process = "fresh".'
        )


def _end_orphans() -> None:
    """Kill and reap what the fork left behind: all descendants that there are, for the session has none."""
    deadline = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for member in platform.descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(member, signal.SIGKILL)
            time.sleep(_PAUSE_SECONDS)
