"""Evaluations whose number of episodes was decided by looking at them, as the results files beside the runs tell."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.reading import Reading
from rlgauge.report.lines import STOPPED

_RESULTS = "results.json"
_ABOVE = 2
"""How many folders above that of a case the store is."""


class _Metadata(msgspec.Struct, frozen=True):
    stopping: Any = None


class _Result(msgspec.Struct, frozen=True):
    policy: str
    task_id: str


class _File(msgspec.Struct, frozen=True):
    """What is needed of results.json."""

    metadata: _Metadata = _Metadata()
    results: list[_Result] = []


def with_stopping(readings: Iterable[Reading]) -> list[Reading]:
    """The readings; those of an evaluation that a sequential rule ended say so in their details."""
    known: dict[str, frozenset[tuple[str, str]]] = {}
    found = []
    for reading in readings:
        store = _store_of(reading)
        if store is not None and store not in known:
            known[store] = _stopped_in(store)
        is_stopped = store is not None and (reading.algorithm, reading.task) in known[store]
        found.append(_told(reading, store) if is_stopped else reading)
    return found


def _told(reading: Reading, store: str | None) -> Reading:
    text = (
        "The number of episodes was decided by looking at them, so that this interval, made for a number fixed "
        f"beforehand, does not hold; the results of {store} have those that do."
    )
    return msgspec.structs.replace(reading, details={**reading.details, STOPPED: text})


def _store_of(reading: Reading) -> str | None:
    """The folder, on disk or in a zip file, whose runs are the reading's; None where it is of another system."""
    if reading.kind.startswith("imported-") or not (reading.folders or ".zip" in reading.source):
        return None
    return str(Path(reading.source).parents[_ABOVE - 1]) if reading.folders else reading.source


def _stopped_in(store: str) -> frozenset[tuple[str, str]]:
    """Policies and tasks of an evaluation that was stopped; none where there is no such file, or not of ours."""
    content = _content(Path(store))
    if content is None:
        return frozenset()
    try:
        file = msgspec.json.decode(content, type=_File)
    except msgspec.DecodeError:
        return frozenset()
    if file.metadata.stopping is None:
        return frozenset()
    return frozenset((result.policy, result.task_id) for result in file.results)


def _content(store: Path) -> bytes | None:
    with contextlib.suppress(OSError, KeyError, zipfile.BadZipFile):
        archive = next((path for path in (store, *store.parents) if path.is_file()), None)
        if archive is None:
            return (store / _RESULTS).read_bytes()
        with zipfile.ZipFile(archive) as file:
            return file.read((store.relative_to(archive) / _RESULTS).as_posix())
    return None
