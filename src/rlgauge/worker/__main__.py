"""Entry point of `python -m rlgauge.worker PLAN [--lifeline] [--items 0,4]`: news goes to standard output.

With --lifeline, the end of standard input means that the driver has ended, and ends the worker. With --items
it takes only the cases at these places of the plan.
"""

from __future__ import annotations

import argparse
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
    given = _parser().parse_args(argv)
    lifeline = sys.stdin.fileno() if given.lifeline else None
    plan = msgspec.json.decode(given.plan.read_bytes(), type=Plan)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        with Supervisor(plan, report=_report, lifeline=lifeline, items=given.items) as supervisor:
            supervisor.run()
    except Stopped:
        return 130
    except UserError as error:
        _report(Event(case_id="", num_records=0, fail_kind="usage", message=str(error)))
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rlgauge.worker")
    parser.add_argument("plan", type=Path)
    parser.add_argument("--lifeline", action="store_true")
    parser.add_argument("--items", type=_numbers, help="places of cases in the plan, separated by commas")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


def _report(event: Event) -> None:
    try:
        write_all(sys.stdout.fileno(), msgspec.json.encode(event) + b"\n")
    except BrokenPipeError:  # the driver is gone; its lifeline says so too
        os.close(sys.stdout.fileno())
        raise Stopped from None


def _stop(_number: int, _frame: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # a second one must not end what the first has begun
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
