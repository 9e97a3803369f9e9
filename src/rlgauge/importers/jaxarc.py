"""JaxARC's benchmark files: steps per second of one environment, of batches, and against ARCLE."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.reading import Reading
from rlgauge.core.run import Record, Status
from rlgauge.importers import plain
from rlgauge.importers.findings import Found
from rlgauge.importers.quantities import is_number, present, total, units
from rlgauge.importers.tree import Folder

SYSTEM = "imported-jaxarc"
_LIBRARY = "jaxarc"
_OF_THE_RUN = {"timestamp", "run_tag"}
"""What the head says that is not how it was measured."""
_STAMPS = ("%Y%m%d_%H%M%S", "%Y%m%d-%H%M%S")


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
    meta = {name: value for name, value in _mapping(data.get("meta")).items() if name not in _OF_THE_RUN}
    settings = fingerprint({"meta": meta, **{key: data.get(key) for key in ("config_summary", "system_info")}})
    machine = _mapping(data.get("system_info")) or _mapping(_mapping(data.get("meta")).get("system"))
    labels = _labels(data)
    return [
        Found(_labelled(_reading(point, folder.path, settings, machine), labels), (SYSTEM, hash(content), index))
        for index, point in enumerate(points)
    ]


def _labels(data: Mapping[str, Any]) -> dict[str, str]:
    """What the file says of the measurement that it holds: its tag, what it was for, and when it was (UTC)."""
    meta = _mapping(data.get("meta"))
    told = {
        "tag": meta.get("run_tag") or data.get("tag"),
        "description": data.get("description"),
        "stamp": _moment(meta.get("timestamp") or data.get("timestamp")),
    }
    return {name: str(value) for name, value in told.items() if value}


def _moment(told: object) -> str | None:
    """A time in seconds since 1970, or one such as 20250812_234006 where this machine is, as UTC; None of others."""
    try:
        if is_number(told) and not isinstance(told, bool):
            return dt.datetime.fromtimestamp(float(str(told)), dt.UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return None
    for form in _STAMPS:
        try:
            own = dt.datetime.strptime(str(told), form).astimezone()  # the file does not say where it was
        except ValueError:
            continue
        return own.astimezone(dt.UTC).isoformat(timespec="seconds")
    return None


def _labelled(reading: Reading, labels: Mapping[str, str]) -> Reading:
    started = labels.get("stamp", "").partition("+")[0]
    return msgspec.structs.replace(reading, labels={**reading.labels, **labels}, started=started)


def _points(data: Mapping[str, Any]) -> Iterator[_Point]:
    meta = _mapping(data.get("meta"))
    tag = str(meta.get("run_tag") or data.get("tag") or "")
    summary = _mapping(data.get("config_summary"))
    task = str(_mapping(meta.get("task")).get("task_id") or summary.get("environment") or "arc")
    mode = str(meta.get("mode") or summary.get("library") or _LIBRARY)
    for section, unit in (("throughput", "envs"), ("speed", "steps"), ("batch_scaling", "envs")):
        for batch, inner in _mapping(data.get(section)).items():
            for name, numbers in _modes(_mapping(inner), mode):
                yield _Point(f"{name} ({tag})" if tag else name, task, batch, numbers, unit)
    single = _mapping(data.get("single_environment"))
    if single:
        yield _Point(f"{mode} ({tag})" if tag else mode, task, "single", single, "env")
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
