"""Myriad's benchmark tables: throughput, memory, and the comparison with Gymnax and Gymnasium."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlgauge.core.case import fingerprint
from rlgauge.core.reading import Reading, Total
from rlgauge.core.run import Status
from rlgauge.importers.findings import Found
from rlgauge.importers.quantities import number, present, told, units
from rlgauge.importers.tree import Folder

SYSTEM = "imported-myriad"

TITLES = ("scan_chunk_size", "throughput_steps_per_s")
"""One of them is beside `num_envs` in every table of Myriad's."""
_MIB = 1024.0 * 1024.0
_SETTINGS = ("device", "scan_chunk_size", "num_steps", "steps_per_env")
_UNITS = {"seconds": "s", "compile_seconds": "s", "estimated_state_bytes": "B"}


def is_table(header: Sequence[str]) -> bool:
    """Whether these are the columns of a table of Myriad's."""
    return "num_envs" in header and bool(set(TITLES) & set(header))


def read(folder: Folder, rows: Sequence[Mapping[str, str]]) -> list[Found]:
    """A reading a row."""
    return [
        Found(reading, (SYSTEM, index, hash(tuple(row.items()))))
        for index, (row, reading) in enumerate((row, _reading(row, folder.path)) for row in rows)
    ]


def _reading(row: Mapping[str, str], source: str) -> Reading:
    measured = present(_totals(row))
    has_failed = not measured or row.get("success") == "False"
    named = row.get("env_name") or "comparison"
    return Reading(
        algorithm=row.get("library") or "myriad",
        task=f"{named}-{row['num_envs']}envs",
        status=Status.FAILED if has_failed else Status.COMPLETED,
        totals={} if has_failed else measured,
        units={} if has_failed else {**units(measured), **{n: _UNITS[n] for n in measured if n in _UNITS}},
        kind=SYSTEM,
        settings=fingerprint({key: row.get(key, "") for key in _SETTINGS}),
        labels={"num_envs": row["num_envs"], **{key: row[key] for key in _SETTINGS if row.get(key)}},
        source=source,
        reason=(row.get("error") or "the table holds no number for it") if has_failed else None,
    )


def _totals(row: Mapping[str, str]) -> dict[str, Total | None]:
    cells = {name: number(text) for name, text in row.items()}
    speed = cells.get("total_throughput_steps_per_s", cells.get("throughput_steps_per_s"))
    seconds = cells.get("time_mean_s", cells.get("runtime_mean_s"))
    state = cells.get("pytree_total_mb", cells.get("total_memory_mb"))  # a sum over arrays, nothing that was measured
    return {
        "steps_per_second": told(speed),
        "seconds": told(seconds),
        "compile_seconds": told(cells.get("compile_time_s") or None),
        "estimated_state_bytes": None if state is None else told(state * _MIB),
    }
