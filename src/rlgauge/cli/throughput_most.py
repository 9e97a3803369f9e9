"""`rlgauge throughput --find-max`: the most environments that the memory holds, found by filling it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import psutil

from rlgauge.cli.console import say
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.throughput_options import libraries_of, limits_of, listed, numbers, settings_of
from rlgauge.cli.throughput_runs import failures, measure, workload_of
from rlgauge.cli.units import bytes_text
from rlgauge.core.execute import Limits
from rlgauge.kinds.throughput.memory import Memory, largest, memory_of
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured

if TYPE_CHECKING:
    from jsonargparse import Namespace

_NUMS = "1k,100k"
"""Beside a single one, what the prediction is made of where nobody says otherwise."""
_SHARE = 0.8
"""Of the memory that is free: what is left keeps the machine alive."""


class Most(msgspec.Struct, frozen=True, kw_only=True):
    """The most environments that fitted, the fewest that did not and why, the prediction, and the limit in bytes."""

    environment: str
    library: str
    limit: int
    predicted: int | None
    fitted: int | None
    peak_bytes: int | None
    too_many: int | None
    reason: str | None
    bytes_per_env: float | None


class _Trial:
    """Fills memory with environments, one number after the other."""

    def __init__(self, options: Namespace, environment: str, library: str, limits: Limits) -> None:
        self._options = options
        self._environment = environment
        self._library = library
        self._limits = limits
        self.tried: dict[int, Measured] = {}
        self.other: Measured | None = None

    def fits(self, number: int) -> bool:
        """Whether so many can be stepped; a failure for another reason than memory is kept, and counts as none."""
        point = Point(environment=self._environment, library=self._library, num_envs=number)
        settings = msgspec.structs.replace(settings_of(self._options), min_seconds=1e-6, repeats=1, warmup=0, burn_in=0)
        workload = workload_of([point], self._options, settings=settings)
        (found,) = measure(workload, self._options, limits=self._limits).found
        self.tried[number] = found
        if found.steps_per_second is None and not found.is_too_large:
            self.other = found
        return found.steps_per_second is not None


def find_max(options: Namespace) -> int:
    """The exit code; 1 where something else than memory was in the way. Raises UserError."""
    given = limits_of(options)
    limit = given.resident_bytes or int(_SHARE * psutil.virtual_memory().available)
    limits = Limits(seconds=given.seconds, resident_bytes=limit)
    found: list[Most] = []
    num_failed = 0
    for environment, name in list(_asked(options)):
        memory, failed = _predict(options, environment, name)
        trial = _Trial(options, environment, name, limits)
        if not failed:
            most = _find(trial, memory, limit)
            found.append(most)
            if not (options.json or options.quiet):
                _tell(most)
        num_failed += failures([*failed, *([trial.other] if trial.other is not None else [])])
    if options.json:
        print(json.dumps(msgspec.to_builtins(found), indent=1))
    return FAILED if num_failed else FINE


def _asked(options: Namespace) -> Iterator[tuple[str, str]]:
    for environment in listed(options.env):
        for name in libraries_of(environment, options.library):
            yield environment, name


def _predict(options: Namespace, environment: str, name: str) -> tuple[Memory | None, list[Measured]]:
    """What each environment holds, of small numbers of them; and those of them that failed."""
    nums = sorted({1, *numbers(options.num_envs or _NUMS)})
    points = [Point(environment=environment, library=name, num_envs=number) for number in nums]
    found = measure(workload_of(points, options), options).found
    failed = [one for one in found if one.steps_per_second is None]
    return (None if failed else memory_of(found)[0]), failed


def _find(trial: _Trial, memory: Memory | None, limit: int) -> Most:
    predicted = None if memory is None else memory.num_that_fit(limit)
    bracket = largest(trial.fits, predicted or 1)
    most = None if bracket.most is None else trial.tried[bracket.most]
    fewest = None if bracket.fewest is None else trial.tried[bracket.fewest]
    point = next(iter(trial.tried.values())).point
    return Most(
        environment=point.environment,
        library=point.library,
        limit=limit,
        predicted=predicted,
        fitted=bracket.most,
        peak_bytes=None if most is None else most.peak_bytes,
        too_many=bracket.fewest,
        reason=None if fewest is None else fewest.reason,
        bytes_per_env=None if memory is None else memory.per_env,
    )


def _tell(most: Most) -> None:
    say(f"\n{most.environment} of {most.library}, within {bytes_text(most.limit)}:")
    if most.predicted is not None and most.bytes_per_env is not None:
        say(f"  predicted {most.predicted:,} environments, of {most.bytes_per_env:,.0f} bytes each.")
    if most.fitted is not None:
        peak = "" if most.peak_bytes is None else f", with a peak of {bytes_text(most.peak_bytes)}"
        say(f"  {most.fitted:,} were stepped{peak}.")
    if most.too_many is not None:
        say(f"  {most.too_many:,} were too many: {most.reason}")
