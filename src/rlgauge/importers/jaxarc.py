"""JaxARC's benchmark files: steps per second of one environment, of batches, and against ARCLE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rlgauge.core.case import fingerprint
from rlgauge.core.reading import Reading
from rlgauge.core.run import Record, Status
from rlgauge.importers import plain
from rlgauge.importers.findings import Found
from rlgauge.importers.quantities import is_number, present, total, units
from rlgauge.importers.tree import Folder

SYSTEM = "imported-jaxarc"
_LIBRARY = "jaxarc"


class _Point(NamedTuple):
    """A measurement: which library or mode, of what, in how large a batch (or so many steps), and its numbers."""

    algorithm: str
    task: str
    batch: str
    numbers: Mapping[str, Any]
    unit: str = "envs"


def read(folder: Folder, content: bytes) -> list[Found] | None:
    """A reading a batch size and mode; None where the file is something else."""
    if b'"steps_per_second"' not in content and b'"sps"' not in content:
        return None
    try:
        data = plain.decode(content)
    except ValueError:
        return None
    points = list(_points(data)) if isinstance(data, dict) else []
    if not points:
        return None
    settings = fingerprint({key: data.get(key) for key in ("meta", "config_summary", "system_info", "tag")})
    machine = _mapping(data.get("system_info")) or _mapping(_mapping(data.get("meta")).get("system"))
    return [
        Found(_reading(point, folder.path, settings, machine), (SYSTEM, hash(content), index))
        for index, point in enumerate(points)
    ]


def _points(data: Mapping[str, Any]) -> Iterator[_Point]:
    meta = _mapping(data.get("meta"))
    tag = str(meta.get("run_tag") or data.get("tag") or "")
    task = str(_mapping(meta.get("task")).get("task_id") or "arc")
    mode = str(meta.get("mode") or _LIBRARY)
    for section, unit in (("throughput", "envs"), ("speed", "steps"), ("batch_scaling", "envs")):
        for batch, inner in _mapping(data.get(section)).items():
            for name, numbers in _modes(_mapping(inner), mode):
                yield _Point(f"{name} ({tag})" if tag else name, task, batch, numbers, unit)
    single = _mapping(data.get("single_environment"))
    if single:
        yield _Point(f"{_LIBRARY} ({tag})" if tag else _LIBRARY, task, "single", single, "env")
    if not meta and "system_info" not in data:  # scan_benchmark_*.json: {action mode: {batch: numbers}}
        for name, batches in data.items():
            for batch, numbers in _mapping(batches).items():
                if is_number(_mapping(numbers).get("steps_per_second")):
                    yield _Point(f"{_LIBRARY} ({name})", task, batch, numbers)


def _modes(inner: Mapping[str, Any], mode: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The numbers of each mode that was measured: those of the one in the head, or several by name."""
    if {"sps", "steps_per_second", "error"} & set(inner):
        yield mode, inner
        return
    for name, numbers in inner.items():
        if isinstance(numbers, dict):
            yield name, numbers


def _reading(point: _Point, source: str, settings: str, machine: Mapping[str, Any]) -> Reading:
    numbers = point.numbers
    repeated = numbers.get("sps")
    samples = repeated if isinstance(repeated, list) else [numbers.get("steps_per_second")]
    compiled = numbers.get("compile_time", numbers.get("jit_compile_time"))
    reset = numbers.get("avg_reset_time", numbers.get("batch_reset_time"))
    records = tuple(
        Record(index, {"steps_per_second": float(value)}) for index, value in enumerate(samples) if is_number(value)
    )
    totals = {
        "steps_per_second": total(samples),
        "compile_seconds": total([compiled]) if compiled else None,
        "reset_seconds": total([reset]),
    }
    measured = present(totals) if records else {}
    error = numbers.get("error")
    return Reading(
        algorithm=point.algorithm,
        task=f"{point.task}-{point.batch}{point.unit}" if point.batch != "single" else f"{point.task}-single",
        status=Status.COMPLETED if records else Status.FAILED,
        totals=measured,
        units={**units(measured), **{name: "s" for name in measured if name.endswith("_seconds")}},
        kind=SYSTEM,
        settings=settings,
        labels={"num_envs": point.batch} if point.unit == "envs" else {},
        source=source,
        episodes=records,
        reason=None if records else str(error or "it holds no steps per second"),
        details={"machine": dict(machine)} if machine else {},
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
