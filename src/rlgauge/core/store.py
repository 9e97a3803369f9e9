"""The store: a folder of runs, which is the truth. See docs/store.md for its layout."""

from __future__ import annotations

import contextlib
import mmap
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core import platform
from rlgauge.core.case import Case
from rlgauge.core.claim import Claim, claim_path, lives, number_of, read_claim
from rlgauge.core.files import (
    DamagedError,
    StoreError,
    create_exclusively,
    plain_errors,
    write_all,
    write_atomic,
)
from rlgauge.core.links import BY_ALGORITHM
from rlgauge.core.run import (
    USAGE,
    ConfigFile,
    ReadRecords,
    Record,
    Run,
    RunFile,
    Start,
    Status,
    Total,
    encode_record,
    read_records,
    totals_of,
)
from rlgauge.core.run_files import decode_file, has_ended, read_run

BEAT_SECONDS = 10.0
"""How often a supervisor touches the heartbeat of the run that it watches."""
SHORT = "short"
"""The `fail_kind` of a run whose measurement ended with fewer records than wanted."""

_PROGRESS_BYTES = 16
_FINAL = {Status.COMPLETED, Status.FAILED, Status.TIMEOUT}

Tell = Callable[[str], None]
"""Is told of something in a sentence."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants of a case: so many records, and what failed in attempts up to a number tried again."""

    num_wanted: int | None = None
    rerun_up_to: int | None = None

    def reruns(self, run: Run) -> bool:
        """Whether what failed in this run is to be measured again."""
        return self.rerun_up_to is not None and number_of(run.attempt) <= self.rerun_up_to


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a case is: `records` need not be measured again; it is given up where it failed and is not tried again.

    `since` is when the first attempt with records began, `labels` are those of the run that speaks for the case.
    """

    records: list[Record] = []
    is_given_up: bool = False
    since: str | None = None
    labels: dict[str, str] = {}


class Store:
    """The folder `root`. Several processes and machines may share it; claims keep them apart."""

    def __init__(self, root: str | Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self.root = Path(root)

    def make(self) -> None:
        """Make the folder. Raises StoreError where that can't be."""
        _check_name(self.root)
        with plain_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".writable.{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()

    def find(self, case: Case) -> Run | None:
        """The run that speaks for the case: the completed attempt with most records, else the latest attempt.

        One that ended by a mistake in the command speaks only where there is no other, a damaged one never.
        """
        return _best(self.attempts(self.root / case.folder))

    def needs(self, case: Case, need: Need) -> bool:
        """Whether the case still has to be run, whoever may be running it now."""
        return _is_missing(self.find(case), need)

    def standing(self, case: Case, need: Need) -> Standing:
        """What is there of the case, and what of it whoever claims it now would keep."""
        attempts = self.attempts(self.root / case.folder)
        best = _best(attempts)
        if best is None:
            return Standing()
        is_missing = _is_missing(best, need)
        if not is_missing and best.status is not Status.COMPLETED:
            return Standing(is_given_up=True, labels=best.case.labels)
        records = _inherited(attempts, need)[0] if is_missing else best.records
        starts = [run.file.start_time for run in attempts if run.file.start_time and run.records]
        return Standing(records=records, since=min(starts, default=None), labels=best.case.labels)

    def is_busy(self, case: Case) -> bool:
        """Whether somebody is running the case now."""
        folder = self.root / case.folder
        number = _last_number(folder)
        return _is_busy(folder, self.attempts(folder), number=number)

    def num_attempts(self, case: Case) -> int:
        """The number of the last attempt that was begun."""
        return _last_number(self.root / case.folder)

    def runs(self, tell: Tell = lambda _text: None) -> Iterator[Run]:
        """One run per case, the one that speaks for it, in the order of folder names.

        `tell` is told of damaged attempts in whose place no other has completed.
        """
        for folder in self.case_folders():
            damage: list[str] = []
            run = _best(self.attempts(folder, damage.append))
            if run is not None:
                yield run
            if run is None or run.status is not Status.COMPLETED:
                for text in damage:
                    tell(text)

    def attempts(self, case_folder: Path, tell: Tell = lambda _text: None) -> list[Run]:
        """All attempts at a case, the oldest first, but for damaged ones, of which `tell` is told."""
        names = sorted((name for name in _listed(case_folder) if number_of(name) > 0), key=_order)
        found = []
        for name in names:
            try:
                run = read_run(case_folder, name)
            except DamagedError as error:
                tell(str(error))
            else:
                found += [] if run is None else [run]
        return found

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
        if _is_busy(folder, attempts, number=number):
            return None
        if number and number not in {number_of(run.attempt) for run in attempts}:
            attempts = self.attempts(folder)  # it may have begun and ended since
        if not _is_missing(_best(attempts), need):
            return None
        name = f"{number + 1}-{uuid.uuid4().hex[:6]}"
        claim = Claim(name, platform.machine_id(), os.getpid(), platform.process_start(os.getpid()), now())
        if not create_exclusively(folder / f"claim-{number + 1}", msgspec.json.encode(claim)):
            return None
        try:
            kept, note = _inherited(attempts, need)
            attempt = Attempt.create(folder / name, config, start, kept=kept, note=note)
        except BaseException:
            Attempt.release(folder / name)
            raise
        attempt.num_wanted = need.num_wanted
        return attempt

    def case_folders(self) -> Iterator[Path]:
        """Every folder that may hold the attempts at a case, in the order of their names."""
        for workload in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            if workload.is_dir() and not workload.name.startswith(".") and workload.name != BY_ALGORITHM:
                yield from (path for path in sorted(workload.iterdir()) if path.is_dir())


