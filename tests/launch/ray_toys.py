"""A workload whose cases are hit from outside."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from rlgauge.core.case import Case
from rlgauge.core.run import Record
from rlgauge.core.workload import Context
from tests.faults import FAULTS
from tests.toys import Toy


class Hit(Toy):
    """Does what its `roles` say: `once` waits to be ended the first time, `gpus` tells what it sees, and any fault."""

    name = "hit"

    def cases(self) -> Iterator[Case]:
        for seed, role in enumerate(self.arguments["roles"]):
            yield Case(workload=self.name, name=f"{seed}-{role}", params={"role": role.partition(" ")[0]}, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        role = case.params["role"]
        if role == "once":
            if not context.kept:
                yield Record(0, {"value": 0.0})
                time.sleep(600)
            yield Record(1, {"value": 1.0})
        elif role == "gpus":
            yield Record(0, {"gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "threads": os.environ["MKL_NUM_THREADS"]})
        else:
            yield Record(0, {"value": 0.0})
            yield from FAULTS[role](context)
