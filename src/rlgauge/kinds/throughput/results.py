"""What was measured, point by point: speeds with their spread, times, memory, and how far to trust them."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from rlgauge.core.run import KILLED, MEMORY, Run, Status
from rlgauge.kinds.throughput.checks import LENGTHS
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.workload import ThroughputWorkload
from rlgauge.stats.intervals import geometric_mean

_WORST = (Noise.QUIET, Noise.UNKNOWN, Noise.NOISY, Noise.INVALID)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A point and what its processes measured; None is what was not measured.

    Steps per second: `steps_per_second` is the geometric mean over processes of their medians, and `low` to `high` its
    95 % interval (Student's, of logarithms), from two processes on. `process_medians` are in the order of the
    processes. `mean`, `deviation`, `median`, `least` and the quartiles are of all repetitions together. Seconds:
    `trace`, `compile`, `first` call, `run` (all repetitions that were counted, and by the wall), `reset` of all
    environments; medians over processes. Bytes: `planned` is what the compiler has planned, `peak` the most that the
    process held, `device_peak` that a device with memory of its own did. `roofline` is steps per second that the
    machine's memory allows at most, where no cache holds the environments. `burn_in` is how many steps each environment
    took before, where these were fewer than wanted, for time. `checks` says what was checked, `lengths_unchecked` why
    the lengths of episodes were not, and `warnings` what a person should look at. `reason` says why a point failed,
    `is_too_large` that it was for lack of memory.
    """

    point: Point
    task: str
    status: Status
    reason: str | None = None
    is_too_large: bool = False
    version: str | None = None
    num_processes: int = 0
    num_repetitions: int = 0
    steps_per_second: float | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    deviation: float | None = None
    median: float | None = None
    least: float | None = None
    quartiles: tuple[float, float] | None = None
    process_medians: tuple[float, ...] = ()
    steps_per_cpu_second: float | None = None
    seconds: dict[str, float] = {}
    planned_bytes: int | None = None
    state_bytes_per_env: float | None = None
    peak_bytes: int | None = None
    device_peak_bytes: int | None = None
    roofline: float | None = None
    burn_in: int | None = None
    noise: Noise | None = None
    checks: tuple[str, ...] = ()
    lengths_unchecked: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = {}

    @property
    def per_env(self) -> float | None:
        """Steps per second of each environment."""
        return None if self.steps_per_second is None else self.steps_per_second / self.point.num_envs

    @property
    def has_checked_lengths(self) -> bool:
        """Whether every process has checked how long its episodes were."""
        return 0 < self.num_processes <= sum(text.startswith(LENGTHS) for text in self.checks)


def results_of(workload: ThroughputWorkload, runs: Mapping[str, Run | None]) -> list[Measured]:
    """What every point came to, in the order of the workload."""
    found = []
    for point in workload.points:
        cases = [workload.case(point, process) for process in range(workload.processes)]
        own = [run for run in (runs.get(case.id) for case in cases) if run is not None]
        found.append(_measured(point, str(cases[0].labels["task"]), own))
    return found


