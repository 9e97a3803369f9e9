"""Launchers that each break one rule, or a few that go together."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from rlgauge.core import execute
from rlgauge.core.execute import Event, Item, LazySession, Outcome, Plan, commit, plan_file
from rlgauge.core.run import Status
from rlgauge.core.store import Attempt, Store
from rlgauge.core.workload import Measure, Workload
from rlgauge.launch.following import follow
from rlgauge.launch.inline import Inline
from rlgauge.launch.local import Local


def measured(plan: Plan, item: Item, measure: Measure, attempt: Attempt | None = None) -> tuple[Attempt, Outcome]:
    """A measurement by this process, which claims nothing."""
    store = Store(plan.root)
    if attempt is None:
        folder = store.root / item.case.folder
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{len(store.attempts(folder)) + 1}-{uuid.uuid4().hex[:6]}"
        attempt = Attempt.create(folder / name, plan.config(item), plan.start(), kept=[], note=None)
        attempt.num_wanted = item.num_wanted
    return attempt, execute.measure(attempt, item.case, measure, lambda _record: None)


class Doubling(Inline):
    """Measures the first case a second time."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        yield from super().launch(plan, path, workload)
        with workload.session() as measure:
            commit(plan.items[0], *measured(plan, plan.items[0], measure))


class Losing(Inline):
    """Loses the last case."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        yield from super().launch(msgspec.structs.replace(plan, items=plan.items[:-1]), path, workload)


class Unclaiming:
    """Measures every case, whoever else has done so, or does."""

    waits = True

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        with workload.session() as measure:
            for item in plan.items:
                yield commit(item, *measured(plan, item, measure))


class Glossing(Inline):
    """Takes every end for a good one."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        with contextlib.ExitStack() as stack:
            session = LazySession(lambda: workload, stack)
            for item in plan.items:
                attempt = Store(plan.root).claim(item.case, item.need, plan.config(item), plan.start())
                measured(plan, item, session.measure, attempt)
                yield commit(item, attempt, Outcome(status=Status.COMPLETED))


class Insisting(Inline):
    """Tries again what failed."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        yield from super().launch(plan, path, workload)
        again = [msgspec.structs.replace(item, rerun_up_to=1) for item in plan.items]
        yield from super().launch(msgspec.structs.replace(plan, items=again), path, workload)


class Wording(Inline):
    """Says of events what they don't."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        for event in super().launch(plan, path, workload):
            yield msgspec.structs.replace(event, **self.changes)


class Hasty(Inline):
    """Tells the ends before they come."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        for item in plan.items:
            yield Event(case_id=item.case.id, num_records=2, status=Status.COMPLETED)
        list(super().launch(plan, path, workload))


class Quiet(Inline):
    """Tells nothing."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        list(super().launch(plan, path, workload))
        yield from ()


class Stubborn(Inline):
    """Takes Ctrl-C for the end of its work."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        with contextlib.suppress(KeyboardInterrupt):
            yield from super().launch(plan, path, workload)


class Opening(Inline):
    """Opens the session where nobody expects it to fail, and never closes it."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        session = workload.session()
        measure = session.__enter__()
        for item in plan.items:
            attempt = Store(plan.root).claim(item.case, item.need, plan.config(item), plan.start())
            yield commit(item, *measured(plan, item, measure, attempt))
        KEPT.append(session)


KEPT: list[Any] = []
"""What must not be closed by being forgotten."""


class Forgetful(Inline):
    """Throws away what was measured before."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        for item in plan.items:
            for run in Store(plan.root).attempts(Path(plan.root, item.case.folder)):
                if Store(plan.root).needs(item.case, item.need):
                    (run.folder / "records.jsonl").write_bytes(b"")
        yield from super().launch(plan, path, workload)


class Endless(Inline):
    """Never comes to an end."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        yield from super().launch(plan, path, workload)
        time.sleep(600)


class Raising(Inline):
    """Fails where no run does."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        yield from super().launch(plan, path, workload)
        raise ConnectionError("the cluster is gone")


class Changing(Local):
    """Does not give its workers the plan that it was given."""

    def __init__(self, num_workers: int, **changes: Any) -> None:
        super().__init__(num_workers)
        self.changes = changes

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        other = msgspec.structs.replace(plan, **self.changes)
        with plan_file(other, Store(plan.root)) as own:
            yield from super().launch(other, own, workload)


class Leaving:
    """Starts a worker, and leaves it where it is, or kills it, when the launch is closed."""

    waits = True
    workers: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, *, kills: bool) -> None:
        self.kills = kills

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        command = [sys.executable, "-P", "-m", "rlgauge.worker", str(path.resolve())]
        worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.workers.append(worker)
        try:
            yield from follow(Store(plan.root), plan.items, is_over=lambda: worker.poll() is not None)
        finally:
            if self.kills:
                worker.kill()
                worker.wait()


class Forking:
    """Measures each case in a fork of this process. It knows no limits, and ends a fork alone, not what that began."""

    waits = True

    def __init__(self, *, closing_seconds: float = 0.0) -> None:
        self.closing_seconds = closing_seconds

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        for item in plan.items:
            attempt = Store(plan.root).claim(item.case, item.need, plan.config(item), plan.start())
            if attempt is not None:
                yield from self.run(plan, item, attempt, workload)

    def run(self, plan: Plan, item: Item, attempt: Attempt, workload: Workload) -> Iterator[Event]:
        pid = os.fork()
        if pid == 0:
            faulthandler.disable()
            os.dup2(os.open(attempt.folder / "cout.txt", os.O_WRONLY | os.O_APPEND), 1)
            code = 1
            with contextlib.suppress(BaseException), workload.session() as measure:
                code = 0 if measured(plan, item, measure, attempt)[1].status is Status.COMPLETED else 1
            os._exit(code)
        try:
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
                yield Event(case_id=item.case.id, num_records=0)
            yield commit(item, attempt, Outcome(status=Status.COMPLETED))
        except (GeneratorExit, KeyboardInterrupt):  # closed, or told to end by Ctrl-C where it did not hear in time
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            time.sleep(self.closing_seconds)
            attempt.commit(Status.INTERRUPTED)
            raise
