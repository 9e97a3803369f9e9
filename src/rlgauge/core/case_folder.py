"""What the folder of a case gives to a reading, read with few calls of the system: a store may hold many thousands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.case import fingerprint
from rlgauge.core.claim import lives, number_of
from rlgauge.core.files import DamagedError, StoreError
from rlgauge.core.reading import Reading
from rlgauge.core.run import FORMAT, USAGE, ConfigFile, Status, Total, read_records, totals_of

_OWN_LABELS = {"algorithm", "policy", "task", "train_seed", "settings", "unit", "checkpoint", "films"}
_PART_OF_UNIT = {"first", "last"}
"""Parameters that tell the parts of one unit apart, in stores whose cases do not name their unit."""
_ENDED = {Status.COMPLETED, Status.FAILED, Status.INTERRUPTED, Status.TIMEOUT}
"""What a run says of itself that stays as it is; whether another one lives is asked anew every time."""

File = tuple[str, int, int, int]
"""A file's name, when it was changed (its status too, which no copying hides), its size and its number."""


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A case as its folder was read: `reading` is what it says alone, and cases of one `unit` are one reading.

    `is_void` says that all its attempts ended by a mistake in the command. `changed` is when the folder was, `watched`
    what was read in it; None where that may change without a trace.
    Paths are relative to the store, those of `watched` to the folder.
    """

    path: str
    changed: int
    watched: tuple[File, ...] | None
    unit: str
    first: int
    is_void: bool
    reading: Reading


def is_fresh(root: str, path: str, changed: int, watched: tuple[File, ...] | None) -> bool:
    """Whether no attempt was added or removed since, and every file that was read is what it was."""
    if watched is None:
        return False
    folder = f"{root}/{path}"
    try:
        if os.stat(folder).st_ctime_ns != changed:  # noqa: PTH116  # a Path costs more than the call
            return False
        for name, time, size, number in watched:
            found = os.stat(f"{folder}/{name}")  # noqa: PTH116
            if found.st_ctime_ns != time or found.st_size != size or found.st_ino != number:
                return False
    except OSError:
        return False
    return True


def read_case(root: str, path: str, *, settled: int) -> Entry | str | None:
    """What the run that speaks for the case says; None without attempts. Raises StoreError.

    Where every attempt is damaged, a sentence that says so.

    What changed later than `settled` (ns) may change again within one tick of the file system's clock, unseen.
    """
    folder = f"{root}/{path}"
    try:
        changed = os.stat(folder).st_ctime_ns  # noqa: PTH116
        names = [name for name in os.listdir(folder) if name[:6] != "claim-" and number_of(name) > 0]  # noqa: PTH208
    except (NotADirectoryError, FileNotFoundError):
        return None
    except OSError as error:
        raise _unreadable(folder, error) from error
    if len(names) > 1:
        names.sort(key=_order)
    attempts, damage = _read_attempts(folder, names)
    if not attempts:
        return damage
    best = attempts[0] if len(attempts) == 1 else _best(attempts)
    case = best.config.case
    return Entry(
        path,
        changed,
        _watched(attempts, changed, settled) if len(attempts) == len(names) else None,
        case.labels.get("unit") or _unit_of(best),
        case.params.first if isinstance(case.params.first, int) else 0,
        _is_usage(best),
        _reading(best, path),
    )


def _read_attempts(folder: str, names: Sequence[str]) -> tuple[list[_Attempt], str | None]:
    """The attempts that can be read, and what is wrong with the last that is damaged."""
    attempts, damage = [], None
    for name in names:
        try:
            attempt = _read_attempt(folder, name)
        except DamagedError as error:
            damage = str(error)
        else:
            if attempt is not None:
                attempts.append(attempt)
    return attempts, damage


class _Params(msgspec.Struct, gc=False):
    """What may be needed of a case's parameters, which may be anything."""

    settings: Any = None
    policy: Any = None
    references: Any = None
    first: Any = None
    algorithm: Any = None
    task: Any = None
    train_seed: Any = msgspec.UNSET


class _Case(msgspec.Struct, gc=False):
    workload: str
    name: str
    params: _Params
    seed: int = 0
    labels: dict[str, str] = {}


class _Config(msgspec.Struct, gc=False):
    """What is needed of config.json."""

    case: _Case
    units: dict[str, str] = {}
    format: int = FORMAT


