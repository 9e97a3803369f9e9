"""Supervising one child after the other until the plan has nothing left to claim."""

from __future__ import annotations

import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rlgauge.core import platform
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Event, Item, Outcome, Plan, commit
from rlgauge.core.files import plain_errors
from rlgauge.core.run import KILLED, MEMORY, Record, Status, read_records
from rlgauge.core.store import BEAT_SECONDS, Attempt, Store
from rlgauge.core.workload import NOWHERE
from rlgauge.worker import forks
from rlgauge.worker.child_process import ChildProcess
from rlgauge.worker.messages import Setup, Task

_TICK_SECONDS = 0.5
_FORK_SECONDS = 0.25
"""A fork holds what the process holds that forked it, and both are one tree until it has told its pid."""
_GRACE_SECONDS = 2.0
"""Beyond `hang_seconds`: what the child itself can interrupt, it interrupts first."""
_OWN_SIGNAL_SECONDS = 1.0
"""Who ends a child by SIGTERM may be ending this process, too, as a scheduler does, with a signal that comes later."""
_CLOSE_SECONDS = 10.0
"""How long a child may take to close its session and end, and a fork to end."""


class Stopped(BaseException):
    """The driver has ended or asked for the end; no error, and nothing that may be caught as one."""


class _KilledError(Exception):
    """The child is to be killed for a limit; carries the outcome of its run."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


class Supervisor:
    """Claims the cases of a plan in turn and has a child measure them. Use in a `with` statement."""

    def __init__(
        self,
        plan: Plan,
        *,
        report: Callable[[Event], None],
        lifeline: int | None,
        items: Sequence[int] | None = None,
    ) -> None:
        """Prepare; `lifeline` is a descriptor whose end means that the driver has ended.

        `items` are the places in the plan of the cases to measure; None is all.
        """
        self._plan = plan
        self._items = range(len(plan.items)) if items is None else items
        self._report = report
        self._lifeline = lifeline
        self._store = Store(plan.root)
        self._child: ChildProcess | None = None
        self._adopts_orphans = platform.adopt_orphans()
        self._is_forked = plan.process == "forked" and forks.ARE_POSSIBLE
        self._is_fresh = plan.process != "shared" and not self._is_forked
        limits_memory = plan.limits.resident_bytes is not None
        self._setup = Setup(plan.workload, plan.import_paths, self._is_forked, tells_pids=limits_memory)

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End the child and all that it started."""
        self._end_child()
        if self._is_forked:  # short runs are many: each by itself would wait longer for the disk than it takes
            with plain_errors(self._store.root):
                platform.sync_files(self._store.root)

    def run(self) -> None:
        """Measure every case that nobody else runs. Raises UserError for what would fail every case, and Stopped."""
        for number in self._items:
            item = self._plan.items[number]
            self._check_lifeline()
            attempt = self._store.claim(item.case, item.need, self._plan.config(item), self._plan.start())
            if attempt is not None:
                attempt.is_synced = not self._is_forked
                self._attend(item, attempt)
        self._finish_child()

    def _attend(self, item: Item, attempt: Attempt) -> None:
        """One run from claim to commit."""
        try:
            outcome = self._measure(item, attempt)
        except Stopped:
            self._end_child()
            attempt.commit(Status.INTERRUPTED)
            raise
        self._report(commit(item, attempt, outcome))
        if outcome.fail_kind == "usage":
            raise UserError(outcome.message or "")

    def _measure(self, item: Item, attempt: Attempt) -> Outcome:
        deadline = None if self._plan.limits.seconds is None else time.monotonic() + self._plan.limits.seconds
        while True:
            try:
                outcome = self._measure_once(item, attempt, deadline=deadline)
            except _KilledError as killed:
                self._end_child()
                return killed.outcome
            except _HungError as hung:
                self._end_child()
                if _is_recorded(hung.index, attempt):  # it stood still after its work was done
                    return _ended(Status.TIMEOUT, "hang", f"After index {hung.index}: {hung}.")
                attempt.append(Record(hung.index, {}, str(hung)))
                attempt.close()
                continue
            if self._is_fresh:
                self._finish_child()
            return outcome

    def _measure_once(self, item: Item, attempt: Attempt, *, deadline: float | None) -> Outcome:
        child = self._child or ChildProcess.spawn(self._setup, attempt, adopts_orphans=self._adopts_orphans)
        self._child = child
        watch = _Watch(self._plan, attempt, child, deadline)
        child.send(Task(item.case, item.num_wanted, str(attempt.folder), is_synced=attempt.is_synced))
        outcome: Outcome | None = None
        last_check = time.monotonic()
        while True:
            for news in child.read(is_ready=self._wait(child)):
                outcome = news.outcome or outcome
                if news.exit_code is not None:
                    return outcome or _crashed(news.exit_code)
                if outcome is not None and not self._is_forked:
                    return outcome
                if news.num_records:
                    self._report(Event(case_id=item.case.id, num_records=news.num_records))
            if child.has_ended:
                self._child = None
                code = child.end()
                return outcome or _crashed(code)
            if outcome is None:
                watch.check()
                last_check = time.monotonic()
            elif time.monotonic() > last_check + _CLOSE_SECONDS:  # a fork that can't end
                self._end_child()
                return outcome

    def _wait(self, child: ChildProcess) -> bool:
        """Wait for news, a tick at most; whether there is some."""
        watched = [child.messages] if self._lifeline is None else [child.messages, self._lifeline]
        ready, _, _ = select.select(watched, [], [], _TICK_SECONDS)
        if self._lifeline in ready:
            raise Stopped
        return child.messages in ready

    def _check_lifeline(self) -> None:
        if self._lifeline is not None and select.select([self._lifeline], [], [], 0)[0]:
            raise Stopped

    def _finish_child(self) -> None:
        """Let the child close its session, then end what is left of it."""
        if self._child is None:
            return
        self._child.close_tasks()
        deadline = time.monotonic() + _CLOSE_SECONDS
        while not self._child.has_ended and time.monotonic() < deadline:
            list(self._child.read(is_ready=self._wait(self._child)))
        self._end_child()

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _HungError(Exception):
    """The child made no progress at an index."""

    def __init__(self, index: int, seconds: float) -> None:
        super().__init__(f"timeout: nothing happened for {seconds:g} s; the process was killed")
        self.index = index


