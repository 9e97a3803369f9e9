"""Runs in this process: for live objects, for debugging, and where nothing may be started."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from pathlib import Path

from rlgauge.core import execute
from rlgauge.core.execute import Event, Item, LazySession, Plan
from rlgauge.core.files import StoreError
from rlgauge.core.run import Status
from rlgauge.core.store import BEAT_SECONDS, Attempt, Store
from rlgauge.core.workload import Measure, Workload


class Inline:
    """Measures case after case here. It can't survive a crash of what it measures, nor enforce limits."""

    waits = True

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields each run's end."""
        del path
        store = Store(plan.root)
        with contextlib.ExitStack() as stack:
            session = LazySession(lambda: workload, stack)
            for item in plan.items:
                attempt = store.claim(item.case, item.need, plan.config(item), plan.start())
                if attempt is not None:
                    yield _run(item, attempt, session.measure)


def _run(item: Item, attempt: Attempt, measure: Measure) -> Event:
    try:
        with _Heartbeat(attempt):
            outcome = execute.measure(attempt, item.case, measure, lambda _record: None)
        return execute.commit(item, attempt, outcome)
    except BaseException as error:
        Attempt.release(attempt.folder)  # this process lives on, and its claim with it
        if isinstance(error, KeyboardInterrupt):
            attempt.commit(Status.INTERRUPTED)
        raise


class _Heartbeat:
    """Touches the heartbeat while the measurement holds the main thread."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        with contextlib.suppress(StoreError):  # the next record, or the end, says the same
            while not self._ended.wait(BEAT_SECONDS):
                self._attempt.beat()