class _Result(msgspec.Struct, gc=False):
    """What is needed of a result, which may hold anything."""

    references: Any = None
    warnings: Any = None


class _End(msgspec.Struct, gc=False):
    """What is needed of run.json."""

    status: Status
    start_time: str = ""
    totals: dict[str, Total] | None = None
    num_records: int | None = None
    num_errors: int | None = None
    fail_kind: str | None = None
    fail_trace: str | None = None
    result: _Result | None = None
    format: int = FORMAT


class _Attempt(msgspec.Struct, gc=False):
    """One attempt at a case, as its two files tell; `content` is config.json. It is DIED where nobody is at it."""

    folder: str
    name: str
    status: Status
    content: bytes
    config: _Config
    end: _End | None
    watched: tuple[File, ...]


class _Format(msgspec.Struct):
    format: int = FORMAT


class _WholeCase(msgspec.Struct):
    params: dict[str, Any]


class _WholeConfig(msgspec.Struct):
    case: _WholeCase


_decode_config = msgspec.json.Decoder(_Config).decode
_decode_end = msgspec.json.Decoder(_End).decode
_decode_format = msgspec.json.Decoder(_Format).decode
_DIED = _End(Status.DIED)


def _read_attempt(case_folder: str, name: str) -> _Attempt | None:
    """The attempt; None where it never began. Raises DamagedError, and StoreError for a newer format."""
    folder = f"{case_folder}/{name}"
    content, config_file = _read_file(case_folder, f"{name}/config.json")
    told, end_file = _read_file(case_folder, f"{name}/run.json")
    if content is None:
        return None
    try:
        config = _decode_config(content)
    except msgspec.DecodeError as error:
        if not content.strip(b"\0") and not (told or b"").strip(b"\0"):
            return None
        version = _format_of(content)
        if version > FORMAT:
            raise _too_new(f"{folder}/config.json", version) from error
        raise DamagedError(f"{folder}/config.json", error) from error
    end = _end_of(told)
    if config.format > FORMAT:
        raise _too_new(f"{folder}/config.json", config.format)
    if end is not None and end.format > FORMAT:
        raise _too_new(f"{folder}/run.json", end.format)
    status = Status.DIED if end is None else end.status
    if status is Status.RUNNING and not lives(Path(case_folder), number_of(name), name):
        status = Status.DIED
    return _Attempt(folder, name, status, content, config, end, (config_file, end_file))


def _read_file(folder: str, name: str) -> tuple[bytes | None, File]:
    """The content of a file, None where it is missing, and what tells whether it was changed since."""
    path = f"{folder}/{name}"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None, (name, 0, 0, 0)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        found = os.fstat(descriptor)
        size = found.st_size
        content = os.read(descriptor, size + 1)
        if len(content) != size:
            content = b"".join([content, *iter(lambda: os.read(descriptor, size + 1), b"")])
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    return content, (name, found.st_ctime_ns, size, found.st_ino)


def _format_of(content: bytes) -> int:
    try:
        return _decode_format(content).format
    except msgspec.DecodeError:
        return FORMAT


def _end_of(content: bytes | None) -> _End | None:
    try:
        return None if content is None else _decode_end(content)
    except msgspec.DecodeError:
        return None


def _watched(attempts: list[_Attempt], changed: int, settled: int) -> tuple[File, ...] | None:
    """The files that were read; None where one of them, or something else that was asked, may change unseen."""
    if changed > settled:
        return None
    for attempt in attempts:
        if attempt.status not in _ENDED or _is_without_totals(attempt):
            return None
        for _, time, _, _ in attempt.watched:
            if time > settled:
                return None
    return attempts[0].watched if len(attempts) == 1 else tuple(file for one in attempts for file in one.watched)


def _is_without_totals(attempt: _Attempt) -> bool:
    """Whether it completed before there were totals: they are made of its records, which are not watched."""
    return attempt.status is Status.COMPLETED and attempt.end is not None and attempt.end.totals is None


def _best(attempts: list[_Attempt]) -> _Attempt:
    """The run that speaks for the case: the completed attempt with most valid records, else the latest."""
    completed = [one for one in attempts if one.status is Status.COMPLETED]
    if completed:
        return max(completed, key=lambda one: (_num_valid(one), _order(one.name)))
    return next((one for one in reversed(attempts) if not _is_usage(one)), attempts[-1])


