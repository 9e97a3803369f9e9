"""Measuring points for the commands of `rlgauge throughput`, with progress told."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rlgauge.cli.launchers import make_launcher_by_python
from rlgauge.cli.pythons import Pythons
from rlgauge.cli.throughput_options import limits_of, num_processes, settings_of
from rlgauge.cli.throughput_progress import Progress, report, silent
from rlgauge.core import provenance
from rlgauge.core.execute import Limits, execute
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured, results_of
from rlgauge.kinds.throughput.timer import Settings
from rlgauge.kinds.throughput.workload import ThroughputWorkload

if TYPE_CHECKING:
    from jsonargparse import Namespace


class Measurement(NamedTuple):
    """What was measured, what it came to, and the machine that measured it."""

    workload: ThroughputWorkload
    found: list[Measured]
    host: Mapping[str, Any]


def workload_of(
    points: Sequence[Point], options: Namespace, *, settings: Settings | None = None, processes: int | None = None
) -> ThroughputWorkload:
    """The workload that options ask for, timed as they say or as `settings` do. Raises UserError."""
    return ThroughputWorkload(
        points,
        settings=settings or settings_of(options),
        processes=processes or num_processes(options),
        tag=options.tag,
        description=options.description,
    )


def measure(workload: ThroughputWorkload, options: Namespace, *, limits: Limits | None = None) -> Measurement:
    """What the workload came to, in the folder that options name. Raises UserError and StoreError."""
    is_told = not (options.json or options.quiet)
    runs = execute(
        workload,
        Store(options.out),
        launcher=make_launcher_by_python(options, Pythons(report), tell=report),
        limits=limits or limits_of(options),
        on_event=Progress(workload) if is_told else silent,
    )
    hosts = (run.file.host for run in runs.values() if run is not None)
    return Measurement(workload, results_of(workload, runs), next(hosts, provenance.host()))


def failures(found: Sequence[Measured]) -> int:
    """How many points failed; why is told on standard error."""
    failed = [one for one in found if one.status is not Status.COMPLETED]
    for one in failed:
        print(f"{one.point.name}, {one.task}: {one.reason}", file=sys.stderr)
    return len(failed)
