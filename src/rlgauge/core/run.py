"""Runs and records: one attempt at a case, and the numbers it measured."""

from __future__ import annotations

import contextlib
import enum
import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.files import read_if_there

FORMAT = 1
"""Version of run.json, config.json, records.jsonl and plans; raised when a reader of the old one would misread."""

USAGE = "usage"
"""The `fail_kind` of a run that ended by a mistake in the command, such as an unknown policy: it is no data."""

MEMORY, KILLED = "memory", "killed"
"""The `fail_kind` of a run that needed more memory than there was, and of one whose process was killed, by hand or by a
system that ran out of it."""

Value = bool | int | float | str | None


class Status(enum.StrEnum):
    """Where a run stands. DIED is derived by readers, never written."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"
    TIMEOUT = "TIMEOUT"
    DIED = "DIED"


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was measured at one index (episode, repetition or environment step).

    Numbers are finite; None is what was not measured. An `error` says why the index has no valid measurement; it is
    kept and counted all the same.
    """

    index: int = msgspec.field(name="i")
    values: dict[str, Value] = msgspec.field(name="v")
    error: str | None = msgspec.field(name="e", default=None)

    def __post_init__(self) -> None:
        """Refuse a number that is not finite."""
        for name, value in self.values.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value} at index {self.index}; a record holds finite numbers or None")


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity over the records of a run: how many gave a value, their mean, their squared deviations from it.

    `median` is None where the values were never seen together.
    """

    n: int
    mean: float
    squares: float = 0.0
    median: float | None = None


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """run.json as it is written at the start; field names follow Sacred's where they mean the same."""

    format: int = FORMAT
    status: Status = Status.RUNNING
    command: str = ""
    start_time: str
    host: dict[str, Any]
    provenance: dict[str, Any] = {}


class RunFile(Start, frozen=True, kw_only=True):
    """run.json as it is written at the end: the commit mark."""

    stop_time: str | None = None
    num_records: int | None = None
    num_errors: int | None = None
    totals: dict[str, Total] | None = None
    result: dict[str, Any] | None = None
    fail_kind: str | None = None
    fail_trace: str | None = None
    load_average_end: tuple[float, float, float] | None = None


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """config.json: the case, what can measure it, and the units of its records."""

    format: int = FORMAT
    seed: int
    case: Case
    workload: dict[str, Any] | None = None
    units: dict[str, str] = {}
    environment: dict[str, Any] | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a case as a reader sees it."""

    case: Case
    attempt: str
    status: Status
    folder: Path
    file: RunFile
    units: dict[str, str] = {}
    note: str | None = None

    @property
    def num_records(self) -> int:
        """Records that its commit mark vouches for; 0 before the end."""
        return self.file.num_records or 0

    @property
    def records(self) -> list[Record]:
        """Its valid records in index order."""
        return read_records(self.folder / "records.jsonl").records


class ReadRecords(msgspec.Struct, frozen=True):
    """The valid records of a file, and how many lines were dropped because they were torn or damaged."""

    records: list[Record]
    num_dropped: int

    @property
    def num_valid(self) -> int:
        """Records that are no errors."""
        return sum(record.error is None for record in self.records)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


def encode_record(record: Record) -> bytes:
    """One line of records.jsonl: the record with a checksum of itself as its last field."""
    body = _encode(record)
    return b'%s,"c":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def decode_record(line: bytes) -> Record | None:
    """The record of a line without its newline; None where the line is torn or damaged."""
    body, mark, check = line.rpartition(b',"c":"')
    body += b"}"
    if not mark or check != b'%08x"}' % zlib.crc32(body):
        return None
    try:
        return _decode(body)
    except (msgspec.DecodeError, ValueError):
        return None


def read_records(path: Path) -> ReadRecords:
    """The valid records, the last of each index, in index order; a missing file has none. Raises StoreError."""
    lines = (read_if_there(path) or b"").split(b"\n")
    decoded = [decode_record(line) for line in lines if line]
    by_index = {record.index: record for record in decoded if record is not None}
    return ReadRecords([by_index[index] for index in sorted(by_index)], decoded.count(None))


def totals_of(records: Iterable[Record], config: ConfigFile) -> dict[str, Total]:
    """Every quantity with a unit over the records without an error; none of values too large to be summed."""
    values: dict[str, list[float]] = {name: [] for name in config.units}
    for record in records:
        if record.error is None:
            for name, own in values.items():
                value = record.values.get(name)
                if value is not None and not isinstance(value, str):
                    own.append(float(value))
    totals = {}
    for name, found in values.items():
        if found:
            with contextlib.suppress(OverflowError):
                totals[name] = total_of(found)
    return totals


def total_of(values: Sequence[float]) -> Total:
    """The total of some values, of which there must be one. Raises OverflowError."""
    import statistics  # it brings random and fractions, and whoever measures sums nothing

    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Total(n=len(values), mean=mean, squares=squares, median=statistics.median(values))


def merged(totals: Sequence[Total]) -> Total:
    """The total over the records of several runs, from theirs alone (Chan, Golub and LeVeque 1979)."""
    if len(totals) == 1:
        return totals[0]
    n = sum(total.n for total in totals)
    mean = math.fsum(total.n * total.mean for total in totals) / n
    squares = math.fsum(total.squares + total.n * (total.mean - mean) ** 2 for total in totals)
    return Total(n=n, mean=mean, squares=squares)
