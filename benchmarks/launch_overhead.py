"""What it costs to run a case at all: 1000 cases that measure nothing, by launcher, kind of process and workers.

    python benchmarks/launch_overhead.py [--launcher local ray slurm] [--workers 1 2] [--cases 1000] [--json FILE]

The clock runs from the end of the first case on, so that what is paid once is left out: the workers' start. By the
launcher `local` it stands still after every block of cases: all processes of the run are stopped, and bare starts of
Python are measured in the pause, as many at once as there are workers. So what drifts, as the speed of a shared machine
does, goes to both sides. The other launchers' processes are not ours to stop: there bare starts are measured before and
after the run, which is one block.

Printed are, for each kind of process:

- `a case`: milliseconds by the wall, the geometric mean over the blocks, with its 95 % t interval.
- `a second`: cases in a second of the clock.
- `cpu`: milliseconds of all processors for a case, the driver's and the workers' own starts among them, and how often
  that is what the import below takes of them: a busy machine changes it less than the clock's ratios. By `local` alone.
- `to bare`: a case against `python -c pass`, the geometric mean of the blocks' ratios with its interval.
- `to worker`: a case against `python -P -c "import rlgauge.worker.child"`, which is what any process that measures has
  to import.

Kinds of processes: `fresh` is a process for each case, `forked` a fork for each of one that has the imports, `shared`
one for all.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import itertools
import json
import math
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rlgauge.core import platform
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Launcher, execute
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.core.workload import Workload
from rlgauge.launch.local import Local
from rlgauge.stats.quantiles import student_t_quantile

LAUNCHERS = ("local", "ray", "slurm")
NEEDED = {"ray": ("ray", None), "slurm": ("submitit", "sbatch")}
"""The library and the program that a launcher needs."""
CONFIGS: dict[str, dict[str, Any]] = {"ray": {}, "slurm": {"time": 60}}
PROCESSES = ("fresh", "forked", "shared")
BLOCKS = {"fresh": 50, "forked": 100, "shared": 100}
"""After how many cases the run is stopped."""
BARE = [sys.executable, "-c", "pass"]
WORKER = [sys.executable, "-P", "-c", "import rlgauge.worker.child"]
NUM_STARTS = 5
AIM = 1.2
WANTED = 300


class Block(NamedTuple):
    """Seconds of a case, of a bare start and of a worker's, beside each other."""

    case: float
    bare: float
    worker: float


class Mean(NamedTuple):
    """A geometric mean with its interval; of one block there is none."""

    point: float
    low: float | None
    high: float | None


class Found(NamedTuple):
    """Of one run: its blocks, cases in a second, milliseconds of the processors for a case and for a worker's start."""

    blocks: list[Block]
    per_second: float
    cpu: float | None = None
    worker_cpu: float | None = None


class Pace:
    """Listens to a run of which it stops every process after each block, to measure bare starts."""

    def __init__(self, block: int, num_workers: int) -> None:
        self.blocks: list[Block] = []
        self.bare_cpu = 0.0
        self.worker_cpu = 0.0
        self._block = block
        self._num_workers = num_workers
        self._num_ends = 0
        self._begun = 0.0

    def hear(self, event: Event) -> None:
        """Count the ends of cases."""
        if event.status is None:
            return
        if event.status is not Status.COMPLETED:
            raise SystemExit(f"A case failed: {event.message}")
        if self._num_ends and self._num_ends % self._block == 0:
            self._pause(time.perf_counter() - self._begun)
        self._num_ends += 1
        if self._num_ends % self._block == 1:
            self._begun = time.perf_counter()

    def _pause(self, seconds: float) -> None:
        with stopped():
            used = children_cpu()
            bare = started(BARE, self._num_workers)
            self.bare_cpu += children_cpu() - used
            used = children_cpu()
            worker = started(WORKER, self._num_workers)
            self.worker_cpu += children_cpu() - used
        self.blocks.append(Block(seconds / self._block, bare, worker))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--launcher", nargs="+", choices=LAUNCHERS, default=["local"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--process", nargs="+", choices=PROCESSES, default=list(PROCESSES))
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--pack", type=int, default=1, help="cases of one task of Ray or Slurm; default: 1")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.cases <= max(BLOCKS.values()):
        parser.error(f"--cases: at least {max(BLOCKS.values()) + 1} are needed for one block.")
    for command in (BARE, WORKER):
        started(command, 1)  # the first one finds the files neither compiled nor in memory
    found = []
    print(f"{os.cpu_count()} cores; {options.cases} cases; load average {loads()}")
    print(f"{'':28}{'a case, ms':>22}{'a second':>10}{'cpu, ms':>16}{'to bare':>23}{'to worker':>23}")
    with tempfile.TemporaryDirectory() as folder:  # until the end: ext4 makes files slowly after many were deleted
        for name in options.launcher:
            if (missing := lacking(name)) is not None:
                print(f"{name}: left out, {missing} is not installed")
                continue
            try:
                for process, num_workers in itertools.product(options.process, options.workers):
                    store = Store(Path(folder, f"{name}-{process}-{num_workers}"))
                    measured = run(name, process, num_workers, options.cases, options.pack, store)
                    found.append(told(name, process, num_workers, measured))
            except UserError as error:  # no cluster answers
                print(f"{name}: left out. {error}")
    print(f"load average at the end {loads()}")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def lacking(name: str) -> str | None:
    """What a launcher needs and does not find."""
    library, program = NEEDED.get(name, (None, None))
    if library is not None and importlib.util.find_spec(library) is None:
        return library
    return program if program is not None and shutil.which(program) is None else None