class Attempt:
    """The writing side of one attempt: records are appended, the end is committed once."""

    def __init__(self, folder: Path, *, num_wanted: int | None = None) -> None:
        """Open an attempt that was created; its records so far are in `kept`."""
        self.folder = folder
        self.artifacts: Path | None = folder / "artifacts"
        self.num_wanted = num_wanted
        self.is_synced = True
        """Whether each file is on the disk before going on; else whoever writes many short runs syncs them at once."""
        self.result: dict[str, Any] = {}
        read = read_records(folder / "records.jsonl")
        self.kept: Sequence[Record] = tuple(read.records)
        self.num_records = len(self.kept)
        self._records = folder / "records.jsonl"
        self._descriptor: int | None = None
        self._progress: memoryview | None = None

    @classmethod
    def create(
        cls, folder: Path, config: ConfigFile, start: Start, *, kept: Iterable[Record], note: str | None
    ) -> Attempt:
        """Make the folder with all that is known at the start; it appears whole. Raises StoreError."""
        part = folder.with_name(f".{folder.name}.part")
        try:
            with plain_errors(folder):
                part.mkdir()
                (part / "artifacts").mkdir()
                (part / "heartbeat").touch()
                (part / "records.jsonl").write_bytes(b"".join(map(encode_record, kept)))
                (part / "cout.txt").write_text(f"{note}\n" if note else "")
                (part / "config.json").write_bytes(msgspec.json.format(msgspec.json.encode(config)))
                (part / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(start)))
                part.rename(folder)
        except BaseException:
            import shutil

            shutil.rmtree(part, ignore_errors=True)
            raise
        return cls(folder)

    @staticmethod
    def release(folder: Path) -> None:
        """Give up the claim of an attempt that can't be ended: it reads DIED at once, and its case is free again."""
        with contextlib.suppress(OSError):
            claim_path(folder.parent, number_of(folder.name)).unlink(missing_ok=True)

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
                self._descriptor = _open_records(self._records)
            write_all(self._descriptor, encode_record(record))
        self.num_records += 1

    def close(self) -> None:
        """Close the records, synced."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with plain_errors(self._records):
                try:
                    if self.is_synced:
                        os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def beat(self) -> None:
        """Touch the heartbeat: whoever looks from another machine sees that the run lives."""
        with plain_errors(self.folder / "heartbeat"):
            os.utime(self.folder / "heartbeat")

    def commit(
        self,
        status: Status,
        *,
        result: dict[str, Any] | None = None,
        totals: dict[str, Total] | None = None,
        fail_kind: str | None = None,
        fail_trace: str | None = None,
    ) -> RunFile:
        """Write run.json for the end: from here on readers trust the run. Raises StoreError.

        The totals follow from the records, unless they are given because the records are not known. A completed run
        with fewer records than wanted is written as failed: it would be run again for ever.
        """
        start = decode_file(self.folder / "run.json", Start)
        if start is None:
            raise StoreError(f"{self.folder} is gone; somebody deleted it while it was being measured.")
        read = read_records(self._records)
        wanted = self.num_wanted
        if status is Status.COMPLETED and wanted is not None and len(read.records) < wanted:
            status, fail_kind = Status.FAILED, SHORT
            fail_trace = f"The measurement ended with {len(read.records)} of the {wanted} records that were wanted."
        end = RunFile(
            **{**msgspec.structs.asdict(start), "status": status},
            stop_time=now(),
            num_records=len(read.records),
            num_errors=sum(record.error is not None for record in read.records),
            totals=self._totals(read.records) if totals is None else totals,
            result=result,
            fail_kind=fail_kind,
            fail_trace=fail_trace,
            load_average_end=platform.load_average(),
        )
        write_atomic(self.folder / "run.json", msgspec.json.format(msgspec.json.encode(end)), is_synced=self.is_synced)
        return end

    def _totals(self, records: Iterable[Record]) -> dict[str, Total]:
        config = decode_file(self.folder / "config.json", ConfigFile)
        return {} if config is None else totals_of(records, config)


def _map_progress(path: Path) -> memoryview:
    """Two shared 64-bit integers: an index and a counter."""
    with plain_errors(path), path.open("a+b") as file:
        if file.seek(0, os.SEEK_END) < _PROGRESS_BYTES:
            file.write(bytes(_PROGRESS_BYTES))  # a hole would be filled at the first store, by SIGBUS on a full disk
            file.flush()
        return memoryview(mmap.mmap(file.fileno(), _PROGRESS_BYTES)).cast("q")


def _open_records(path: Path) -> int:
    """A descriptor that appends to the records; a line that was torn before is ended."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        write_all(descriptor, b"\n")
    return descriptor


