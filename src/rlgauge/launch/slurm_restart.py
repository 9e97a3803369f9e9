"""Before a task that Slurm starts again: `python -m rlgauge.launch.slurm_restart PLAN --items 0,4`.

It waits until the claims that the task held at its first start are free. On the same machine they are at once. On
another, a worker that was killed before it could commit counts as alive until its heartbeat is old, and a task that
came before that would pass over its own cases.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

from rlgauge.core.claim import STALE_SECONDS
from rlgauge.core.execute import POLL_SECONDS, Plan
from rlgauge.core.store import BEAT_SECONDS, Store


def main(argv: list[str]) -> int:
    """0 when none of the cases is being run, or when whoever runs one is another than this task's first start."""
    parser = argparse.ArgumentParser(prog="python -m rlgauge.launch.slurm_restart")
    parser.add_argument("plan", type=Path)
    parser.add_argument("--items", required=True)
    given = parser.parse_args(argv)
    plan = msgspec.json.decode(given.plan.read_bytes(), type=Plan)
    wait(plan, [int(place) for place in given.items.split(",")], seconds=STALE_SECONDS + BEAT_SECONDS)
    return 0


def wait(plan: Plan, places: list[int], *, seconds: float) -> None:
    """Wait, so many seconds at most, until nobody runs the cases at these places of the plan."""
    store = Store(plan.root)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(store.is_busy(plan.items[place].case) for place in places):
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
