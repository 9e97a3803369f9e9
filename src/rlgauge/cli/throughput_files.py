"""What was measured of environments, as files: JSON, CSV, and JSON as JaxARC's benchmark had it."""

from __future__ import annotations

import csv
import io
import platform as system
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge import __version__
from rlgauge.cli.throughput_table import compile_seconds, efficiencies, manner_of, ratio_to
from rlgauge.core import provenance
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.kinds.throughput.memory import memory_of
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured
from rlgauge.kinds.throughput.workload import ThroughputWorkload

_FORMAT = 1


class _Settings(msgspec.Struct, frozen=True):
    burn_in: int = 1
    only_steps: bool = False
    min_seconds: float | None = None
    repeats: int | None = None
    processes: int | None = None


class _Host(msgspec.Struct, frozen=True):
    cpu: str | None = None
    num_cores: int | None = None


class Written(msgspec.Struct, frozen=True):
    """What a file of `write_json` tells to those who read it again."""

    points: list[Measured]
    timestamp: str = ""
    tag: str = ""
    description: str = ""
    settings: _Settings = _Settings()
    host: _Host = _Host()

    @property
    def tells_speed(self) -> bool:
        """Whether its speeds count: those of --memory are of a few steps from the start of all episodes."""
        return self.settings.burn_in > 0 and not self.settings.only_steps


def read_json(path: Path) -> Written:
    """What `write_json` wrote. Raises UserError for a file that is none of its."""
    with plain_errors(path, "read"):
        content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=Written)
    except msgspec.DecodeError as error:
        raise UserError(f"{path} is no file of `rlgauge throughput`: {error}.") from error


def path_in(out: str, workload: ThroughputWorkload) -> Path:
    """Where the results of a measurement lie beside its runs."""
    return Path(out) / f"{'_'.join(filter(None, ('throughput', workload.tag, workload.stamp)))}.json"


def check_tag(tag: str) -> None:
    """Raise UserError for a tag that can't be part of a file's name."""
    if any(character in tag for character in "/\\\0"):
        raise UserError(f"--tag {tag}: it becomes part of a file's name, so it can't hold a slash.")


def write_json(
    workload: ThroughputWorkload, found: Sequence[Measured], path: Path, *, host: Mapping[str, Any] | None = None
) -> str:
    """Write all results; what was written. They were measured by `host`; None is this machine. Raises StoreError."""
    content = {
        "format": _FORMAT,
        "rlgauge": __version__,
        "timestamp": workload.stamp,
        "tag": workload.tag,
        "description": workload.description,
        "settings": {**msgspec.to_builtins(workload.settings), "processes": workload.processes},
        "host": host or provenance.host(),
        "points": [msgspec.to_builtins(one) for one in found],
        "memory": [msgspec.to_builtins(one) for one in memory_of(found)],
    }
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    write_atomic(path, text + b"\n")
    return text.decode()


def write_csv(found: Sequence[Measured], path: Path, *, baseline: str | None) -> None:
    """Write the table, a row a point; seconds and bytes."""
    rows = [_row(one, found, baseline) for one in found]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())


def _row(one: Measured, found: Sequence[Measured], baseline: str | None) -> dict[str, Any]:
    best, linear = efficiencies(one, [each for each in found if manner_of(each) == manner_of(one)])
    return {
        **msgspec.structs.asdict(one.point),
        **{name: one.facts[name] for name in ("scan_chunk_size", "block", "rng") if name in one.facts},
        "version": one.version,
        "status": str(one.status),
        "compile_seconds": compile_seconds(one),
        "run_seconds": one.seconds.get("run"),
        "steps_per_second": one.steps_per_second,
        "low": one.low,
        "high": one.high,
        **({} if baseline is None else {f"ratio_to_{baseline}": ratio_to(one, found, baseline)}),
        "mean": one.mean,
        "deviation": one.deviation,
        "median": one.median,
        "least": one.least,
        "lower_quartile": one.quartiles and one.quartiles[0],
        "upper_quartile": one.quartiles and one.quartiles[1],
        "steps_per_cpu_second": one.steps_per_cpu_second,
        "efficiency_of_best": best,
        "efficiency_of_linear": linear,
        "first_seconds": one.seconds.get("first"),
        "reset_seconds": one.seconds.get("reset"),
        "planned_bytes": one.planned_bytes,
        "peak_bytes": one.peak_bytes,
        "device_peak_bytes": one.device_peak_bytes,
        "of_roofline": None
        if one.roofline is None or one.steps_per_second is None
        else one.steps_per_second / one.roofline,
        "num_processes": one.num_processes,
        "num_repetitions": one.num_repetitions,
        "noise": one.noise and str(one.noise),
        "reason": one.reason,
    }


