"""The store: a folder of runs, which is the truth. See docs/store.md for its layout."""

from __future__ import annotations

import mmap
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core import platform
from rlgauge.core.case import Case
from rlgauge.core.files import StoreError, create_exclusively, plain_errors, write_all, write_atomic
from rlgauge.core.run import (
    FORMAT,
    ConfigFile,
    ReadRecords,
    Record,
    Run,
    RunFile,
    Start,
    Status,
    encode_record,
    read_records,
)

STALE_SECONDS = 60.0
"""A run on another machine whose heartbeat is older than this has died."""
BEAT_SECONDS = 10.0
"""How often a supervisor touches the heartbeat of the run that it watches."""

_PROGRESS_BYTES = 16
_FINAL = {Status.COMPLETED, Status.FAILED, Status.TIMEOUT}


class Claim(msgspec.Struct, frozen=True):
    """Who runs an attempt: `claim-<number>` beside it, created exclusively."""

    attempt: str
    host: str
    pid: int
    process_start: float | None
    time: str


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants of a case: so many records, and what failed before a time (as `now()` says it) tried again."""

    num_wanted: int | None = None
    rerun_failed_before: str | None = None

    def reruns(self, run: Run) -> bool:
        """Whether what failed in this run is to be measured again."""
        return self.rerun_failed_before is not None and run.file.start_time < self.rerun_failed_before


class Store:
    """The folder `root`. Several processes and machines may share it; claims keep them apart."""

    def __init__(self, root: str | Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self.root = Path(root)

    def make(self) -> None:
        """Make the folder. Raises StoreError where that can't be."""
        with plain_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".writable.{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()

    def find(self, case: Case) -> Run | None:
        """The run that speaks for the case: the completed attempt with most records, else the latest attempt."""
        return _best(self.attempts(self.root / case.folder))

    def needs(self, case: Case, need: Need) -> bool:
        """Whether the case still has to be run, whoever may be running it now."""
        return _is_missing(self.find(case), need)

    def runs(self) -> Iterator[Run]:
        """One run per case, the one that speaks for it, in the order of folder names."""
        for folder in self._case_folders():
            if (run := _best(self.attempts(folder))) is not None:
                yield run

    def attempts(self, case_folder: Path) -> list[Run]:
        """All attempts at a case, the oldest first."""
        names = sorted((name for name in _listed(case_folder) if _number(name) > 0), key=lambda name: (_number(name), name))
        return [run for name in names if (run := _read_run(case_folder, name)) is not None]

    def claim(self, case: Case, need: Need, config: ConfigFile, start: Start) -> Attempt | None:
        """A new attempt that is this process's alone; None where there is nothing to do or somebody else is at it.

        The attempt begins with the valid records of the one before it (without its errors, where the failed are to be
        tried again). Raises StoreError where the folder can't be written.
        """
        folder = self.root / case.folder
        with plain_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        number = _last_number(folder)
        attempts = self.attempts(folder)
        if _last_claim_lives(folder, number) or not _is_missing(_best(attempts), need):
            return None
        name = f"{number + 1}-{uuid.uuid4().hex[:6]}"
        claim = Claim(name, platform.machine_id(), os.getpid(), platform.process_start(os.getpid()), now())
        if not create_exclusively(folder / f"claim-{number + 1}", msgspec.json.encode(claim)):
            return None
        kept, note = _inherited(attempts, need)
        return Attempt.create(folder / name, config, start, kept=kept, note=note)

    def _case_folders(self) -> Iterator[Path]:
        for workload in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            if workload.is_dir() and not workload.name.startswith("."):
                yield from (path for path in sorted(workload.iterdir()) if path.is_dir())


