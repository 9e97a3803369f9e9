"""Workloads that something happens to, or that wait for the test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from rlgauge.core.case import Case
from rlgauge.core.run import Record
from rlgauge.core.workload import Context
from tests.faults import FAULTS
from tests.toys import Toy


class Eventful(Toy):
    """Does at seed i what `deeds` say: a fault of `tests.faults`, or one of these.

    `wait` stands still after its first record, until something ends it; the next attempt goes on. `stall` records
    nothing and never ends. `gate` waits for the file `gate`. `orphan` kills its worker.
    """

    name = "eventful"

    def cases(self) -> Iterator[Case]:
        for seed, deed in enumerate(self.arguments["deeds"]):
            yield Case(workload=self.name, name=f"{seed}-{deed}", params={"deed": deed}, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        deed = case.params["deed"]
        if deed == "stall":
            time.sleep(600)
        if deed == "gate":
            while not Path(self.arguments["gate"]).exists():
                time.sleep(0.05)
        yield Record(0, {"value": 0.0})
        if deed == "wait" and not context.kept:
            time.sleep(600)
        if deed == "orphan":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
        if deed in FAULTS:
            yield from FAULTS[deed](context)