def run(name: str, process: str, num_workers: int, num_cases: int, pack: int, store: Store) -> Found:
    """The cases run once, by a launcher of so many workers."""
    from empty_cases import EmptyCases  # beside this program, where its workers find it, too

    workload = EmptyCases(num_cases, process)
    if name == "local":
        return run_in_blocks(workload, store, Local(num_workers), Pace(BLOCKS[process], num_workers))
    config = {**CONFIGS[name], "width": num_workers, "pack": pack}
    made = importlib.import_module(f"rlgauge.launch.{name}").make(config)
    return run_whole(workload, store, made, num_workers)


def run_in_blocks(workload: Workload, store: Store, launcher: Local, pace: Pace) -> Found:
    """A run whose processes are ours."""
    used = time.process_time() + children_cpu()
    runs = execute(workload, store, launcher=launcher, on_event=pace.hear)
    used = time.process_time() + children_cpu() - used - pace.bare_cpu - pace.worker_cpu
    return Found(
        blocks=pace.blocks,
        per_second=1 / statistics.fmean(block.case for block in pace.blocks),
        cpu=used / len(runs) * 1e3,
        worker_cpu=pace.worker_cpu / len(pace.blocks) / NUM_STARTS / launcher.num_workers * 1e3,
    )


def run_whole(workload: Workload, store: Store, launcher: Launcher, num_workers: int) -> Found:
    """A run whose processes are somebody else's, with bare starts before and after."""
    ends: list[float] = []

    def hear(event: Event) -> None:
        if event.status is not None:
            ends.append(time.perf_counter())

    starts = [[started(command, num_workers) for command in (BARE, WORKER)]]
    runs = execute(workload, store, launcher=launcher, on_event=hear)
    starts.append([started(command, num_workers) for command in (BARE, WORKER)])
    if any(one is None or one.status is not Status.COMPLETED for one in runs.values()):
        raise SystemExit("A case failed.")
    bare, worker = (statistics.fmean(both) for both in zip(*starts, strict=True))
    case = (ends[-1] - ends[0]) / (len(ends) - 1)
    return Found([Block(case, bare, worker)], 1 / case)


@contextlib.contextmanager
def stopped() -> Iterator[None]:
    """All descendants of this process stand still meanwhile."""
    for _ in range(2):  # what was started while the others were being stopped
        send_all(signal.SIGSTOP)
    try:
        yield
    finally:
        send_all(signal.SIGCONT)


def send_all(number: int) -> None:
    """Send a signal to every descendant."""
    for pid in platform.descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def started(command: list[str], at_once: int) -> float:
    """Seconds from one start of the command to the next, of so many at once."""

    def start() -> None:
        for _ in range(NUM_STARTS):
            subprocess.run(command, check=True)

    threads = [threading.Thread(target=start) for _ in range(at_once)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - begun) / NUM_STARTS / at_once


def children_cpu() -> float:
    """Processor seconds of all descendants that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def told(name: str, process: str, num_workers: int, found: Found) -> dict[str, Any]:
    """What was found, which is printed, too."""
    case = mean_of([block.case * 1e3 for block in found.blocks])
    bare = mean_of([block.case / block.bare for block in found.blocks])
    worker = mean_of([block.case / block.worker for block in found.blocks])
    label = f"{name}, {process}, {num_workers} worker{'s' * (num_workers > 1)}"
    cpu = ""
    if found.cpu is not None and found.worker_cpu is not None:
        cpu = f"{found.cpu:.1f} ({found.cpu / found.worker_cpu:.2f})"
    print(f"{label:28}{shown(case, 2):>22}{found.per_second:10.1f}{cpu:>16}{shown(bare):>23}{shown(worker):>23}")
    if process == "fresh" and name == "local":
        verdicts = [("python -c pass", bare), ("import rlgauge.worker.child", worker)]
        print("".join(f"    at most {AIM} of `{what}`: {decided(ratio)}\n" for what, ratio in verdicts), end="")
    if process == "forked" and name == "local":
        print(f"    {WANTED} cases a second: {'yes' if found.per_second >= WANTED else 'no'}")
    means = {"case_ms": case, "to_bare": bare, "to_worker": worker}
    return {
        "launcher": name,
        "process": process,
        "workers": num_workers,
        "per_second": found.per_second,
        "cpu_ms": found.cpu,
        "worker_cpu_ms": found.worker_cpu,
        **{key: mean._asdict() for key, mean in means.items()},
        "blocks": [block._asdict() for block in found.blocks],
    }


def mean_of(values: list[float]) -> Mean:
    """The geometric mean, with the t interval of the logarithms."""
    logs = [math.log(value) for value in values]
    mean = statistics.fmean(logs)
    if len(logs) == 1:
        return Mean(math.exp(mean), None, None)
    width = student_t_quantile(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Mean(math.exp(mean), math.exp(mean - width), math.exp(mean + width))


def shown(mean: Mean, digits: int = 2) -> str:
    """The mean, and its interval where there is one."""
    interval = "" if mean.low is None else f" [{mean.low:.{digits}f}, {mean.high:.{digits}f}]"
    return f"{mean.point:.{digits}f}{interval}"


def decided(ratio: Mean) -> str:
    """What the interval says of the aim."""
    if ratio.low is None or ratio.high is None:
        return "one block decides nothing"
    if ratio.high <= AIM:
        return "yes"
    return "no" if ratio.low > AIM else "not decided"


def loads() -> str:
    """The machine's load averages."""
    return " ".join(f"{one:.1f}" for one in os.getloadavg())


if __name__ == "__main__":
    main()