def now() -> str:
    """The present time, UTC, ISO 8601 with microseconds, as Sacred writes it."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _is_missing(run: Run | None, need: Need) -> bool:
    if run is None or run.status not in _FINAL:
        return True
    if run.status is not Status.COMPLETED:
        return need.reruns(run) or run.file.fail_kind == USAGE
    short = need.num_wanted is not None and run.num_records < need.num_wanted
    return short or (bool(run.file.num_errors) and need.reruns(run))


def _best(attempts: list[Run]) -> Run | None:
    if not attempts:
        return None
    completed = [run for run in attempts if run.status is Status.COMPLETED]
    if completed:
        return max(completed, key=lambda run: (run.num_records - (run.file.num_errors or 0), _order(run.attempt)))
    return next((run for run in reversed(attempts) if run.file.fail_kind != USAGE), attempts[-1])


def _inherited(attempts: list[Run], need: Need) -> tuple[list[Record], str | None]:
    """The records that a new attempt starts with, and what was dropped, in a sentence."""
    reads: list[tuple[Run, ReadRecords]] = [(run, read_records(run.folder / "records.jsonl")) for run in attempts]
    reads = [(run, read) for run, read in reads if read.records or read.num_dropped]
    if not reads:
        return [], None
    run, read = max(reads, key=lambda pair: (pair[1].num_valid, _order(pair[0].attempt)))
    records = [record for record in read.records if record.error is None or not need.reruns(run)]
    note = f"Continues attempt {run.attempt} with {len(records)} of its records."
    if read.num_dropped:
        note += f" {read.num_dropped} torn or damaged lines of its records.jsonl were dropped."
    return records, note


def _is_busy(folder: Path, attempts: list[Run], *, number: int) -> bool:
    """Whether an attempt runs, or the last claim, `number`, lives and its attempt's folder is not there yet."""
    if any(run.status is Status.RUNNING for run in attempts):
        return True
    claim = read_claim(folder, number)
    if claim is None:
        is_made = number in {number_of(run.attempt) for run in attempts}
    else:
        is_made = claim.attempt in {run.attempt for run in attempts} or has_ended(folder / claim.attempt)
    return not is_made and lives(folder, number)


def _last_number(folder: Path) -> int:
    return max((number_of(name.removeprefix("claim-")) for name in _listed(folder)), default=0)


def _order(attempt: str) -> tuple[int, str]:
    """Sorts attempts by their number, and those that were merged from elsewhere by their names."""
    return number_of(attempt), attempt


def _listed(folder: Path) -> list[str]:
    with plain_errors(folder, "read"):
        try:
            return os.listdir(folder)  # noqa: PTH208  # names, and often
        except FileNotFoundError:
            return []


def _check_name(root: Path) -> None:
    try:
        str(root).encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            f"The folder's name {str(root)!r} is not valid UTF-8; choose another output folder."
        ) from error
