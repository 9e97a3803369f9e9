"""Our own stores, on disk or in a zip file."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core import index
from rlgauge.core.claim import number_of
from rlgauge.core.files import read_if_there, write_atomic
from rlgauge.core.links import BY_ALGORITHM
from rlgauge.core.reading import Curve, Reading
from rlgauge.core.run import FORMAT
from rlgauge.importers.findings import Found
from rlgauge.importers.tree import DiskFolder, Folder, Listing

_CASE = re.compile(r".*-[0-9a-f]{12}")
_ATTEMPT = re.compile(r"\d+-[0-9a-f]{6}")
_CLAIM = re.compile(r"claim-\d+")
_FIRST = "1-"
"""What the name of the first attempt at a case begins with."""
_EXTRA = "imported.json"
_KEPT = {"config.json", "run.json", "records.jsonl", "heartbeat", _EXTRA}


class _Extra(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """imported.json: what a reading of another system has and runs of ours do not."""

    format: int = FORMAT
    curves: dict[str, Curve] = {}
    details: dict[str, Any] = {}
    reason: str | None = None


def is_case(name: str, listing: Listing) -> bool:
    """Whether a folder holds the attempts at a case."""
    return bool(_CASE.fullmatch(name)) and (
        any(map(_ATTEMPT.fullmatch, listing.folders)) or any(map(_CLAIM.fullmatch, listing.files))
    )


def write_extra(folder: Path, reading: Reading) -> None:
    """Write into the folder of an attempt what its other files can't hold. Raises StoreError."""
    extra = _Extra(curves=reading.curves, details=reading.details, reason=reading.reason)
    if extra != _Extra():
        write_atomic(folder / _EXTRA, msgspec.json.encode(extra))


def read(root: Folder, *, scan: bool, tell: Callable[[str], None]) -> list[Found]:
    """The readings of a store; `tell` is told of damaged runs. Raises StoreError, and OSError for a broken zip file."""
    if isinstance(root, DiskFolder):
        found = index.readings(Path(root.path), scan=scan, tell=tell)
        return [_found(reading, _with_extra(reading)) for reading in found]
    with tempfile.TemporaryDirectory() as unpacked:
        _unpack(root, Path(unpacked))
        found = index.readings(Path(unpacked), tell=lambda text: tell(text.replace(unpacked, root.path)))
        return [_found(reading, _unbound(reading, root)) for reading in found]


def _found(reading: Reading, kept: Reading) -> Found:
    """The reading, and the names of its attempts, which a copy of a store keeps; earlier ones at its cases too."""
    attempts = []
    for folder in reading.folders:
        workload, case, name = folder.rsplit("/", 3)[1:]
        names = [name] if name.startswith(_FIRST) else _earlier(folder, name)
        attempts += [f"{workload}/{case}/{each}" for each in names]
    return Found(kept, parts=tuple(attempts))


def _earlier(folder: str, name: str) -> list[str]:
    """The attempts at a case up to one: a backup may have been taken when one of the others spoke for it."""
    try:
        beside = os.listdir(folder[: -len(name)])  # noqa: PTH208  # names
    except OSError:
        return [name]
    return [other for other in beside if 0 < number_of(other) <= number_of(name)]


def _unbound(reading: Reading, root: Folder) -> Reading:
    """The reading with its records in itself: what was unpacked is gone soon."""
    reading = _with_extra(reading)
    return msgspec.structs.replace(reading, episodes=tuple(reading.records), folders=(), source=root.path)


def _with_extra(reading: Reading) -> Reading:
    """The reading with what lies beside an imported run. Raises StoreError."""
    content = read_if_there(Path(reading.folders[-1]) / _EXTRA) if _is_imported(reading) else None
    if content is None:
        return reading
    try:
        extra = msgspec.json.decode(content, type=_Extra)
    except msgspec.DecodeError as error:
        raise OSError(f"its {_EXTRA} is damaged ({error})") from error
    reason = extra.reason if reading.reason is None else reading.reason
    return msgspec.structs.replace(reading, curves=extra.curves, details=extra.details, reason=reason)


def _is_imported(reading: Reading) -> bool:
    return reading.kind.startswith("imported-") and bool(reading.folders)


def _unpack(folder: Folder, target: Path) -> None:
    """Copy what readings are made of."""
    listing = folder.listing()
    for name in listing.files:
        if name in _KEPT or _CLAIM.fullmatch(name):
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(folder.read(name) or b"")
            os.utime(target / name, (0, 0))  # no heartbeat in a zip file is of a run that lives
    for name in listing.folders:
        if name not in {"artifacts", BY_ALGORITHM, "", ".", ".."}:
            _unpack(folder.child(name), target / name)
