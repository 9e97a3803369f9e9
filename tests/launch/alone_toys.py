"""Cases that tell when they were measured, and where."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from rlgauge.core.case import Case
from rlgauge.core.run import Record
from rlgauge.core.workload import Context
from tests.toys import Toy

TOLD = ("SLURM_ARRAY_TASK_ID", "SLURM_JOB_CPUS_PER_NODE", "OMP_NUM_THREADS")


class Alone(Toy):
    """`num_cases` of half a second, of which no two may be measured at once."""

    name = "alone"
    process = "alone"

    def cases(self) -> Iterator[Case]:
        for seed in range(self.arguments["num_cases"]):
            yield Case(workload=self.name, name=f"alone-{seed}", params={}, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        begun = time.time()
        time.sleep(0.5)
        context.result["pid"] = os.getpid()
        context.result["variables"] = {name: os.environ.get(name) for name in TOLD}
        yield Record(0, {"begun": begun, "ended": time.time()})
