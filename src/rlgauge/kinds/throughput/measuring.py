"""Measuring one point in this process, which has done nothing else yet."""

from __future__ import annotations

import importlib.metadata
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from rlgauge.core import platform
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record
from rlgauge.core.workload import Context, import_object
from rlgauge.envs.libraries import LIBRARIES, MANY, Kind, library, missing, own_name
from rlgauge.kinds.throughput import checks, timer
from rlgauge.kinds.throughput.point import Point, largest_divisor
from rlgauge.kinds.throughput.prepared import NoRoomError, Prepared
from rlgauge.kinds.throughput.timer import Repetition, Series, Settings

UNITS: Mapping[str, str] = {
    "steps_per_second": "steps/s",
    "steps_per_cpu_second": "steps of a CPU-second",
    "seconds": "seconds of a repetition",
    "cpu_seconds": "CPU-seconds of a repetition",
    "num_steps": "steps",
    "num_episodes": "episodes",
    "mean_length": "steps",
    "reward": "reward",
}
"""Of what a repetition measures; `reward` is that of a step, on average.

Units that others know are those of what may be compared: how long a repetition is was decided by calibration.
"""
XLA_FLAGS = "--xla_cpu_prefer_vector_width=512"
"""For all libraries in JAX alike: the compiler would not use by itself what the processor has."""
_FEW, _FLAGS_OF_FEW = 1_000, "--xla_cpu_enable_concurrency_optimized_scheduler=false"
"""Of fewer environments a step is so short that a second thread costs more than it saves, whatever the library."""
_EXHAUSTED = "RESOURCE_EXHAUSTED"
"""How XLA begins to tell that it got no memory."""
OWN = "py"
"""The library of an environment that is given by its class path."""
_BY_PLACE = ("rbg", "unsafe_rbg")
"""Generators whose numbers depend on the place in a block, not on the key alone (JAX, "Advanced RNG configuration")."""
_NUM_DEVICES = "--xla_force_host_platform_device_count"
_NUM_THREADS = "NPROC"
"""What XLA takes for the number of cores: so many threads share a step."""
_RESETS, _RESET_SECONDS = 5, 1.0
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which getrusage tells the peak of the resident size (getrusage(2))."""


class UnmeasurableError(Exception):
    """A point that can't be measured, for a reason that is said; others can."""


def measure_case(case: Case, context: Context) -> Iterator[Record]:
    """A record for each repetition of a point. Raises UnmeasurableError, CheckError and NoRoomError."""
    point = msgspec.convert(case.params["point"], Point)
    settings = msgspec.convert(case.params["settings"], Settings)
    prepare_process(point)
    try:
        prepared = _prepare(point, case.seed)
        series = timer.measure(prepared, settings, tell=context.at)
    except (UserError, ImportError) as error:
        raise UnmeasurableError(str(error)) from error
    except RuntimeError as error:
        if _EXHAUSTED not in str(error):
            raise
        raise NoRoomError(str(error).splitlines()[0]) from error
    done = [repetition.done for repetition in series.repetitions]
    is_settled = 0 < settings.burn_in <= series.burn_in
    checked = checks.check_work(point, done, prepared.facts, is_settled=is_settled)
    checked += checks.check_change(point, done, has_changed=prepared.has_changed())
    result = _result(prepared, series, checked, settings)
    result["lengths_unchecked"] = checks.why_lengths_are_unchecked(point, done, is_settled=is_settled)
    if case.seed == 0 and _maker(point)[0] == "jax" and not settings.only_steps:
        result["checks"] = [*checked, *_check_other_ways(prepared, point, case.seed)]
    context.result.update(result, version=_version(point))
    for index, repetition in enumerate(series.repetitions):
        yield _record(index, repetition)


def prepare_process(point: Point) -> None:
    """What libraries read when they are imported; a processor is as many devices as are asked for.

    What is set already is left as it is, but for the cache of compiled code.
    """
    few = [_FLAGS_OF_FEW] if point.num_envs < _FEW else []
    wanted = [XLA_FLAGS, *few, *([f"{_NUM_DEVICES}={point.devices}"] if point.devices > 1 else [])]
    given = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = " ".join([given, *(flag for flag in wanted if flag.partition("=")[0] not in given)])
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # what it hands out was not compiled in the seconds told
    known = LIBRARIES.get(point.library)
    if known is not None and known.threads is not None and point.devices == 1:
        os.environ.setdefault(_NUM_THREADS, str(known.threads))


def _prepare(point: Point, seed: int) -> Prepared:
    """The point, ready to be stepped. Raises UserError."""
    kind, make = _maker(point)
    if kind == "jax":
        from rlgauge.kinds.throughput.on_device import Compiled

        return Compiled(make, point, seed, version=_version(point))
    from rlgauge.kinds.throughput import on_host

    if kind == "single":
        return on_host.Serial(make, point, seed)
    return on_host.Vectorised(make, point, seed) if kind == "vector" else on_host.Native(make, point, seed)


