"""Launching plans with the launcher that is checked, and noting what happens. A launch that hangs is interrupted."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from rlgauge.core.case import Case
from rlgauge.core.claim import Driver
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Item, Launcher, Limits, Plan, execute, plan_file
from rlgauge.core.run import USAGE, Run, Status
from rlgauge.core.store import Store
from rlgauge.testing.workloads import Visit, Visited, read_visits

_TICK_SECONDS = 0.05
_IDLE_SECONDS = 3.0
"""So long is waited for a word of the launcher's before it is interrupted where it waits."""


class Heard(NamedTuple):
    """An event, and how its case stood in the store when it came."""

    event: Event
    status: Status | None
    num_records: int


class Seen:
    """What happened in a folder of runs: events, runs, visits, and what the launcher raised."""

    def __init__(self, root: Path, workload: Visited) -> None:
        """Name the folder of runs and what is measured into it."""
        self.store = Store(root)
        self.workload = workload
        self.cases = {case.id: case for case in workload.cases()}
        self.heard: list[Heard] = []
        self.records_before = {case.id: run.records for case in self.cases.values() if (run := self.run(case))}
        self.error: Exception | None = None

    @property
    def problem(self) -> str | None:
        """What kept the launch from its end, in a sentence; None where nothing did."""
        if self.error is None:
            return None
        if isinstance(self.error, FaultError):
            return str(self.error)
        return f"The launch raised {type(self.error).__name__}: {self.error}".rstrip(".") + "."

    def hear(self, event: Event) -> None:
        """Note an event, and what the store says just now."""
        case = self.cases.get(event.case_id)
        run = None if case is None else self.store.find(case)
        num_records = 0 if run is None else len(run.records)
        self.heard.append(Heard(event, None if run is None else run.status, num_records))

    def run(self, case: Case) -> Run | None:
        """The run that speaks for the case."""
        return self.store.find(case)

    def attempts(self, case: Case) -> list[Run]:
        """All attempts at the case, the oldest first."""
        return self.store.attempts(self.store.root / case.folder)

    def visits(self, case: Case | None = None) -> list[Visit]:
        """The visits of the case, or of all."""
        return [visit for visit in read_visits(self.workload.notes) if case is None or visit.seed == case.seed]

    def of_role(self, role: str) -> Iterator[tuple[Case, Run | None]]:
        """The cases of a role, with their runs."""
        for case in self.cases.values():
            if case.params["role"] == role:
                yield case, self.run(case)

    def plan(self, **changes: Any) -> Plan:  # noqa: ANN401  # whatever a plan has
        """The plan of all cases."""
        plan = Plan(
            root=str(self.store.root.resolve()),
            workload=self.workload.describe(),
            items=[Item(case=case, num_wanted=self.workload.num_wanted(case)) for case in self.cases.values()],
            units=dict(self.workload.units),
            process=self.workload.process,
            command=["rlgauge.testing.check_launcher"],
            driver=Driver.this(),
        )
        return msgspec.structs.replace(plan, **changes)


class Launching:
    """Makes the launchers that are checked, and bounds the time that each may take."""

    def __init__(self, make: Callable[[], Launcher], patience_seconds: float) -> None:
        """`make` makes a launcher; each launch gets one of its own."""
        self._make = make
        self._patience_seconds = patience_seconds

    def launch(self, seen: Seen, plan: Plan, *, until: Callable[[], bool] | None = None) -> bool:
        """Whether the plan was launched and closed when `until` held; else it went to its end, or raised."""
        with self._noting(seen, until) as alarm, _opened(self._make(), seen, plan) as events:
            for event in events:
                seen.hear(event)
                if event.fail_kind == USAGE:  # as `execute` does
                    raise UserError(event.message or "")
                if until is not None and until():
                    alarm.silence()
                    return True
            if alarm.has_rung:
                raise FaultError("It was interrupted, as by Ctrl-C, and ended as if it had done its work.")
        return alarm.has_rung

    def launch_twice(self, seen: Seen, plan: Plan) -> None:
        """Launch the plan with two launchers at once, hearing both in turn."""
        with self._noting(seen), contextlib.ExitStack() as stack:
            streams = deque(stack.enter_context(_opened(self._make(), seen, plan)) for _ in range(2))
            while streams:
                stream = streams.popleft()
                event = next(stream, None)
                if event is not None:
                    seen.hear(event)
                    streams.append(stream)

    def execute(self, seen: Seen, limits: Limits) -> None:
        """Execute the workload, as a driver does."""
        with self._noting(seen):
            execute(seen.workload, seen.store, launcher=self._make(), limits=limits, on_event=seen.hear)

    @contextlib.contextmanager
    def _noting(self, seen: Seen, until: Callable[[], bool] | None = None) -> Iterator[_Alarm]:
        seen.store.make()
        alarm = _Alarm(self._patience_seconds, until)
        try:
            with alarm:
                yield alarm
        except Exception as error:  # noqa: BLE001  # what a launcher raises is what is to be told of it
            seen.error = error


@contextlib.contextmanager
def _opened(launcher: Launcher, seen: Seen, plan: Plan) -> Iterator[Generator[Event]]:
    with (
        plan_file(plan, seen.store) as path,
        contextlib.closing(launcher.launch(plan, path, seen.workload)) as events,
    ):
        yield events


class FaultError(Exception):
    """A sentence on a launch that did not go as it must."""


class _Alarm:
    """Interrupts the main thread as Ctrl-C does: when a condition has held for a while, and when all takes too long.

    The first is what is wanted and raises nothing, and is silenced by who has seen the condition hold: what closes then
    may take its time. The second raises FaultError. Use in a `with` statement.
    """

    def __init__(self, patience_seconds: float, condition: Callable[[], bool] | None) -> None:
        self._patience_seconds = patience_seconds
        self._condition = condition
        self._ended = threading.Event()
        self._rings = False
        self._is_late = False
        self._is_silent = False
        self._is_pending = False
        self._is_open = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before: Any = None

    @property
    def has_rung(self) -> bool:
        """Whether the condition held and nobody took notice."""
        return self._rings and not self._is_late

    def silence(self) -> None:
        """Interrupt no more for the condition. A signal that is on its way is dropped too."""
        self._is_silent = True

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        self._is_open = True
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self._is_open = False
        self._ended.set()
        self._thread.join()
        signal.signal(signal.SIGINT, self._before or signal.SIG_DFL)
        if self._is_late:
            raise FaultError(f"The launch had not ended after {self._patience_seconds:g} s.") from error
        return self._rings and isinstance(error, KeyboardInterrupt)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        is_own, self._is_pending = self._is_pending, False
        is_wanted = self._is_open and (self._is_late or not self._is_silent)
        if is_wanted or not is_own:  # whoever else sent it is heard
            raise KeyboardInterrupt

    def _watch(self) -> None:
        late = time.monotonic() + self._patience_seconds
        held_since: float | None = None
        while not self._ended.wait(_TICK_SECONDS):
            present = time.monotonic()
            if present > late:
                self._is_late = True
                self._ring()
                late = present + self._patience_seconds
            elif not self._rings and not self._is_silent and self._condition is not None and self._condition():
                held_since = held_since or present
                if present - held_since > _IDLE_SECONDS:
                    self._ring()

    def _ring(self) -> None:
        self._rings = True
        self._is_pending = True
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def check_main_thread() -> None:
    """Raise UserError elsewhere: only there can a launch be interrupted."""
    if threading.current_thread() is not threading.main_thread():
        raise UserError("Check a launcher in the main thread: it is interrupted there, as Ctrl-C would.")
