"""What can go wrong in a measurement, for real."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from rlgauge.core.errors import UserError
from rlgauge.core.run import Record
from rlgauge.core.workload import Context

END = 1


def nothing(context: Context) -> Iterator[Record]:
    del context
    yield Record(END, {"value": 1.0})


def error(context: Context) -> Iterator[Record]:
    del context
    yield Record(END, {}, "the simulator said no")


def complain(context: Context) -> Iterator[Record]:
    del context
    print("before the fall")  # noqa: T201  # it goes to cout.txt
    raise RuntimeError("the policy exploded")


def leave(context: Context) -> Iterator[Record]:
    del context
    sys.exit(3)
    yield


def mistake(context: Context) -> Iterator[Record]:
    del context
    raise UserError("You held it wrong.")
    yield


def segfault(context: Context) -> Iterator[Record]:
    del context
    ctypes.string_at(0)
    yield


def kill(context: Context) -> Iterator[Record]:
    del context
    os.kill(os.getpid(), signal.SIGKILL)
    yield


def sleep(context: Context) -> Iterator[Record]:
    del context
    time.sleep(600)
    yield


def hang(context: Context) -> Iterator[Record]:
    """Stands still at index 1, in C, with the GIL held; the next attempt at the case skips that index."""
    for index in (1, 2):
        if index in {record.index for record in context.kept}:
            continue
        context.at(index)
        if index == 1:
            ctypes.PyDLL(None).sleep(600)
        yield Record(index, {"value": float(index)})


def linger(context: Context) -> Iterator[Record]:
    """Stands still when its work is done."""
    if END not in {record.index for record in context.kept}:
        context.at(END)
        yield Record(END, {"value": 1.0})
    ctypes.PyDLL(None).sleep(600)


def rare_signal(context: Context) -> Iterator[Record]:
    """Ends by a signal that has no name."""
    del context
    os.kill(os.getpid(), signal.SIGRTMIN + 3)
    yield


def desert(context: Context) -> Iterator[Record]:
    """Crashes while a fork of it, in a session of its own, holds all its pipes open."""
    del context
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGSEGV)
    yield


def eat(context: Context) -> Iterator[Record]:
    del context
    eaten: list[bytearray] = []
    while len(eaten) < 128:  # 2 GiB: a limit that does not hold fails the test, not the machine
        eaten.append(bytearray(os.urandom(1 << 20) * 16))
        time.sleep(0.01)
    yield


def breed(context: Context) -> Iterator[Record]:
    """Leaves a grandchild in a session of its own behind, and says its id."""
    del context
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    print(f"grandchild {child.pid}")  # noqa: T201  # it goes to cout.txt
    yield Record(END, {"value": 1.0, "pid": child.pid})


FAULTS = {
    f.__name__: f
    for f in (
        nothing,
        error,
        complain,
        leave,
        mistake,
        segfault,
        kill,
        sleep,
        hang,
        linger,
        rare_signal,
        desert,
        eat,
        breed,
    )
}
