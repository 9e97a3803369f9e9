"""The process that measures: `python -m rlgauge.worker.child PLAN LIFELINE MESSAGES`, started by the supervisor."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import site
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from rlgauge.core import execute, platform
from rlgauge.core.errors import UserError
from rlgauge.core.execute import LazySession, Outcome, Plan
from rlgauge.core.run import Record
from rlgauge.core.store import Attempt
from rlgauge.core.workload import Workload, build
from rlgauge.worker.messages import Lines, News, Task, send

_NEWS_SECONDS = 0.1
_decode = msgspec.json.Decoder(Task).decode


def main(argv: list[str]) -> None:
    """Measure what standard input asks for, one task after the other, until it ends."""
    plan_path, lifeline, messages = Path(argv[0]), int(argv[1]), int(argv[2])
    for descriptor in (lifeline, messages):
        os.set_inheritable(descriptor, False)  # noqa: FBT003  # the function has no keywords
    platform.die_with_pipe(lifeline)
    faulthandler.enable()
    tasks = Lines(_take_standard_input())
    plan = msgspec.json.decode(plan_path.read_bytes(), type=Plan)
    with contextlib.ExitStack() as stack:
        session = LazySession(lambda: _build(plan), stack)
        while not tasks.is_at_end:
            for line in tasks.read():
                outcome = _measure(plan, _decode(line), session, messages)
                sys.stdout.flush()
                sys.stderr.flush()
                send(messages, News(0, outcome))


def _measure(plan: Plan, task: Task, session: LazySession, messages: int) -> Outcome:
    """The outcome of one task; its records are in its attempt."""
    item = plan.items[task.item]
    attempt = Attempt(Path(task.folder), num_wanted=item.num_wanted)
    _print_to(attempt.folder / "cout.txt")
    return execute.measure(attempt, item.case, session.measure, _reporter(attempt, messages))


def _build(plan: Plan) -> Workload:
    if plan.workload is None:
        raise UserError("The plan describes no workload.")
    for path in plan.import_paths:
        site.addsitedir(path)  # behind the installed modules: a file named random.py shadows nothing
    return build(plan.workload)


def _reporter(attempt: Attempt, messages: int) -> Callable[[Record], None]:
    """Says how many records there are, a few times a second at most."""
    last = time.monotonic()

    def report(_record: Record) -> None:
        nonlocal last
        present = time.monotonic()
        if present - last > _NEWS_SECONDS:
            last = present
            send(messages, News(attempt.num_records))

    return report


def _take_standard_input() -> int:
    """A private copy of standard input; what is measured reads an empty one."""
    tasks = os.dup(0)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return tasks


def _print_to(path: Path) -> None:
    """Send what this process prints from now on to the end of `path`."""
    with path.open("ab") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)


if __name__ == "__main__":
    main(sys.argv[1:])
