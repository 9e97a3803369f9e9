"""Runs in this process: for live objects, for debugging, and where nothing may be started."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

from rlgauge.core import execute
from rlgauge.core.execute import Event, Item, Outcome, Plan
from rlgauge.core.run import Status
from rlgauge.core.store import BEAT_SECONDS, Attempt, Store
from rlgauge.core.workload import Measure, Workload


class Inline:
    """Measures case after case here. It can't survive a crash of what it measures, nor enforce limits."""

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Run every item that nobody else runs; yields each run's end."""
        del path
        store = Store(plan.root)
        with workload.session() as measure:
            for item in plan.items:
                attempt = store.claim(item.case, plan.need(item), plan.config(item), plan.start())
                if attempt is not None:
                    yield _run(item, attempt, measure)


def _run(item: Item, attempt: Attempt, measure: Measure) -> Event:
    attempt.num_wanted = item.num_wanted
    with _Heartbeat(attempt):
        try:
            outcome = execute.measure(attempt, item.case, measure, lambda _record: None)
        except KeyboardInterrupt:
            attempt.commit(Status.INTERRUPTED)
            raise
    return commit(item, attempt, outcome)


def commit(item: Item, attempt: Attempt, outcome: Outcome) -> Event:
    """Commit the end of a run; the event that tells of it."""
    end = attempt.commit(
        outcome.status, result=outcome.result, fail_kind=outcome.fail_kind, fail_trace=outcome.fail_trace
    )
    return Event(
        case_id=item.case.id,
        num_records=end.num_records or 0,
        status=outcome.status,
        fail_kind=outcome.fail_kind,
        message=outcome.message,
    )


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
        while not self._ended.wait(BEAT_SECONDS):
            self._attempt.beat()