class Attempt:
    """The writing side of one attempt: records are appended, the end is committed once."""

    def __init__(self, folder: Path, *, num_wanted: int | None = None) -> None:
        """Open an attempt that was created; its records so far are in `kept`."""
        self.folder = folder
        self.artifacts: Path | None = folder / "artifacts"
        self.num_wanted = num_wanted
        self.result: dict[str, Any] = {}
        read = read_records(folder / "records.jsonl")
        self.kept: tuple[Record, ...] = tuple(read.records)
        self.num_records = len(self.kept)
        self._records = folder / "records.jsonl"
        self._descriptor: int | None = None
        self._progress: memoryview | None = None

    @classmethod
    def create(cls, folder: Path, config: ConfigFile, start: Start, *, kept: Iterable[Record], note: str | None) -> Attempt:
        """Make the folder with all that is known at the start; it appears whole. Raises StoreError."""
        part = folder.with_name(f".{folder.name}.part")
        with plain_errors(folder):
            part.mkdir()
            (part / "artifacts").mkdir()
            (part / "heartbeat").touch()
            (part / "records.jsonl").write_bytes(b"".join(map(encode_record, kept)))
            (part / "cout.txt").write_text(f"{note}\n" if note else "")
            (part / "config.json").write_bytes(msgspec.json.format(msgspec.json.encode(config)))
            (part / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(start)))
            part.rename(folder)
        return cls(folder)

    def at(self, index: int) -> None:
        """Say that something is being done at an index, in a file that the supervisor sees even if this hangs."""
        if self._progress is None:
            self._progress = _map_progress(self.folder / "progress")
        self._progress[0] = index
        self._progress[1] += 1

    def progress(self) -> tuple[int, int] | None:
        """The index last given to `at`, and how often it was called, in whatever process; None before the first."""
        if self._progress is None and (self.folder / "progress").exists():
            self._progress = _map_progress(self.folder / "progress")
        return None if self._progress is None else (self._progress[0], self._progress[1])

    def append(self, record: Record) -> None:
        """Add a record to the file at once. Raises StoreError where it can't be written."""
        with plain_errors(self._records):
            if self._descriptor is None:
                self._descriptor = os.open(self._records, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            write_all(self._descriptor, encode_record(record))
        self.num_records += 1

    def close(self) -> None:
        """Sync and close the records."""
        if self._descriptor is not None:
            with plain_errors(self._records):
                os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def beat(self) -> None:
        """Touch the heartbeat: whoever looks from another machine sees that the run lives."""
        with plain_errors(self.folder / "heartbeat"):
            os.utime(self.folder / "heartbeat")

    def commit(
        self,
        status: Status,
        *,
        result: dict[str, Any] | None = None,
        fail_kind: str | None = None,
        fail_trace: str | None = None,
    ) -> RunFile:
        """Write run.json for the end: from here on readers trust the run. Raises StoreError."""
        start = msgspec.json.decode((self.folder / "run.json").read_bytes(), type=Start)
        read = read_records(self.folder / "records.jsonl")
        end = RunFile(
            **{**msgspec.structs.asdict(start), "status": status},
            stop_time=now(),
            num_records=len(read.records),
            num_errors=sum(record.error is not None for record in read.records),
            result=result,
            fail_kind=fail_kind,
            fail_trace=fail_trace,
            load_average_end=platform.load_average(),
        )
        write_atomic(self.folder / "run.json", msgspec.json.format(msgspec.json.encode(end)))
        return end


def _map_progress(path: Path) -> memoryview:
    """Two shared 64-bit integers: an index and a counter."""
    with plain_errors(path), path.open("a+b") as file:
        if file.seek(0, os.SEEK_END) < _PROGRESS_BYTES:
            file.truncate(_PROGRESS_BYTES)
        return memoryview(mmap.mmap(file.fileno(), _PROGRESS_BYTES)).cast("q")


def now() -> str:
    """The present time, UTC, ISO 8601 with microseconds, as Sacred writes it."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


def _is_missing(run: Run | None, need: Need) -> bool:
    if run is None or run.status not in _FINAL:
        return True
    if run.status is not Status.COMPLETED:
        return need.reruns(run) or run.file.fail_kind == "usage"
    short = need.num_wanted is not None and run.num_records < need.num_wanted
    return short or (bool(run.file.num_errors) and need.reruns(run))


def _best(attempts: list[Run]) -> Run | None:
    if not attempts:
        return None
    completed = [run for run in attempts if run.status is Status.COMPLETED]
    if completed:
        return max(completed, key=lambda run: (run.num_records - (run.file.num_errors or 0), run.file.start_time, run.attempt))
    return attempts[-1]


def _inherited(attempts: list[Run], need: Need) -> tuple[list[Record], str | None]:
    """The records that a new attempt starts with, and what was dropped, in a sentence."""
    reads: list[tuple[Run, ReadRecords]] = [(run, read_records(run.folder / "records.jsonl")) for run in attempts]
    reads = [(run, read) for run, read in reads if read.records or read.num_dropped]
    if not reads:
        return [], None
    run, read = max(reads, key=lambda pair: (sum(record.error is None for record in pair[1].records), pair[0].attempt))
    records = [record for record in read.records if record.error is None or not need.reruns(run)]
    note = f"Continues attempt {run.attempt} with {len(records)} of its records."
    if read.num_dropped:
        note += f" {read.num_dropped} torn or damaged lines of its records.jsonl were dropped."
    return records, note


def _read_run(case_folder: Path, name: str) -> Run | None:
    folder = case_folder / name
    try:
        config = msgspec.json.decode((folder / "config.json").read_bytes(), type=ConfigFile)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise StoreError(f"{folder / 'config.json'} is damaged ({error}). Delete the folder {folder} to measure again.") from error
    try:
        file = msgspec.json.decode((folder / "run.json").read_bytes(), type=RunFile)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        file = RunFile(status=Status.DIED, start_time="", host={})
        note = f"its run.json is damaged ({error}); it counts as died, its records are kept"
        return Run(case=config.case, attempt=name, status=Status.DIED, folder=folder, file=file, units=config.units, note=note)
    if max(file.format, config.format) > FORMAT:
        raise StoreError(f"{folder} was written by a newer RLGauge (format {file.format}); this one reads up to {FORMAT}.")
    status = file.status
    if status is Status.RUNNING and not _lives(case_folder, _number(name), name):
        status = Status.DIED
    return Run(case=config.case, attempt=name, status=status, folder=folder, file=file, units=config.units)


def _last_claim_lives(folder: Path, number: int) -> bool:
    """Whether the attempt of the last claim is still being made."""
    if number == 0 or not _lives(folder, number):
        return False
    for name in _listed(folder):
        if _number(name) == number:
            run = _read_run(folder, name)
            return run is None or run.status is Status.RUNNING
    return True


def _lives(case_folder: Path, number: int, attempt: str | None = None) -> bool:
    """Whether the process that claimed attempt `number` runs: asked of this machine, else judged by the heartbeat."""
    path = case_folder / f"claim-{number}"
    try:
        claim = msgspec.json.decode(path.read_bytes(), type=Claim)
    except (FileNotFoundError, msgspec.DecodeError):
        return _is_fresh(path)
    if attempt not in {None, claim.attempt}:  # a folder merged from elsewhere, whose claim this is not
        return _is_fresh(case_folder / str(attempt) / "heartbeat")
    if claim.host == platform.machine_id():
        started = platform.process_start(claim.pid)
        return started is not None and started == claim.process_start
    heartbeat = case_folder / claim.attempt / "heartbeat"
    return _is_fresh(heartbeat if heartbeat.exists() else path)


def _is_fresh(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    except FileNotFoundError:
        return False


def _last_number(folder: Path) -> int:
    return max((_number(name.removeprefix("claim-")) for name in _listed(folder)), default=0)


def _number(name: str) -> int:
    """The number of the attempt `3-a1b2c3` (or `3`); 0 for any other name."""
    head = name.partition("-")[0]
    return int(head) if head.isdecimal() else 0


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


