"""The workload: points, each in several fresh processes."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from rlgauge.core.case import Case, fingerprint
from rlgauge.core.errors import UserError
from rlgauge.core.workload import Description, Measure
from rlgauge.kinds.throughput.measuring import UNITS, measure_case
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.timer import Settings


class ThroughputWorkload:
    """Points of environments' speed and memory, each measured in `processes` fresh processes.

    `stamp` tells one measurement from the next, for the same points may be measured again: by default it is the time,
    as DATE_TIME_MILLISECONDS.
    It is part of the cases' names, not of their parameters, which say what was measured.
    All points are measured by one process after the other, to and fro, so that a machine that gets slower slows all of
    them down.
    """

    name = "throughput"
    units: Mapping[str, str] = UNITS
    process: Literal["alone"] = "alone"
    hang_seconds: float | None = None

    def __init__(
        self,
        points: Sequence[Point | Mapping[str, Any]],
        *,
        settings: Settings | Mapping[str, Any] | None = None,
        processes: int = 1,
        stamp: str | None = None,
        tag: str = "",
        description: str = "",
    ) -> None:
        """Raises UserError for points that can't be."""
        self.points = [point if isinstance(point, Point) else msgspec.convert(point, Point) for point in points]
        self.settings = msgspec.convert(settings or {}, Settings) if not isinstance(settings, Settings) else settings
        if processes < 1:
            raise UserError(f"processes={processes}: at least one must measure.")
        self.processes = processes
        self.stamp = stamp or dt.datetime.now(dt.UTC).strftime("%Y%m%d_%H%M%S_%f")[:-3]
        self.tag = tag
        self.description = description

    def describe(self) -> Description:
        """How a worker makes it again."""
        return Description(
            "rlgauge.kinds.throughput.workload:ThroughputWorkload",
            {
                "points": [point.params for point in self.points],
                "settings": msgspec.to_builtins(self.settings),
                "processes": self.processes,
                "stamp": self.stamp,
                "tag": self.tag,
                "description": self.description,
            },
        )

    def cases(self) -> Iterable[Case]:
        """Every point in the first process, then every point in the second in reverse, and so on to and fro."""
        for process in range(self.processes):
            for point in self.points if process % 2 == 0 else reversed(self.points):
                yield self.case(point, process)

    def case(self, point: Point, process: int) -> Case:
        """A point in one of its processes."""
        settings = msgspec.to_builtins(self.settings)
        params = {"point": point.params, "settings": settings}
        return Case(
            workload=self.name,
            name=f"{_plain(point.name)}-{point.environment.rpartition(':')[2]}-{point.num_envs}-{self.stamp}-p{process}",
            params=params,
            seed=process,
            labels={
                "algorithm": point.name,
                "task": f"{task_of(point)} (memory)" if self.settings.only_steps else task_of(point),
                "train_seed": str(process),
                "settings": fingerprint(settings),
                "checkpoint": self.stamp,
                "stamp": self.stamp,
                **({"purpose": "memory"} if self.settings.only_steps else {}),
                **({"tag": self.tag} if self.tag else {}),
                **({"description": self.description} if self.description else {}),
            },
        )

    def num_wanted(self, case: Case) -> int | None:
        """One finished run is enough: repetitions of two runs do not add up."""
        del case
        return None

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        """What measures; nothing is shared by cases."""
        yield measure_case


def task_of(point: Point) -> str:
    """A point but for its library, in words: `cartpole x 1,000`, and what else is not the default."""
    default = Point(environment=point.environment, library=point.library, num_envs=point.num_envs)
    names = ("scan_chunk_size", "block", "devices", "policy", "rng", "emit")
    chosen = [f"{name}={getattr(point, name)}" for name in names if getattr(point, name) != getattr(default, name)]
    return " ".join([f"{point.environment} x {point.num_envs:,}", *chosen])


def _plain(text: str) -> str:
    """The text as a part of a folder's name."""
    return re.sub(r"[^\w.]+", "-", text)
