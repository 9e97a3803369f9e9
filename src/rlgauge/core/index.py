"""The readings of a store: one a training seed of an algorithm on a task, put together from its runs.

What a run says of itself for statistics stands in the labels of its case: `algorithm` (or `policy`), `task`,
`train_seed`, `checkpoint` (a hash of the trained policy), `settings` (a hash of what else defines the measurement) and
`unit` (a hash of what its case is a part of: blocks of episodes of one policy are one reading). index.sqlite in the
store keeps what was read, as a cache.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core import cache
from rlgauge.core.cache import Part
from rlgauge.core.case import fingerprint
from rlgauge.core.claim import lives, number_of
from rlgauge.core.files import StoreError, plain_errors
from rlgauge.core.reading import Reading
from rlgauge.core.run import FORMAT, ConfigFile, Status, Total, merged, read_records, totals_of

_OWN_LABELS = {"algorithm", "policy", "task", "train_seed", "settings", "unit", "checkpoint", "films"}
_PART_OF_UNIT = {"first", "last"}
"""Parameters that tell the parts of one unit apart, in stores whose cases do not name their unit."""
_UNENDED = {Status.RUNNING, Status.QUEUED}


def readings(root: str | Path, *, scan: bool = True) -> list[Reading]:
    """One reading a training seed of an algorithm on a task, in the order of the folders' names. Raises StoreError.

    `scan=False` takes the index as it is and does not look at the folders: what happened since it was written is not
    seen. Without an index the folders are read all the same.
    """
    root = str(root)
    with _without_garbage_collection():
        parts = cache.load(root) if not scan else None
        return _merged(root, _scanned(root) if parts is None else parts)


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """What is made here is kept; looking for garbage among it would take most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _scanned(root: str) -> list[Part]:
    """The parts of all cases: of those that have not changed since, as the index has them."""
    known = cache.entries(root)
    found: dict[str, cache.Entry] = {}
    for path in _case_folders(root):
        entry = known.get(path)
        if entry is None or not cache.is_fresh(root, entry):
            entry = _read_case(root, path)
        if entry is not None:
            found[path] = entry
    if found != known:
        cache.store(root, found)
    return [entry.part for entry in found.values()]


def _case_folders(root: str) -> Iterator[str]:
    """The folders of all cases, relative to the store."""
    with plain_errors(Path(root), "read"):
        workloads = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and entry.name[0] != ".")
        for workload in workloads:
            names = sorted(os.listdir(f"{root}/{workload}"))  # noqa: PTH208  # names, and many
            yield from (f"{workload}/{name}" for name in names if name[-13:-12] == "-")


def _read_case(root: str, path: str) -> cache.Entry | None:
    """What the run that speaks for the case says; None for a folder without attempts."""
    folder = f"{root}/{path}"
    try:
        changed = os.stat(folder).st_ctime_ns  # noqa: PTH116  # often
        names = sorted((name for name in os.listdir(folder) if number_of(name) > 0), key=_order)  # noqa: PTH208
    except NotADirectoryError:
        return None
    attempts = [attempt for name in names if (attempt := _Attempt.read(folder, name)) is not None]
    if not attempts:
        return None
    completed = [attempt for attempt in attempts if attempt.status is Status.COMPLETED]
    best = max(completed, key=lambda one: (one.num_valid, _order(one.name))) if completed else attempts[-1]
    signature = None if any(one.status in _UNENDED for one in attempts) else best.signature
    return cache.Entry(path, changed, best.name, signature, best.part(f"{path}/{best.name}"))


class _Case(msgspec.Struct):
    workload: str
    name: str
    params: msgspec.Raw
    seed: int = 0
    labels: dict[str, str] = {}


class _Config(msgspec.Struct):
    """What is needed of config.json."""

    case: _Case
    units: dict[str, str] = {}
    format: int = FORMAT


class _Params(msgspec.Struct):
    """What may be needed of a case's parameters."""

    settings: str | None = None
    policy: str | None = None
    references: dict[str, float] = {}
    first: int | None = None


class _End(msgspec.Struct):
    """What is needed of run.json."""

    status: Status
    start_time: str = ""
    totals: dict[str, Total] | None = None
    num_records: int | None = None
    num_errors: int | None = None
    fail_trace: str | None = None
    format: int = FORMAT


_decode_config = msgspec.json.Decoder(_Config).decode
_decode_params = msgspec.json.Decoder(_Params).decode
_decode_end = msgspec.json.Decoder(_End).decode


