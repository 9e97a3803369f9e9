"""Entry point of `python -m rlgauge.worker PLAN [--lifeline]`: news goes to standard output.

With --lifeline, the end of standard input means that the driver has ended, and ends the worker.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Plan
from rlgauge.core.files import write_all
from rlgauge.worker.supervise import Stopped, Supervisor


def main(argv: list[str]) -> int:
    """0 when the plan has nothing left, 2 for a user's mistake, 130 when the driver ended or asked to stop."""
    path = Path(argv[0])
    lifeline = sys.stdin.fileno() if "--lifeline" in argv else None
    plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        with Supervisor(plan, path, report=_report, lifeline=lifeline) as supervisor:
            supervisor.run()
    except Stopped:
        return 130
    except UserError as error:
        _report(Event(case_id="", num_records=0, fail_kind="usage", message=str(error)))
        return 2
    return 0


def _report(event: Event) -> None:
    try:
        write_all(sys.stdout.fileno(), msgspec.json.encode(event) + b"\n")
    except BrokenPipeError:  # the driver is gone; its lifeline says so too
        os.close(sys.stdout.fileno())
        raise Stopped from None


def _stop(_number: int, _frame: object) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
