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
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from rlgauge.core import cache
from rlgauge.core.case_folder import Entry, is_fresh
from rlgauge.core.crew import read_cases
from rlgauge.core.files import plain_errors
from rlgauge.core.links import BY_ALGORITHM
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status, Total, merged

Unit = tuple[str, str, int | None, str]
"""Kind, task, training seed and unit: what cases have in common that are one reading."""

_UNENDED = {Status.RUNNING, Status.QUEUED}
_TICK = 2_000_000_000
"""Nanoseconds within which some file system gives two changes the same time (FAT; others, milliseconds)."""


def readings(root: str | Path, *, scan: bool = True, tell: Callable[[str], None] = lambda _text: None) -> list[Reading]:
    """One reading a training seed of an algorithm on a task, in the order of the folders' names. Raises StoreError.

    `tell` is told of cases that are damaged; what only mistakes in commands left behind is passed over.

    `scan=False` takes the index as it is and does not look at the folders: what happened since it was written is not
    seen. Without an index the folders are read all the same.
    """
    root = str(root)
    with _without_garbage_collection():
        found = cache.load_readings(root) if not scan else None
        return _rooted(root, _scanned(root, tell) if found is None else found)


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


def _scanned(root: str, tell: Callable[[str], None]) -> list[Reading]:
    """The readings of all cases: of those that have not changed since, as the index has them."""
    settled = time.time_ns() - _TICK
    paths = list(_case_folders(root))
    known = cache.load(root)
    fresh = {} if known is None else {k.path: k for k in known.kept if is_fresh(root, k.path, k.changed, k.watched)}
    changed = [path for path in paths if path not in fresh]
    if known is not None and not changed and len(fresh) == len(known.kept) == len(paths):
        return known.readings
    read = dict(zip(changed, read_cases(root, changed, settled=settled), strict=True))
    found = [read[path] if known is None or path in read else known.entry(fresh[path]) for path in paths]
    for text in found:
        if isinstance(text, str):
            tell(text)
    entries = _without_void([entry for entry in found if isinstance(entry, Entry)])
    if known is not None and entries == [known.entry(kept) for kept in known.kept]:
        return known.readings
    groups = _grouped(entries)
    merged_groups = [_merged(group) for group in groups]
    cache.store(root, groups, merged_groups)
    return merged_groups


def _case_folders(root: str) -> Iterator[str]:
    """The folders of all cases, relative to the store, in order."""
    with plain_errors(Path(root), "read"):
        workloads = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and _may_hold_cases(entry.name))
        for workload in workloads:
            names = sorted(os.listdir(f"{root}/{workload}"))  # noqa: PTH208  # names, and many
            yield from (f"{workload}/{name}" for name in names if name[-13:-12] == "-" and name.isascii())


def _may_hold_cases(name: str) -> bool:
    return name[0] != "." and name != BY_ALGORITHM


def _grouped(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Entries that are one reading together, in the order of their episodes."""
    units: dict[Unit, list[Entry]] = {}
    for entry in entries:
        units.setdefault(_unit(entry), []).append(entry)
    for group in units.values():
        if len(group) > 1:
            group.sort(key=lambda entry: entry.first)
    return list(units.values())


def _unit(entry: Entry) -> Unit:
    """Not the algorithm: what was measured first under one name and went on under another is one reading."""
    own = entry.reading
    return own.kind, own.task, own.seed, entry.unit


def _without_void(entries: Sequence[Entry]) -> list[Entry]:
    """The entries but for those of units of which mistakes are all there is; a part of what was measured is missed."""
    if not any(entry.is_void for entry in entries):
        return list(entries)
    real = {_unit(entry) for entry in entries if not entry.is_void}
    return [entry for entry in entries if _unit(entry) in real]


def _merged(group: list[Entry]) -> Reading:
    """One reading of the parts of a unit. Where a part failed, so did the reading; it keeps what was measured."""
    if len(group) == 1:
        return group[0].reading
    parts = [entry.reading for entry in group]
    completed = [part for part in parts if part.status is Status.COMPLETED]
    failed = [part for part in parts if part.status is not Status.COMPLETED]
    failed.sort(key=lambda part: part.status in _UNENDED)
    return msgspec.structs.replace(
        parts[0],
        status=failed[0].status if failed else Status.COMPLETED,
        totals=_totals(completed),
        num_errors=sum(part.num_errors for part in parts),
        started=max(part.started for part in parts),
        folders=tuple([folder for part in parts for folder in part.folders]),
        completed=tuple([folder for part in completed for folder in part.folders]) if failed else (),
        reason=f"{len(failed)} of its {len(parts)} runs have no result: {failed[0].reason or failed[0].status}"
        if failed
        else None,
        warnings=tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
    )


def _totals(parts: list[Reading]) -> dict[str, Total]:
    names = dict.fromkeys(name for part in parts for name in part.totals)
    return {name: merged([part.totals[name] for part in parts if name in part.totals]) for name in names}


def _rooted(root: str, found: list[Reading]) -> list[Reading]:
    """The readings, which nobody else has yet, with the folder of the store before all that they name."""
    give = msgspec.structs.force_setattr
    for reading in found:
        give(reading, "source", f"{root}/{reading.source}")
        give(reading, "folders", tuple([f"{root}/{folder}" for folder in reading.folders]))
        if reading.completed:
            give(reading, "completed", tuple([f"{root}/{folder}" for folder in reading.completed]))
    return found
