"""Workloads whose cases are measured in forks, and what can go wrong in one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlgauge.core.case import Case
from rlgauge.core.run import Record
from rlgauge.core.workload import Context, Measure
from tests.faults import FAULTS
from tests.odd_toys import Odd
from tests.toys import Faulty

IMPORTED_BY = os.getpid()


def quit_at_once(context: Context) -> Iterator[Record]:
    del context
    os._exit(3)
    yield


def kill_its_group(context: Context) -> Iterator[Record]:
    del context
    os.killpg(0, signal.SIGKILL)
    yield


def tear(context: Context) -> Iterator[Record]:
    """Is killed in the middle of what it tells the supervisor."""
    del context
    os.write(int(sys.argv[2]), b'{"num_rec')
    os.kill(os.getpid(), signal.SIGKILL)
    yield


def interrupt(context: Context) -> Iterator[Record]:
    del context
    raise KeyboardInterrupt
    yield


def orphan_itself(context: Context) -> Iterator[Record]:
    """Kills the process that forked it, and stays."""
    del context
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
    yield


OWN_FAULTS = {fault.__name__: fault for fault in (quit_at_once, kill_its_group, tear, interrupt, orphan_itself)}


class Forked(Faulty):
    """Does what its faults say, and says which process does it."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.process = "forked"

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        yield Record(0, {"pid": os.getpid(), "parent": os.getppid(), "imported by": IMPORTED_BY})
        yield from (FAULTS | OWN_FAULTS)[case.params["fault"]](context)


class Opening(Odd):
    """Its session says in a file who opened and who closed it, after it `does` something that it should not."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.process = "forked"

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        if "does" in self.arguments:
            {"thread": start_thread, "process": start_process, "crash": crash}[self.arguments["does"]]()
        self._note("opened")
        print("the session is open")  # noqa: T201  # it goes to cout.txt
        yield self.measure
        self._note("closed")

    def _note(self, text: str) -> None:
        with Path(self.arguments["file"]).open("a") as file:
            file.write(f"{text} {os.getpid()}\n")


def start_thread() -> None:
    threading.Thread(target=time.sleep, args=[600], daemon=True).start()


def start_process() -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


class Holding(Odd):
    """Its session holds 200 MiB, and a case lasts until somebody has looked how much it needs."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.process = "forked"

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        self.held = os.urandom(1 << 20) * 200
        yield self.measure

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        time.sleep(1.5)
        yield Record(0, {"value": float(len(self.held))})
