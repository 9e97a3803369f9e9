"""What goes on in a folder of runs, whoever runs it: for the top of the page that `rlgauge view` serves."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from rlgauge.cli.units import count_text
from rlgauge.cli.view_going import Going, Watched
from rlgauge.core.claim import Driver, number_of
from rlgauge.core.execute import JOBS, PLANS, Item, plans
from rlgauge.core.files import plain_errors
from rlgauge.core.links import BY_ALGORITHM
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store

_CASE = re.compile(r".*-[0-9a-f]{12}")
_ID = 12
"""So many digits of a case's folder are its id."""
_DEEPEST = 8
"""Folders in folders beyond which no store is looked for."""
_MOST_SHOWN = 40
"""So many runs that go on have a place of their own."""
_OPEN = {Status.RUNNING, Status.QUEUED}
_ORDER = sorted(Status, key=[Status.COMPLETED, Status.RUNNING, Status.QUEUED, *Status].index)
"""How far runs are, in the order in which it is told."""
_AGAIN = {Status.DIED, Status.INTERRUPTED}
"""What ended so is run again by a driver whose plan has it."""
_PASSED_OVER = {PLANS, JOBS, BY_ALGORITHM, "__pycache__", "node_modules"}
_READ = re.compile(r"\.(json|csv|tsv|npz|zip|mp4)$|tfevents")
"""The files beside runs of which a report is made, or which it shows."""

File = tuple[str, int, int]
"""A path, and the time and size that tell whether its file is as it was."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at a look.

    `ended` is equal to an earlier one where no run has ended since, `growing` where those that go on have come no
    further and no file beside them was written.
    """

    told: str
    counts: dict[str, int]
    going: list[Going]
    num_more: int
    ended: tuple[File, ...]
    growing: tuple[str | File, ...]

    @property
    def num_ended(self) -> int:
        """How many runs have come to an end, of whatever kind."""
        return sum(number for status, number in self.counts.items() if status not in _OPEN)

    @property
    def is_open(self) -> bool:
        """Whether a run goes on or is waited for."""
        return any(status in _OPEN for status in self.counts)


class _Seen(NamedTuple):
    """The run that speaks for a case, or goes on, when its folder had changed last at a time."""

    changed: int
    run: Run | None


class _Planned(NamedTuple):
    """What the plans of a store have, by the ids of cases, and who executes each, as of these files."""

    files: tuple[File, ...]
    plans: list[tuple[Driver | None, dict[str, Item]]]


class Looker:
    """Looks at a folder again and again, and reads anew what has changed. For one thread at a time."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet."""
        self._root = root
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._planned: dict[Path, _Planned] = {}
        self._watched: dict[Path, Watched] = {}

    def look(self) -> Sight:
        """What there is now. Raises StoreError for what can't be read, and for runs of a newer format."""
        with plain_errors(self._root, "read"):
            return self._look()

    def _look(self) -> Sight:
        files: list[File] = []
        stores = list(_stores(self._root, files))
        before, self._seen = self._seen, {}
        for store in stores:
            for path, changed in _case_folders(store):
                self._seen[path] = _case(store, path, changed, before.get(path))
        items = {case_id: item for store in stores for case_id, item in self._items(store)}
        runs = {path[-_ID:]: seen.run for path, seen in self._seen.items() if seen.run is not None}
        going = {case_id: run for case_id, run in runs.items() if run.status is Status.RUNNING}
        counts = _counted(runs, items)
        shown, growing = self._follow(going, items)
        return Sight(
            told=_sentence(counts) if self._root.is_dir() else f"There is no folder {self._root} any more.",
            counts=counts,
            going=shown,
            num_more=len(going) - len(shown),
            ended=tuple(self._ended()),
            growing=(*growing, *files),
        )

    def _items(self, store: Store) -> Iterator[tuple[str, Item]]:
        """What is being executed, and what schedulers have: plans are read again where their files have changed."""
        files = tuple(_plan_files(store.root))
        known = self._planned.get(store.root)
        if known is None or known.files != files:
            read = [(plan.driver, {item.case.id: item for item in plan.items}) for plan in plans(store)]
            known = self._planned[store.root] = _Planned(files, read)
        for driver, items in known.plans:
            if driver is None or not driver.is_dead:
                yield from items.items()

    def _ended(self) -> Iterator[File]:
        for path, seen in self._seen.items():
            if seen.run is not None and seen.run.status not in _OPEN:
                yield f"{path} {seen.run.attempt} {seen.run.status}", seen.changed, seen.run.num_records

    def _follow(self, going: Mapping[str, Run], items: Mapping[str, Item]) -> tuple[list[Going], tuple[str, ...]]:
        """The runs that go on, as many as are shown, and what changes as they come further."""
        before, self._watched = self._watched, {}
        for case_id, run in itertools.islice(going.items(), _MOST_SHOWN):
            wanted = items[case_id].num_wanted if case_id in items else None
            self._watched[run.folder] = before.get(run.folder) or Watched(run, wanted, self._clock)
        looks = [watched.look() for watched in self._watched.values()]
        return [one for one, _ in looks], tuple(mark for _, mark in looks)