def _is_usage(attempt: _Attempt) -> bool:
    """Whether it ended by a mistake in the command: it is no data."""
    return attempt.status is Status.FAILED and attempt.end is not None and attempt.end.fail_kind == USAGE


def _num_valid(attempt: _Attempt) -> int:
    """Records that are no errors, as its end vouches for them."""
    end = attempt.end or _DIED
    return (end.num_records or 0) - (end.num_errors or 0)


def _reading(attempt: _Attempt, path: str) -> Reading:
    """What an attempt says, for itself."""
    case, end = attempt.config.case, attempt.end or _DIED
    labels, params = case.labels, case.params
    seed = labels.get("train_seed")
    return Reading(
        algorithm=labels.get("algorithm") or labels.get("policy") or _text(params.algorithm) or case.workload,
        task=labels.get("task") or _text(params.task) or case.name,
        seed=_old_seed(case) if seed is None else _number(seed),
        status=attempt.status,
        totals=(end.totals or _totals(attempt)) if attempt.status is Status.COMPLETED else {},
        units=attempt.config.units,
        references=_references(params.references or (end.result and end.result.references)),
        num_errors=end.num_errors or 0,
        kind=case.workload,
        settings=labels["settings"] if "settings" in labels else _settings_of(attempt),
        checkpoint=labels.get("checkpoint") or _text(params.policy) or "",
        started="" if case.workload.startswith("imported-") else end.start_time,  # else it is that of the import
        labels={name: text for name, text in labels.items() if name not in _OWN_LABELS},
        source=path,
        folders=(f"{path}/{attempt.name}",),
        reason=None if attempt.status is Status.COMPLETED else _reason(end.fail_trace),
        warnings=_sentences(end.result and end.result.warnings),
    )


def _totals(attempt: _Attempt) -> dict[str, Total]:
    """Of a run that ended before there were totals, from its records."""
    if attempt.end is not None and attempt.end.totals is not None:
        return attempt.end.totals
    config = msgspec.json.decode(attempt.content, type=ConfigFile)
    return totals_of(read_records(Path(attempt.folder, "records.jsonl")).records, config)


def _reason(trace: str | None) -> str | None:
    """The exception of a traceback; of anything else, which begins with a sentence, that."""
    lines = (trace or "").strip().splitlines()
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip() if lines else None


def _sentences(given: object) -> tuple[str, ...]:
    return tuple([text for text in given if isinstance(text, str)]) if isinstance(given, list) else ()


def _references(given: object) -> dict[str, float]:
    """Scores of the task by name: what a case knows beforehand, or what its run has found out."""
    named = given.items() if isinstance(given, dict) else ()
    return {name: float(value) for name, value in named if isinstance(value, (int, float))}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _unit_of(attempt: _Attempt) -> str:
    """Of a case that does not name its unit: all that defines it, without what tells the parts apart."""
    case, params = attempt.config.case, _whole_params(attempt)
    whole = {name: value for name, value in params.items() if name not in _PART_OF_UNIT}
    name = "" if len(whole) < len(params) else case.name
    return fingerprint([case.workload, name, whole, case.seed, case.labels.get("policy", "")])


def _settings_of(attempt: _Attempt) -> str:
    """Of a case without the label: the parameter, else all parameters that do not say which run of it this is."""
    given = attempt.config.case.params.settings
    if isinstance(given, str):
        return given
    known = {"algorithm", "policy", "task", "train_seed", *_PART_OF_UNIT}
    return fingerprint({name: value for name, value in _whole_params(attempt).items() if name not in known})


def _whole_params(attempt: _Attempt) -> dict[str, Any]:
    return msgspec.json.decode(attempt.content, type=_WholeConfig).case.params


def _old_seed(case: _Case) -> int | None:
    """The training seed of a case without the label: its parameter, where it has one."""
    if "settings" in case.labels:
        return None
    seed = case.params.train_seed
    if seed is msgspec.UNSET:
        seed = case.seed if case.params.policy is None else None
    return seed if isinstance(seed, int) else None


def _order(attempt: str) -> tuple[int, str]:
    return number_of(attempt), attempt


def _too_new(path: str, version: int) -> StoreError:
    return StoreError(f"{path} was written by a newer RLGauge (format {version}); this one reads up to {FORMAT}.")


def _unreadable(path: str, error: OSError) -> StoreError:
    return StoreError(f"Can't read {path}: {error.strerror or error}.")
