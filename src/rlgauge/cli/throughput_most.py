"""`rlgauge throughput --find-max`: the most environments that the memory holds, found by filling it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import psutil

from rlgauge.cli.console import say
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.throughput_libraries import check_library
from rlgauge.cli.throughput_options import grid, limits_of, numbers
from rlgauge.cli.throughput_runs import failures, measure, workload_of
from rlgauge.cli.units import bytes_text
from rlgauge.core.execute import Limits
from rlgauge.kinds.throughput.memory import Memory, largest, memory_of
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured
from rlgauge.kinds.throughput.timer import Settings

if TYPE_CHECKING:
    from jsonargparse import Namespace

_NUMS, _MANY = "1k,100k", 4_000_000
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

    def __init__(self, options: Namespace, point: Point, limits: Limits) -> None:
        self._options = options
        self.point = point
        self._limits = limits
        self.tried: dict[int, Measured] = {}

    def fits(self, number: int) -> bool:
        """Whether so many can be stepped. Raises _OtherReasonError for a failure that is not for lack of memory."""
        (found,) = self.measure([number])
        self.tried[number] = found
        if found.steps_per_second is None and not found.is_too_large:
            raise _OtherReasonError(found)
        return found.steps_per_second is not None

    def predict(self, numbers: Sequence[int]) -> Memory:
        """What each environment holds, of so many; of very many, where so many are too few to tell.

        Raises _OtherReasonError for one that fails.
        """
        found = self._all_of(self.measure(numbers))
        memory = memory_of(found)[0]
        if memory.peak is not None or max(numbers) >= _MANY:
            return memory
        (many,) = self.measure([_MANY])
        return memory if many.is_too_large else memory_of([*found, *self._all_of([many])])[0]

    @staticmethod
    def _all_of(found: list[Measured]) -> list[Measured]:
        for one in found:
            if one.steps_per_second is None:
                raise _OtherReasonError(one)
        return found

    def measure(self, numbers: Sequence[int]) -> list[Measured]:
        """A few steps of so many environments, each number in one process."""
        points = [msgspec.structs.replace(self.point, num_envs=number) for number in numbers]
        settings = Settings(min_seconds=1e-6, repeats=1, warmup=0, burn_in=0, only_steps=True)
        workload = workload_of(points, self._options, settings=settings, processes=1)
        return measure(workload, self._options, limits=self._limits).found


class _OtherReasonError(Exception):
    """A number of environments failed, and not for lack of memory."""

    def __init__(self, found: Measured) -> None:
        super().__init__(found.reason)
        self.found = found


def find_max(options: Namespace) -> int:
    """The exit code; 1 where something else than memory was in the way. Raises UserError."""
    given = limits_of(options)
    limit = given.resident_bytes or int(_SHARE * psutil.virtual_memory().available)
    found: list[Most] = []
    failed: list[Measured] = []
    points = list(grid(options, num_envs="1"))
    for point in points:
        check_library(point.environment, point.library)
    for point in points:
        trial = _Trial(options, point, Limits(seconds=given.seconds, resident_bytes=limit))
        try:
            memory = trial.predict(sorted({1, *numbers(options.num_envs or _NUMS)}))
            most = _find(trial, memory, limit)
        except _OtherReasonError as error:
            failed.append(error.found)
            continue
        found.append(most)
        if not (options.json or options.quiet):
            _tell(most)
    if options.json:
        print(json.dumps(msgspec.to_builtins(found), indent=1))
    return FAILED if failures(failed) else FINE


def _find(trial: _Trial, memory: Memory, limit: int) -> Most:
    predicted = memory.num_that_fit(limit)
    bracket = largest(trial.fits, predicted or 1)
    most = None if bracket.most is None else trial.tried[bracket.most]
    fewest = None if bracket.fewest is None else trial.tried[bracket.fewest]
    return Most(
        environment=trial.point.environment,
        library=trial.point.library,
        limit=limit,
        predicted=predicted,
        fitted=bracket.most,
        peak_bytes=None if most is None else most.peak_bytes,
        too_many=bracket.fewest,
        reason=None if fewest is None else fewest.reason,
        bytes_per_env=memory.per_env,
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
