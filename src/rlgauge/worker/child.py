"""The process that measures: `python -m rlgauge.worker.child LIFELINE MESSAGES`, started by the supervisor."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from rlgauge.core import platform
from rlgauge.core.execute import LazySession
from rlgauge.core.workload import Workload
from rlgauge.worker.measuring import decode_task, made, measure, print_to
from rlgauge.worker.messages import Lines, News, Setup, send


def main(argv: list[str]) -> None:
    """Measure what standard input asks for, one task after the other, until it ends."""
    lifeline, messages = (int(one) for one in argv)
    for descriptor in (lifeline, messages):
        os.set_inheritable(descriptor, False)  # noqa: FBT003  # the function has no keywords
    platform.die_with_pipe(lifeline)
    faulthandler.enable()
    gc.freeze()  # what is imported by now lives until the exit, whose collections need not go through it
    lines = Lines(_take_standard_input()).until_end()
    setup = msgspec.json.decode(next(lines), type=Setup)
    make = functools.partial(made, setup)
    if setup.is_forked:
        from rlgauge.worker.forks import measure_in_forks

        measure_in_forks(lines, make, messages, tells_pids=setup.tells_pids)
    else:
        _measure_in_turn(lines, make, messages)


def _measure_in_turn(lines: Iterator[bytes], make: Callable[[], Workload], messages: int) -> None:
    with contextlib.ExitStack() as stack:
        session = LazySession(make, stack)
        for task in map(decode_task, lines):
            print_to(task)
            send(messages, News(outcome=measure(task, session.measure, messages)))


def _take_standard_input() -> int:
    """A private copy of standard input; what is measured reads an empty one."""
    tasks = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return tasks


if __name__ == "__main__":
    main(sys.argv[1:])