def _measured(point: Point, task: str, runs: Sequence[Run]) -> Measured:
    failed = [run for run in runs if run.status is not Status.COMPLETED]
    if failed or not runs:
        status = failed[0].status if failed else Status.QUEUED
        reason = _reason(failed[0]) if failed else "It was not measured."
        is_too_large = any(run.file.fail_kind in {MEMORY, KILLED} for run in failed)
        return Measured(point=point, task=task, status=status, reason=reason, is_too_large=is_too_large)
    speeds = [[float(record.values["steps_per_second"] or 0.0) for record in run.records] for run in runs]
    together = [speed for own in speeds for speed in own]
    medians = [statistics.median(own) for own in speeds]
    results = [run.file.result or {} for run in runs]
    speed = geometric_mean(medians)
    first = results[0]
    return Measured(
        point=point,
        task=task,
        status=Status.COMPLETED,
        version=first.get("version"),
        num_processes=len(runs),
        num_repetitions=len(together),
        steps_per_second=speed.point,
        low=speed.low,
        high=speed.high,
        mean=statistics.fmean(together),
        deviation=statistics.stdev(together) if len(together) > 1 else None,
        median=statistics.median(together),
        least=min(together),
        quartiles=_quartiles(together),
        process_medians=tuple(medians),
        steps_per_cpu_second=_median_of(runs, "steps_per_cpu_second"),
        seconds={**_phases(results), "run": _total_seconds(runs)},
        planned_bytes=_planned(first["facts"].get("memory"), point.devices),
        state_bytes_per_env=first["facts"].get("state_bytes_per_env"),
        peak_bytes=_largest([result["peak_resident_bytes"] for result in results]),
        device_peak_bytes=_largest([result["peak_device_bytes"] for result in results]),
        roofline=_roofline(results),
        burn_in=_burn_in(results),
        noise=max((Noise(result["noise"]) for result in results), key=_WORST.index),
        checks=tuple(check for result in results for check in result["checks"]),
        lengths_unchecked=_each_once([why] if (why := one.get("lengths_unchecked")) else [] for one in results),
        warnings=_each_once(one.get("warnings", ()) for one in results),
        facts=first["facts"],
    )


def _each_once(told: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(told)))


def _burn_in(results: Sequence[Mapping[str, Any]]) -> int | None:
    told = [result["burn_in"] for result in results if "burn_in" in result]
    return min((one["done"] for one in told if one["done"] < one["wanted"]), default=None)


_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Exit|Interrupt))(?:: (.*))?$")
"""The line of a traceback that says what was raised; libraries add notes below it."""
_LONGEST_REASON = 300
_AFTER = ("The above exception", "During handling", "Traceback", "-----", "For simplicity")
"""What begins a line that is no part of the message."""
_OURS = {"UnmeasurableError", "CheckError", "NoRoomError"}
"""What says all there is to say by itself."""


def _reason(run: Run) -> str:
    """What went wrong, in a line: the message of what was raised last."""
    lines = (run.file.fail_trace or str(run.status)).strip().splitlines()
    places = [place for place, line in enumerate(lines) if _RAISED.match(line)]
    if not places:
        return lines[-1]
    last = _RAISED.match(lines[places[-1]])
    rest = itertools.takewhile(lambda line: not line.startswith(_AFTER), lines[places[-1] + 1 :])
    more = " ".join([text for line in rest if (text := line.strip())])[:_LONGEST_REASON]
    first = last[0] if last is not None and last[1] not in _OURS else str(last and last[2])
    return f"{first} {more}".strip()


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(low), float(high)


def _largest(sizes: Sequence[int | None]) -> int | None:
    told = [size for size in sizes if size is not None]
    return max(told) if len(told) == len(sizes) else None


def _roofline(results: Sequence[dict[str, Any]]) -> float | None:
    """The highest of the processes': the bandwidth of a machine that does something else is measured too low."""
    found = [float(result["roofline"]["steps_per_second"]) for result in results if result["roofline"] is not None]
    return max(found, default=None)


def _median_of(runs: Sequence[Run], name: str) -> float | None:
    values = [record.values[name] for run in runs for record in run.records]
    numbers = [float(value) for value in values if value is not None]
    return statistics.median(numbers) if numbers else None


def _total_seconds(runs: Sequence[Run]) -> float:
    return math.fsum(float(record.values["seconds"] or 0.0) for run in runs for record in run.records)


def _phases(results: Sequence[dict[str, Any]]) -> dict[str, float]:
    names = results[0]["phases"]
    return {name: statistics.median(float(result["phases"][name]) for result in results) for name in names}


def _planned(memory: Mapping[str, int] | None, num_devices: int) -> int | None:
    """Bytes at once, of all devices: arguments that are given away hold the outputs, too."""
    if memory is None:
        return None
    return num_devices * (memory["arguments"] + memory["outputs"] + memory["temporaries"] - memory["alias"])
