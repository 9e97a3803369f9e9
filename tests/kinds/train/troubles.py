"""A script whose environment is the name of what goes wrong in it."""

# ruff: noqa: T201  # scripts print
from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import time

EMPTY: list[int] = []
NAP = "import time; time.sleep(600)"


def stand_still():
    time.sleep(600)


def flood():
    for _ in range(2000):
        os.write(1, b"x" * 9999 + b"\n")
    os.write(2, b"the last line\n")


def fork():
    if os.fork() == 0:
        print("the child", flush=True)
        return
    os.wait()
    print("the parent", flush=True)


def ignore():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT):
        signal.signal(number, lambda *_: None)
    while True:
        time.sleep(600)


TROUBLES = {
    "fine": lambda: print("all is well"),
    "error": lambda: EMPTY.pop(0),
    "exit-0": lambda: sys.exit(0),
    "exit-3": lambda: sys.exit(3),
    "exit-text": lambda: sys.exit("no more data"),
    "hard-exit-0": lambda: os._exit(0),
    "hard-exit-5": lambda: os._exit(5),
    "late-exit-3": lambda: atexit.register(lambda: os._exit(3)),
    "exit-256": lambda: sys.exit(256),
    "crash": lambda: ctypes.string_at(0),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "ended": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "hang": stand_still,
    "deaf": ignore,
    "flood": flood,
    "fork": fork,
    "spawn": lambda: subprocess.Popen([sys.executable, "-c", NAP], start_new_session=True),
    "memory": lambda: bytearray(1 << 62),
    "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT),
}


def main(env="fine"):
    print(f"begin {env}", flush=True)
    TROUBLES[env]()


if __name__ == "__main__":
    main()
