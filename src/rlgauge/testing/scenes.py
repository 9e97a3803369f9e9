"""The launches that a launcher is checked by; each is made when the first check asks for it."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rlgauge.core.execute import Limits
from rlgauge.core.run import Status
from rlgauge.core.workload import Description
from rlgauge.testing.launching import FaultError, Launching, Seen
from rlgauge.testing.workloads import (
    NUM_RECORDS,
    Living,
    Mistaken,
    Process,
    Setting,
    Unopenable,
    Visited,
)

LIMIT_SECONDS = 6.0
"""Of every run in the scene of faults: enough for those that go well, on a busy machine too."""
GRACE_SECONDS = 15.0
"""How long what a closed launcher has begun may take to end."""
_QUIET_SECONDS = 1.0
"""How long it is watched whether a closed launcher begins anything."""
_MODULE = "rlgauge_testing_only_here"
_TICK_SECONDS = 0.05


class Asked(NamedTuple):
    """What the user of the kit has said of the launcher."""

    process: Process
    most_at_once: int | None
    variables: Mapping[str, str]
    cannot: Collection[str]


class Stopped(NamedTuple):
    """What there was after a launcher was closed: processes that went on, and attempts that began later."""

    seen: Seen
    left: list[Living]
    num_later: int
    is_blind: bool

    @property
    def problem(self) -> str | None:
        """What kept the launch from being closed."""
        return self.seen.problem


class Scenes:
    """The launches of one launcher, in folders below one folder."""

    def __init__(self, launching: Launching, folder: Path, asked: Asked) -> None:
        """Nothing is launched yet."""
        self._launching = launching
        self._folder = folder
        self.asked = asked

    @functools.cached_property
    def ordinary(self) -> Seen:
        """Cases that all go well."""
        setting = {"most_at_once": self.asked.most_at_once, "variables": list(self.asked.variables)}
        seen = self._seen("ordinary", ["steps"] * 5, num_wanted=NUM_RECORDS, setting=setting)
        self._launching.launch(seen, seen.plan())
        return seen

    @functools.cached_property
    def again(self) -> Seen:
        """The same cases once more, of the last two of which one more record is wanted."""
        seen = _later(self.ordinary)
        items = seen.plan().items
        more = [msgspec.structs.replace(item, num_wanted=NUM_RECORDS + 1) for item in items[-2:]]
        self._launching.launch(seen, seen.plan(items=[*items[:-2], *more]))
        return seen

    @functools.cached_property
    def faulty(self) -> Seen:
        """Cases that end in every way, with cases that go well between them."""
        roles = ["raise"]
        roles += [] if "crashes" in self.asked.cannot else ["kill", "segfault"]
        roles += [] if "time_limits" in self.asked.cannot else ["slow"]
        seen = self._seen("faulty", ["steps", *(one for role in roles for one in (role, "steps"))])
        self._launching.execute(seen, Limits(seconds=LIMIT_SECONDS))
        return seen

    @functools.cached_property
    def twice(self) -> Seen:
        """Cases that two launchers run at once, each in a process of its own."""
        process: Process = "forked" if self.asked.process == "forked" else "fresh"
        seen = self._seen("twice", ["steps"] * 5, process=process, setting={"most_at_once": 5})
        self._launching.launch_twice(seen, seen.plan())
        return seen

    @functools.cached_property
    def alone(self) -> Seen:
        """Cases that each need the machine to themselves, of a workload in a module where only the plan leads."""
        seen = self._seen("alone", ["steps"] * 3, process="alone", setting={"most_at_once": 1})
        modules = self._folder / "alone" / "modules"
        modules.mkdir()
        (modules / f"{_MODULE}.py").write_text(
            f"from {Visited.__module__} import Visited\n\n\nclass Own(Visited): ...\n"
        )
        described = Description(f"{_MODULE}:Own", seen.workload.describe().init_args)
        self._launching.launch(seen, seen.plan(workload=described, import_paths=[str(modules.resolve())]))
        return seen

    @functools.cached_property
    def stopped(self) -> Stopped:
        """Cases without an end, closed as soon as one of them has measured something."""
        breeds = "leftovers" not in self.asked.cannot
        seen = self._seen("stopped", ["endless"] * 4, setting={"breeds": breeds})
        was_closed = self._launching.launch(seen, seen.plan(), until=lambda: _has_begun(seen))
        if seen.error is None and not was_closed:
            seen.error = FaultError("The launch came to its end, and its cases had not.")
        left = _settle(seen)
        num_before = _num_begun(seen)
        time.sleep(_QUIET_SECONDS)
        num_later = _num_begun(seen) - num_before
        is_blind = not any(visit.process.is_here for visit in seen.visits())
        for one in [*left, *_living(seen)]:
            _kill(one)
        return Stopped(seen, left, num_later, is_blind)

    @functools.cached_property
    def resumed(self) -> Seen:
        """The same cases, which may now come to an end."""
        before = self.stopped.seen
        before.workload.gate.touch()
        seen = _later(before)
        self._launching.launch(seen, seen.plan())
        return seen

    @functools.cached_property
    def mistaken(self) -> Seen:
        """Cases that nobody can measure, by their user's mistake."""
        seen = self._seen("mistaken", ["steps"] * 2, kind=Mistaken)
        self._launching.launch(seen, seen.plan())
        return seen

    @functools.cached_property
    def unopenable(self) -> Seen:
        """Cases whose session does not open."""
        seen = self._seen("unopenable", ["steps"] * 2, kind=Unopenable)
        self._launching.launch(seen, seen.plan())
        return seen

    @functools.cached_property
    def live(self) -> Seen:
        """A case of a workload that no other process can make."""
        seen = self._seen("live", ["steps"])
        self._launching.launch(seen, seen.plan(workload=None))
        return seen

    def _seen(
        self,
        name: str,
        roles: Sequence[str],
        *,
        kind: type[Visited] = Visited,
        process: Process | None = None,
        num_wanted: int | None = None,
        setting: Mapping[str, Any] | None = None,
    ) -> Seen:
        folder = self._folder / name
        notes = folder / "notes"
        notes.mkdir(parents=True)
        told = Setting(notes=str(notes.resolve()), launching=Living.of(os.getpid()), **(setting or {}))
        workload = kind(roles, msgspec.to_builtins(told), process=process or self.asked.process, num_wanted=num_wanted)
        return Seen(folder / "out", workload)


def _later(seen: Seen) -> Seen:
    """The same folder and workload, for what happens from now on."""
    return Seen(seen.store.root, seen.workload)


def _has_begun(seen: Seen) -> bool:
    found = (seen.run(case) for case in seen.cases.values())
    return any(run is not None and run.status is Status.RUNNING and bool(run.records) for run in found)


def _num_begun(seen: Seen) -> int:
    return sum(seen.store.num_attempts(case) for case in seen.cases.values())


def _living(seen: Seen) -> list[Living]:
    """The processes that measured, and what they started, as far as they live and are not this one."""
    own = Living.of(os.getpid())
    named = [one for visit in seen.visits() for one in (visit.process, *visit.bred)]
    return [one for one in named if one.lives and one != own]


def _settle(seen: Seen) -> list[Living]:
    """What still lives when all has ended, or when it has had time enough."""
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        if not _living(seen) and not any(seen.store.is_busy(case) for case in seen.cases.values()):
            return []
        time.sleep(_TICK_SECONDS)
    return _living(seen)


def _kill(one: Living) -> None:
    if one.lives:
        os.kill(one.pid, signal.SIGKILL)
