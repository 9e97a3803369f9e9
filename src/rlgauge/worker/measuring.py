"""One task, measured in the process that is asked to."""

from __future__ import annotations

import os
import site
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from rlgauge.core import execute
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Outcome
from rlgauge.core.run import Record
from rlgauge.core.store import Attempt
from rlgauge.core.workload import Measure, Workload, build
from rlgauge.worker.messages import News, Setup, Task, send

_NEWS_SECONDS = 0.1
decode_task = msgspec.json.Decoder(Task).decode
"""A task out of its line."""


def made(setup: Setup) -> Workload:
    """The workload that is to be measured. Raises UserError where it can't be made."""
    if setup.workload is None:
        raise UserError("The plan describes no workload.")
    for path in setup.import_paths:
        site.addsitedir(path)  # behind the installed modules: a file named random.py shadows nothing
    return build(setup.workload)


def measure(task: Task, measure_case: Measure, messages: int) -> Outcome:
    """The outcome of the task, for the caller to send; its records are in its attempt."""
    attempt = Attempt(Path(task.folder), num_wanted=task.num_wanted)
    attempt.is_synced = task.is_synced
    outcome = execute.measure(attempt, task.case, measure_case, _reporter(attempt, messages))
    sys.stdout.flush()
    sys.stderr.flush()
    return outcome


def print_to(task: Task) -> None:
    """Send what this process prints from now on to the end of the attempt's cout.txt."""
    with Path(task.folder, "cout.txt").open("ab") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)


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