class _Watch:
    """Beats the heartbeat of one run and enforces its limits."""

    def __init__(self, plan: Plan, attempt: Attempt, child: ChildProcess, deadline: float | None) -> None:
        self._limits = plan.limits
        self._hang_seconds = plan.hang_seconds
        self._attempt = attempt
        self._child = child
        self._deadline = deadline
        self._next_beat = time.monotonic() + BEAT_SECONDS
        self._before = attempt.progress()  # of a child that was killed; this one may be long in opening its session
        self._over: tuple[int, float] | None = None
        """What held too much memory, and since when."""
        self._progress: tuple[int, int] | None = None
        self._progress_time = time.monotonic()

    def check(self) -> None:
        """Raise _KilledError for a limit, _HungError for a measurement that stands still."""
        present = time.monotonic()
        if present > self._next_beat:
            self._attempt.beat()
            self._next_beat = present + BEAT_SECONDS
        if self._deadline is not None and present > self._deadline:
            text = f"The run took longer than its limit of {self._limits.seconds:g} s."
            raise _KilledError(_ended(Status.TIMEOUT, "time", text))
        self._check_memory()
        self._check_progress(present)

    def _check_memory(self) -> None:
        limit = self._limits.resident_bytes
        if limit is None:
            return
        measuring = self._child.measuring_pid
        used = platform.resident_bytes(measuring)
        if used is None or used <= limit:
            self._over = None
            return
        present = time.monotonic()
        if self._over is None or self._over[0] != measuring:
            self._over = measuring, present
        if present - self._over[1] >= _FORK_SECONDS:
            text = f"The run held {used / 2**20:.0f} MiB of memory; its limit is {limit / 2**20:.0f} MiB."
            raise _KilledError(_ended(Status.FAILED, MEMORY, text))

    def _check_progress(self, present: float) -> None:
        if self._hang_seconds is None:
            return
        progress = self._attempt.progress()
        is_nowhere = progress is None or progress == self._before or progress[0] == NOWHERE
        if is_nowhere or progress != self._progress:
            self._progress, self._progress_time = progress, present
        elif self._progress is not None and present - self._progress_time > self._hang_seconds + _GRACE_SECONDS:
            raise _HungError(self._progress[0], self._hang_seconds)


def _is_recorded(index: int, attempt: Attempt) -> bool:
    return any(record.index == index for record in read_records(attempt.folder / "records.jsonl").records)


def _ended(status: Status, kind: str, message: str, *, hint: str = "") -> Outcome:
    return Outcome(status=status, fail_kind=kind, fail_trace=f"{message}{hint}", message=message)


def _crashed(code: int) -> Outcome:
    if code == -signal.SIGTERM:
        time.sleep(_OWN_SIGNAL_SECONDS)
    how = f"exit code {code}" if code >= 0 else f"signal {_signal_name(-code)}"
    if code == -signal.SIGKILL and sys.platform == "linux":
        how += " (out of memory, or killed by hand)"
    message = f"The measuring process ended by {how}."
    kind = KILLED if code == -signal.SIGKILL else "crash"
    return _ended(Status.FAILED, kind, message, hint=" What it printed is in cout.txt.")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