def write_jaxarc(
    workload: ThroughputWorkload, found: Sequence[Measured], folder: Path, *, host: Mapping[str, Any]
) -> None:
    """Write benchmark_TAG_DATE_TIME.json with the fields that JaxARC's benchmark had: one library, one environment.

    Where there are several, a file each, with their names in its own. Raises StoreError.
    """
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    names, environments = ({getattr(one.point, part) for one in found} for part in ("library", "environment"))
    for name, environment in dict.fromkeys((one.point.library, one.point.environment) for one in found):
        own = [one for one in found if (one.point.library, one.point.environment) == (name, environment)]
        parts = (
            "benchmark",
            name if len(names) > 1 else "",
            re.sub(r"[^\w.]+", "-", environment) if len(environments) > 1 else "",
            workload.tag,
            _second(workload),
        )
        content = _as_jaxarc(workload, [one for one in own if one.steps_per_second is not None], own[0].point, host)
        write_atomic(
            folder / f"{'_'.join(filter(None, parts))}.json", msgspec.json.format(msgspec.json.encode(content))
        )


def check_jaxarc(points: Sequence[Point]) -> None:
    """Raise UserError for points that a file as JaxARC wrote it can't tell apart: it has one for each number."""
    keys = [(point.name, point.environment, point.num_envs) for point in points]
    if len(set(keys)) < len(keys):
        raise UserError(
            "--jaxarc-json: such a file has one speed for each number of environments; measure one kind of actions, "
            "outcomes, devices, chunk, block and generator at a time."
        )


def _jax_version(found: Sequence[Measured]) -> str | None:
    """The JAX that stepped the environments; where that was Python, the one that is installed; None of several."""
    versions = {one.facts["jax"] for one in found if "jax" in one.facts}
    if not versions:
        version: str | None = provenance.collect()["packages"].get("jax")
        return version
    return versions.pop() if len(versions) == 1 else None


def _second(workload: ThroughputWorkload) -> str:
    """DATE_TIME, as JaxARC wrote it."""
    return "_".join(workload.stamp.split("_")[:2])


def _as_jaxarc(
    workload: ThroughputWorkload, found: Sequence[Measured], point: Point, host: Mapping[str, Any]
) -> dict[str, Any]:
    single = next((one for one in found if one.point.num_envs == 1), None)
    return {
        "timestamp": _second(workload),
        "description": workload.description,
        "tag": workload.tag,
        "system_info": {
            "os": host["os"],
            "architecture": host["architecture"],
            "python_version": system.python_version(),
            "jax_version": _jax_version(found),
            "devices": sorted({one.facts["device"] for one in found if "device" in one.facts}),
            "hardware": {"cpu": host["cpu"], "num_cores": host["num_cores"], "memory_bytes": host["memory_bytes"]},
        },
        "config_summary": {
            **msgspec.to_builtins(workload.settings),
            "library": point.library,
            "environment": point.environment,
        },
        "single_environment": {
            "steps_per_second": single.steps_per_second,
            "avg_reset_time": single.seconds.get("reset"),
        }
        if single is not None
        else None,
        "batch_scaling": {
            str(one.point.num_envs): {"steps_per_second": one.steps_per_second, "batch_size": one.point.num_envs}
            for one in found
            if one.point.num_envs > 1
        },
    }
