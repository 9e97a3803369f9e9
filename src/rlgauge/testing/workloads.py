"""The cases that launchers are checked with: each does what its role says, and leaves a note of every visit."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from rlgauge.core import platform
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.files import write_atomic
from rlgauge.core.run import Record
from rlgauge.core.workload import Context, Description, Measure

Process = Literal["shared", "fresh", "forked", "alone"]
NUM_RECORDS = 2
RAISED = "the policy exploded"
MISTAKE = "There is no policy.zip."
UNOPENED = "there is no display"
SPARED = "what ends a process is not done to the one that launches"
SLOW_SECONDS = 20.0
"""How long the case takes that is ended by its limit."""
_LINGER_SECONDS = 0.5
_STEP_SECONDS = 0.2
_MOST_STEPS = 3000
"""Ten minutes of steps: a case that nobody ended ends at last."""


class Living(msgspec.Struct, frozen=True):
    """A process, told from others that have or had its number."""

    machine: str
    pid: int
    start: float | None

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process of this number, here and now."""
        return cls(platform.machine_id(), pid, platform.process_start(pid))

    @property
    def is_here(self) -> bool:
        """Whether this machine can tell anything of it."""
        return self.machine == platform.machine_id()

    @property
    def lives(self) -> bool:
        """Whether it runs; of another machine's nothing is known."""
        return self.is_here and self.start is not None and platform.process_start(self.pid) == self.start


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of a case, as it saw itself.

    `num_at_work` is how many cases were being measured, this one among them; `bred` what it started.
    """

    name: str
    seed: int
    process: Living
    num_kept: int
    num_at_work: int
    current_folder: str
    variables: dict[str, str]
    bred: list[Living] = []


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What all cases are told.

    Notes go to `notes`; `launching` is the process that launches, which must be spared; `most_at_once` is how many
    cases may be at work, whom each then watches for a while; `variables` are those to be noted; `breeds` has cases that
    go on for ever start processes of their own.
    """

    notes: str
    launching: Living
    most_at_once: int | None = None
    variables: list[str] = []
    breeds: bool = False


class Visited:
    """A case for each role: `steps`, `raise`, `kill`, `segfault`, `slow`, or `endless` until `gate` is a file."""

    name = "testing"
    hang_seconds: float | None = None

    def __init__(
        self,
        roles: Sequence[str],
        setting: dict[str, Any],
        *,
        process: Process = "shared",
        num_wanted: int | None = None,
    ) -> None:
        """`setting` is a Setting, as JSON has it."""
        self.units: Mapping[str, str] = {"value": "1"}
        self.roles = list(roles)
        self.setting = msgspec.convert(setting, Setting)
        self.process = process
        self._num_wanted = num_wanted
        self.notes = Path(self.setting.notes)
        self.gate = self.notes / "gate"

    def describe(self) -> Description:
        """How a worker makes it again."""
        arguments = {
            "roles": self.roles,
            "setting": msgspec.to_builtins(self.setting),
            "process": self.process,
            "num_wanted": self._num_wanted,
        }
        return Description(f"{type(self).__module__}:{type(self).__name__}", arguments)

    def cases(self) -> Iterator[Case]:
        """A case for each role, in their order."""
        for seed, role in enumerate(self.roles):
            yield Case(workload=self.name, name=f"{seed}-{role}", params={"role": role}, seed=seed)

    def num_wanted(self, case: Case) -> int | None:
        """How many records a case of steps has."""
        return self._num_wanted if case.params["role"] == "steps" else None

    def session(self) -> AbstractContextManager[Measure]:
        """What measures; notes that it was opened, and that it was closed."""
        return self._noted()

    @contextlib.contextmanager
    def _noted(self) -> Iterator[Measure]:
        name = uuid.uuid4().hex
        (self.notes / f"{name}.opened").touch()
        yield self.measure
        (self.notes / f"{name}.closed").touch()

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        """The records of one case, which name the visit that measured them."""
        with self._at_work() as num_at_work:
            visit = self._visit(case, context, num_at_work)
            write_atomic(self.notes / f"{visit.name}.visit", msgspec.json.encode(visit))
            sys.stdout.write(f"{words(case)}\n")
            yield from _ROLES[case.params["role"]](self, case, context, visit)

    @property
    def is_spared(self) -> bool:
        """Whether this process is the one that launches."""
        return Living.of(os.getpid()) == self.setting.launching

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[int]:
        mark = self.notes / f"{uuid.uuid4().hex}.at-work"
        mark.touch()
        try:
            most = self.setting.most_at_once
            deadline = time.monotonic() + (_LINGER_SECONDS if most is not None else 0.0)
            number = self._num_at_work()
            while most is not None and number <= most and time.monotonic() < deadline:
                time.sleep(0.02)
                number = max(number, self._num_at_work())
            yield number
        finally:
            mark.unlink()

    def _breeds(self, case: Case) -> bool:
        """Whether the case has no end yet, and is to start processes."""
        return self.setting.breeds and case.params["role"] == "endless" and not self.gate.exists()

    def _num_at_work(self) -> int:
        return sum(1 for _ in self.notes.glob("*.at-work"))

    def _visit(self, case: Case, context: Context, num_at_work: int) -> Visit:
        return Visit(
            name=uuid.uuid4().hex,
            seed=case.seed,
            process=Living.of(os.getpid()),
            num_kept=len(context.kept),
            num_at_work=num_at_work,
            current_folder=str(Path.cwd()),
            variables={name: os.environ[name] for name in self.setting.variables if name in os.environ},
            bred=_breed() if self._breeds(case) else [],
        )