class _Attempt(msgspec.Struct):
    """One attempt at a case, as its two files tell."""

    folder: str
    name: str
    status: Status
    config: _Config
    end: _End | None
    signature: tuple[int, int, int] | None

    @classmethod
    def read(cls, case_folder: str, name: str) -> _Attempt | None:
        """The attempt; None where it never began. Raises StoreError for a damaged or newer config.json."""
        folder = f"{case_folder}/{name}"
        content = _content(f"{folder}/config.json")
        told = _content(f"{folder}/run.json")
        if content is None or not (content.strip(b"\0") or (told or b"").strip(b"\0")):
            return None
        try:
            config = _decode_config(content)
        except msgspec.DecodeError as error:
            advice = f"Delete the folder {folder} to measure again."
            raise StoreError(f"{folder}/config.json is damaged ({error}). {advice}") from error
        end = _end_of(told)
        for file, version in (("config.json", config.format), ("run.json", end.format if end else FORMAT)):
            if version > FORMAT:
                raise StoreError(
                    f"{folder}/{file} was written by a newer RLGauge (format {version}); this one reads up to {FORMAT}."
                )
        status = Status.DIED if end is None else end.status
        if status is Status.RUNNING and not lives(Path(case_folder), number_of(name), name):
            status = Status.DIED
        return cls(folder, name, status, config, end, cache.signature(f"{folder}/run.json"))

    @property
    def num_valid(self) -> int:
        """Records that are no errors, as its end vouches for them."""
        return 0 if self.end is None else (self.end.num_records or 0) - (self.end.num_errors or 0)

    def part(self, relative: str) -> Part:
        """What it gives to a reading."""
        case = self.config.case
        labels = case.labels
        params = _decode_params(case.params)
        seed = labels.get("train_seed")
        return Part(
            unit=labels.get("unit") or _unit_of(case),
            algorithm=labels.get("algorithm") or labels.get("policy") or _named(case, "algorithm", case.workload),
            task=labels.get("task") or _named(case, "task", case.name),
            seed=_old_seed(case) if seed is None else int(seed),
            checkpoint=labels.get("checkpoint") or params.policy or "",
            started="" if self.end is None or _is_imported(case) else self.end.start_time,
            settings=_settings_of(case, params),
            kind=case.workload,
            status=self.status,
            folder=relative,
            first=params.first or 0,
            num_errors=0 if self.end is None else self.end.num_errors or 0,
            totals=self._totals(),
            units=self.config.units,
            references=params.references,
            labels={name: text for name, text in labels.items() if name not in _OWN_LABELS},
            reason=self._reason(),
        )

    def _totals(self) -> dict[str, Total]:
        """Of a run that ended before there were totals, from its records."""
        if self.status is not Status.COMPLETED:
            return {}
        if self.end is not None and self.end.totals is not None:
            return self.end.totals
        config = msgspec.json.decode(Path(self.folder, "config.json").read_bytes(), type=ConfigFile)
        return totals_of(read_records(Path(self.folder, "records.jsonl")).records, config)

    def _reason(self) -> str | None:
        if self.status is Status.COMPLETED:
            return None
        lines = (self.end.fail_trace or "").strip().splitlines() if self.end is not None else []
        return lines[-1].strip() if lines else None


def _content(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"Can't read {path}: {error.strerror}.") from error
    try:
        size = os.fstat(descriptor).st_size
        return os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)


def _end_of(content: bytes | None) -> _End | None:
    try:
        return None if content is None else _decode_end(content)
    except msgspec.DecodeError:
        return None


def _is_imported(case: _Case) -> bool:
    """Whether the times of its run are those of its import."""
    return case.workload.startswith("imported-")


def _unit_of(case: _Case) -> str:
    """Of a case that does not name its unit: all that defines it, without what tells the parts apart."""
    params: dict[str, Any] = msgspec.json.decode(case.params)
    whole = {name: value for name, value in params.items() if name not in _PART_OF_UNIT}
    name = "" if len(whole) < len(params) else case.name
    return fingerprint([case.workload, name, whole, case.seed, case.labels.get("policy", "")])


def _settings_of(case: _Case, params: _Params) -> str:
    given = case.labels.get("settings", params.settings)
    if given is not None:
        return given
    known = {"algorithm", "policy", "task", "train_seed", *_PART_OF_UNIT}
    whole: dict[str, Any] = msgspec.json.decode(case.params)
    return fingerprint({name: value for name, value in whole.items() if name not in known})


def _named(case: _Case, name: str, otherwise: str) -> str:
    value = msgspec.json.decode(case.params).get(name)
    return value if isinstance(value, str) else otherwise


def _old_seed(case: _Case) -> int | None:
    """The training seed of a case without the label: its parameter, where it has one."""
    if "settings" in case.labels:
        return None
    params: dict[str, Any] = msgspec.json.decode(case.params)
    seed = params.get("train_seed", None if "policy" in params else case.seed)
    return seed if isinstance(seed, int) else None


def _order(attempt: str) -> tuple[int, str]:
    return number_of(attempt), attempt


def _merged(root: str, parts: Iterable[Part]) -> list[Reading]:
    units: dict[tuple[str, str, str, int | None, str], list[Part]] = {}
    for part in parts:
        key = (part.kind, part.algorithm, part.task, part.seed, part.unit)
        units.setdefault(key, []).append(part)
    return [_reading(root, own) for own in units.values()]


def _reading(root: str, parts: list[Part]) -> Reading:
    """One reading of the parts of a unit. Where a part failed, so did the reading; it keeps what was measured."""
    if len(parts) > 1:
        parts.sort(key=lambda part: part.first)
    first = parts[0]
    failed = [part for part in parts if part.status is not Status.COMPLETED]
    return Reading(
        algorithm=first.algorithm,
        task=first.task,
        seed=first.seed,
        status=failed[0].status if failed else Status.COMPLETED,
        totals=first.totals if len(parts) == 1 else _totals(parts),
        units=first.units,
        references=first.references,
        num_errors=sum(part.num_errors for part in parts),
        kind=first.kind,
        settings=first.settings,
        checkpoint=first.checkpoint,
        started=max(part.started for part in parts),
        labels=first.labels,
        source=f"{root}/{first.folder.rpartition('/')[0]}",
        folders=tuple([f"{root}/{part.folder}" for part in parts]),
        reason=_reason(parts, failed),
    )


def _totals(parts: list[Part]) -> dict[str, Total]:
    names = dict.fromkeys(name for part in parts for name in part.totals)
    return {name: merged([part.totals[name] for part in parts if name in part.totals]) for name in names}


def _reason(parts: list[Part], failed: list[Part]) -> str | None:
    if not failed:
        return None
    if len(parts) == 1:
        return failed[0].reason
    return f"{len(failed)} of its {len(parts)} runs have no result: {failed[0].reason or failed[0].status}"
