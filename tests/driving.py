"""Driving workloads in tests: as a function, and as a process that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlgauge.core.execute import execute
from rlgauge.core.run import Run
from rlgauge.core.store import Store
from rlgauge.launch.inline import Inline
from rlgauge.launch.local import Local
from tests import toys

ROOT = Path(__file__).parents[1]


def run(workload: Any, out: Path, *, workers: int | None = 2, **options: Any) -> dict[str, Run | None]:
    launcher = Inline() if workers is None else Local(workers)
    return execute(workload, Store(out), launcher=launcher, **options)


def summary(runs: Mapping[str, Run | None]) -> str:
    """All that was measured, times aside, as text."""
    lines = []
    for case_id, found in sorted(runs.items()):
        assert found is not None
        records = [[record.index, dict(record.values), record.error] for record in found.records]
        lines.append(json.dumps([case_id, found.case.name, found.status, records], sort_keys=True))
    return "\n".join(lines)


def wait_for(condition: Callable[[], object]) -> None:
    """Until something another process does has happened."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def start_driver(toy: str, out: Path, *, workers: int = 2, **arguments: Any) -> subprocess.Popen[bytes]:
    """A driver in a process of its own."""
    command = [sys.executable, "-m", "tests.driving", toy, str(out), str(workers), json.dumps(arguments)]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True)


if __name__ == "__main__":
    made = getattr(toys, sys.argv[1])(**json.loads(sys.argv[4]))
    run(made, Path(sys.argv[2]), workers=int(sys.argv[3]))