def _case(store: Store, path: str, changed: int, known: _Seen | None) -> _Seen:
    """The run of a case: what has ended is read again where its folder has changed."""
    if known is not None and known.changed == changed and known.run is not None and _is_settled(known.run):
        return known
    attempts = store.attempts(Path(path))
    if not attempts:
        return _Seen(changed, None)
    going = next((run for run in reversed(attempts) if run.status is Status.RUNNING), None)
    speaking = store.find(attempts[-1].case) if len(attempts) > 1 else None
    return _Seen(changed, going or speaking or attempts[-1])


def _is_settled(run: Run) -> bool:
    """Whether it can't change without its case's folder: one that died on another machine may live all the same."""
    return run.status not in {*_OPEN, Status.DIED}


def _stores(folder: Path, files: list[File], depth: int = 0) -> Iterator[Store]:
    """The stores in a folder; `files` gets the other files that a report may be made of, or shows."""
    entries = sorted(_entries(folder), key=lambda entry: entry.name)
    folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    folders = [path for path in folders if path.name not in _PASSED_OVER]
    for entry in entries:
        if entry.is_file(follow_symlinks=False) and _READ.search(entry.name):
            with contextlib.suppress(FileNotFoundError):
                files.append((entry.path, entry.stat().st_mtime_ns, entry.stat().st_size))
    held = {path for path in folders if _holds_cases(path)}
    if held or any((folder / PLANS).glob("*.json")):
        yield Store(folder)
    if depth < _DEEPEST:
        for path in folders:
            if path not in held:
                yield from _stores(path, files, depth + 1)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder and is not hidden; nothing of one that is gone, or not ours to read."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _holds_cases(folder: Path) -> bool:
    return any(_CASE.fullmatch(entry.name) and entry.is_dir() for entry in _entries(folder))


def _case_folders(store: Store) -> Iterator[tuple[str, int]]:
    """The folders of all cases, in order, and when each changed last."""
    for workload in sorted(_entries(store.root), key=lambda entry: entry.name):
        if workload.name in _PASSED_OVER or not workload.is_dir():
            continue
        for entry in sorted(_entries(Path(workload.path)), key=lambda entry: entry.name):
            if _CASE.fullmatch(entry.name) and entry.is_dir():
                with contextlib.suppress(FileNotFoundError):
                    yield entry.path, entry.stat().st_mtime_ns


def _plan_files(root: Path) -> Iterator[File]:
    found = [*(root / PLANS).glob("*.json"), *(root / JOBS).glob("*/*.json")]
    for path in sorted(found):
        with contextlib.suppress(FileNotFoundError):
            yield str(path), path.stat().st_mtime_ns, path.stat().st_size


def _counted(runs: Mapping[str, Run], items: Mapping[str, Item]) -> dict[str, int]:
    """How many runs are how far; those that a plan has and nobody has begun, or that are to be run again, wait."""
    numbers = Counter(_status(run, items.get(case_id)) for case_id, run in runs.items())
    numbers[Status.QUEUED] += len(items.keys() - runs.keys())
    return {status: numbers[status] for status in _ORDER if numbers[status]}


def _status(run: Run, item: Item | None) -> Status:
    if item is None or run.status in _OPEN:
        return run.status
    is_short = item.num_wanted is not None and run.num_records < item.num_wanted
    if run.status in _AGAIN or (run.status is Status.COMPLETED and is_short):
        return Status.QUEUED
    is_asked_again = item.rerun_up_to is not None and number_of(run.attempt) <= item.rerun_up_to
    has_failed = run.status is not Status.COMPLETED or bool(run.file.num_errors)
    return Status.QUEUED if is_asked_again and has_failed else run.status


def _sentence(counts: Mapping[str, int]) -> str:
    told = [f"{number:,} {status.lower()}" for status, number in counts.items()]
    return f"{count_text(sum(counts.values()), 'run')}: {', '.join(told)}." if told else "There are no runs yet."