def _maker(point: Point) -> tuple[Kind, Callable[[], Any]]:
    """The kind of the environment, and what makes it. Raises UserError for what is not there, or is none."""
    if point.library == OWN:
        made = import_object(point.environment)
        kind: Kind | None = getattr(made, "kind", None)
        if kind is None or kind not in get_args(Kind):
            raise UserError(
                f"{point.environment} is no environment that can be measured: it has no `kind` ({_kinds()}); "
                "see docs/throughput.md."
            )
        return kind, (lambda: made(point.num_envs)) if kind in MANY else made
    lacking = missing(point.library)
    if lacking is not None:
        raise UserError(lacking)
    found, name = library(point.library), own_name(point.environment, point.library)
    make = import_object(found.make)
    return found.kind, (lambda: make(name, point.num_envs)) if found.kind in MANY else (lambda: make(name))


def _kinds() -> str:
    return ", ".join(get_args(Kind))


def _check_other_ways(prepared: Prepared, point: Point, seed: int) -> list[str]:
    """That the sizes of chunk and block do not change what is done: one chunk of steps from the start, in other parts.

    What was prepared is closed before. Blocks stay as they are where another width gives other bits, and these matter.
    """
    chunk, block = prepared.facts.get("scan_chunk_size", 1), prepared.facts.get("block", 1)
    is_chaotic = point.library != OWN and library(point.library).is_chaotic
    is_by_key = point.rng not in _BY_PLACE and not is_chaotic
    parts = {
        "scan_chunk_size": largest_divisor(chunk, max(1, chunk // 2)),
        "block": _half(point, block) if is_by_key else block,
    }
    is_other = parts != {"scan_chunk_size": chunk, "block": block}
    prepared.reset()
    done = prepared.go(1)
    prepared.close()
    if not is_other or point.policy == "predrawn":
        return []
    other = _prepare(msgspec.structs.replace(point, **parts), seed)
    other_done = other.go(chunk // parts["scan_chunk_size"])
    other.close()
    return [
        checks.check_counts(
            point, done, other_done, how=f"in chunks of {parts['scan_chunk_size']} and blocks of {parts['block']}"
        )
    ]


def _half(point: Point, block: int) -> int:
    return largest_divisor(point.num_envs // point.devices, max(1, block // 2))


def _version(point: Point) -> str | None:
    """Of the package that was measured, as it is installed here."""
    if point.library == OWN:
        return None
    return importlib.metadata.version(library(point.library).distribution)


def _reset_seconds(prepared: Prepared) -> float:
    """Of all environments; the median of a few."""
    seconds: list[float] = []
    while len(seconds) < _RESETS and sum(seconds) < _RESET_SECONDS:
        start = time.perf_counter()
        prepared.reset()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _result(prepared: Prepared, series: Series, checked: list[str], settings: Settings) -> dict[str, Any]:
    """What a run reports beside its repetitions; seconds, bytes.

    Peaks are those of stepping, and taken first: a reset holds a second state, and bandwidth is measured by copies.
    Whether all stands still is seen before a reset.
    """
    last = series.repetitions[-1].done
    peaks = {"peak_resident_bytes": _peak_bytes(), "peak_device_bytes": prepared.device_peak_bytes()}
    warnings = [] if settings.only_steps else checks.warnings_of(prepared, series.num_trips, last)
    roofline = None if settings.only_steps else prepared.roofline()
    reset = {} if settings.only_steps else {"reset": _reset_seconds(prepared)}
    return {
        "phases": {**prepared.phases, "first": series.first_seconds, **reset},
        "facts": prepared.facts,
        "steps_per_env": series.num_trips * prepared.steps_per_trip,
        "noise": series.noise,
        "disturbance": msgspec.to_builtins(series.disturbance),
        "tries": series.num_tries,
        "burn_in": {"wanted": settings.burn_in, "done": series.burn_in},
        "checks": checked,
        "warnings": warnings,
        "roofline": msgspec.to_builtins(roofline),
        **peaks,
    }


def _peak_bytes() -> int | None:
    """The most that this process held; None where others of its own hold some of it."""
    if platform.descendants(os.getpid()):
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


def _record(index: int, repetition: Repetition) -> Record:
    done, took = repetition
    return Record(
        index,
        {
            "steps_per_second": done.num_steps / took.seconds,
            "steps_per_cpu_second": done.num_steps / took.cpu_seconds if took.cpu_seconds > 0 else None,
            "seconds": took.seconds,
            "cpu_seconds": took.cpu_seconds,
            "num_steps": done.num_steps,
            "num_episodes": done.num_episodes,
            "mean_length": done.num_steps / done.num_episodes if done.num_episodes else None,
            "reward": done.reward / done.num_steps,
        },
    )
