"""Toys of the five systems that must fit into one core: each only lists its cases and measures one."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from typing import Any, ClassVar

from rlgauge.core.case import Case
from rlgauge.core.run import Record
from rlgauge.core.workload import Context, Description, Measure

SCRIPT = "import random, sys; random.seed(int(sys.argv[1])); print(random.gauss(0, 1))"


class Toy:
    """A workload whose arguments are all plain."""

    name = "toy"
    process = "shared"
    hang_seconds = None
    units: ClassVar[dict[str, str]] = {"value": "points"}

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def describe(self) -> Description:
        return Description(f"{type(self).__module__}:{type(self).__name__}", self.arguments)

    def num_wanted(self, case: Case) -> int | None:
        del case
        return None

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        yield self.measure

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        raise NotImplementedError


class PolicyOnTasks(Toy):
    """Episodes in blocks of five; more episodes extend a block."""

    name = "policy"

    def cases(self) -> Iterator[Case]:
        for task, first in product(("reach", "push"), range(0, self.arguments["episodes"], 5)):
            yield Case(workload=self.name, name=f"{task}-{first}", params={"task": task, "first": first}, seed=7)

    def num_wanted(self, case: Case) -> int:
        return min(5, self.arguments["episodes"] - case.params["first"])

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        done = {record.index for record in context.kept}
        for index in range(case.params["first"], case.params["first"] + (context.num_wanted or 0)):
            if index not in done:
                time.sleep(self.arguments.get("seconds", 0.0))
                value = random.Random(f"{case.params['task']} {index}").random()
                yield Record(index, {"value": value, "pid": None})


class ScriptOverSeeds(Toy):
    """A real script in a process of its own."""

    name = "script"
    process = "fresh"

    def cases(self) -> Iterator[Case]:
        for seed in range(self.arguments["seeds"]):
            yield Case(workload=self.name, name=f"gauss-s{seed}", params={"script": SCRIPT}, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        del context
        command = [sys.executable, "-c", case.params["script"], str(case.seed)]
        yield Record(0, {"value": float(subprocess.run(command, check=True, capture_output=True).stdout)})


class Algorithms(Toy):
    """Algorithms x environments x seeds, with checkpoints that a later attempt goes on from."""

    name = "algorithms"

    def cases(self) -> Iterator[Case]:
        for algorithm, env, seed in product(("bc", "gail"), ("ant", "hopper"), range(2)):
            params = {"algorithm": algorithm, "environment": {"gym_id": env}}
            yield Case(workload=self.name, name=f"{algorithm}-{env}-s{seed}", params=params, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        start = len(context.kept)
        for epoch in range(start, 4):
            time.sleep(self.arguments.get("seconds", 0.0))
            yield Record(epoch, {"value": float(epoch * (case.seed + 1))})
        context.result["epochs"] = 4


class Throughput(Toy):
    """num_envs x chunk, every case in a fresh process, repetitions as records."""

    name = "throughput"
    process = "fresh"

    def cases(self) -> Iterator[Case]:
        for num_envs, chunk in product((1, 10), (1, 4)):
            params = {"num_envs": num_envs, "scan_chunk_size": chunk}
            yield Case(workload=self.name, name=f"n{num_envs}-c{chunk}", params=params)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        del context
        for repetition in range(3):
            yield Record(repetition, {"value": float(case.params["num_envs"] * case.params["scan_chunk_size"])})


class Search(Toy):
    """Phase 1 tries learning rates; phase 2 measures the best of them again on fresh seeds."""

    name = "search"

    def cases(self) -> Iterator[Case]:
        for rate in self.arguments["rates"]:
            for seed in self.arguments["seeds"]:
                params = {"rate": rate, "phase": self.arguments["phase"]}
                yield Case(workload=self.name, name=f"lr{rate}-s{seed}", params=params, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        del context
        yield Record(0, {"value": 1 - (case.params["rate"] - 0.3) ** 2 + 1e-3 * case.seed})


class Faulty(Toy):
    """Does what its `faults` say at seed i: raise, exit, segfault, kill, hang, eat, print, or nothing."""

    name = "faulty"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.hang_seconds = arguments.get("hang_seconds")
        self.process = arguments.get("process", "shared")

    def cases(self) -> Iterator[Case]:
        for seed, fault in enumerate(self.arguments["faults"]):
            yield Case(workload=self.name, name=f"{seed}-{fault}", params={"fault": fault}, seed=seed)

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        from tests.faults import FAULTS

        yield Record(0, {"value": 0.0})
        yield from FAULTS[case.params["fault"]](context)