class Unopenable(Visited):
    """Has no session, for a reason that is nobody's mistake."""

    def session(self) -> AbstractContextManager[Measure]:
        """Nothing: it raises."""
        raise RuntimeError(UNOPENED)


class Mistaken(Visited):
    """Has no session, by its user's mistake."""

    def session(self) -> AbstractContextManager[Measure]:
        """Nothing: it raises UserError."""
        raise UserError(MISTAKE)


def words(case: Case) -> str:
    """What a case prints."""
    return f"This is case {case.seed} speaking."


def value(case: Case, index: int) -> float:
    """What a case measures at an index."""
    return 100.0 * case.seed + index


def read_visits(notes: Path) -> list[Visit]:
    """What was noted, in no order."""
    return [msgspec.json.decode(path.read_bytes(), type=Visit) for path in notes.glob("*.visit")]


def _record(case: Case, index: int, visit: Visit) -> Record:
    return Record(index, {"value": value(case, index), "visit": visit.name})


def _steps(_own: Visited, case: Case, context: Context, visit: Visit) -> Iterator[Record]:
    there = {record.index for record in context.kept}
    wanted = NUM_RECORDS if context.num_wanted is None else context.num_wanted
    yield from (_record(case, index, visit) for index in range(wanted) if index not in there)


def _raise(_own: Visited, case: Case, _context: Context, visit: Visit) -> Iterator[Record]:
    yield _record(case, 0, visit)
    raise RuntimeError(RAISED)


def _kill(own: Visited, case: Case, _context: Context, visit: Visit) -> Iterator[Record]:
    yield _record(case, 0, visit)
    _spare(own)
    os.kill(os.getpid(), signal.SIGKILL)


def _segfault(own: Visited, case: Case, _context: Context, visit: Visit) -> Iterator[Record]:
    yield _record(case, 0, visit)
    _spare(own)
    ctypes.string_at(0)


def _slow(own: Visited, case: Case, _context: Context, visit: Visit) -> Iterator[Record]:
    yield _record(case, 0, visit)
    _spare(own)
    time.sleep(SLOW_SECONDS)
    yield _record(case, 1, visit)


def _endless(own: Visited, case: Case, context: Context, visit: Visit) -> Iterator[Record]:
    for index in range(len(context.kept), _MOST_STEPS):
        yield _record(case, index, visit)
        if own.gate.exists():
            return
        time.sleep(_STEP_SECONDS)


def _spare(own: Visited) -> None:
    if own.is_spared:
        raise RuntimeError(SPARED)


_ROLES = {
    "steps": _steps,
    "raise": _raise,
    "kill": _kill,
    "segfault": _segfault,
    "slow": _slow,
    "endless": _endless,
}


def _breed() -> list[Living]:
    """A shell in a session of its own, and what it started in turn."""
    command = ["sh", "-c", "sleep 600 & echo $!; wait"]
    shell = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert shell.stdout is not None  # noqa: S101  # it was asked for
    return [Living.of(shell.pid), Living.of(int(shell.stdout.readline()))]
