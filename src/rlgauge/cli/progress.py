"""How far an evaluation is, on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rlgauge.cli.units import count_text, seconds_text
from rlgauge.core.execute import Event
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.workload import EvaluateWorkload

_LINE_SECONDS = 10.0

Listener = Callable[[Event], None]


class Tally:
    """Counts episodes, starting from what the store holds already."""

    def __init__(self, workload: EvaluateWorkload, store: Store, *, is_at_most: bool = False) -> None:
        """Look at what is there; fewer episodes may do where that is all `is_at_most`."""
        self.is_at_most = is_at_most
        self._lanes = workload.lanes
        self._running: set[str] = set()
        self._most_at_once = 1
        self._wanted: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self.num_failed = 0
        for case in workload.cases():
            run = store.find(case)
            self._wanted[case.id] = workload.num_wanted(case)
            self._count(case.id, 0 if run is None else run.num_records or len(run.records))
        self.num_before = self.num_done

    @property
    def num_wanted(self) -> int:
        """All episodes."""
        return sum(self._wanted.values())

    @property
    def num_done(self) -> int:
        """Episodes played so far, whenever it was."""
        return sum(self._done.values())

    @property
    def num_round(self) -> int:
        """So many episodes are played at a time: those in the lanes of one process begin together, and often end so."""
        return self._lanes * self._most_at_once

    def take(self, event: Event) -> None:
        """Count what a worker tells of."""
        if event.case_id not in self._wanted:
            return
        self._count(event.case_id, event.num_records)
        if event.status is None and 0 < event.num_records < self._wanted[event.case_id]:
            self._running.add(event.case_id)
            self._most_at_once = max(self._most_at_once, len(self._running))
        else:
            self._running.discard(event.case_id)
        if event.status is not None and event.status is not Status.COMPLETED:
            self.num_failed += 1

    def _count(self, case_id: str, num_records: int) -> None:
        self._done[case_id] = min(num_records, self._wanted[case_id])


@contextlib.contextmanager
def shown(workload: EvaluateWorkload, store: Store, *, is_at_most: bool = False) -> Iterator[Listener]:
    """What to tell of every event: a bar with the time left on a terminal, else a line now and then."""
    tally = Tally(workload, store, is_at_most=is_at_most)
    if sys.stderr.isatty():
        with _bar(tally) as listener:
            yield listener
    else:
        yield lines(tally)


@contextlib.contextmanager
def _bar(tally: Tally) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("episodes,"))
    left = (TimeRemainingColumn(compact=True), TextColumn("left{task.fields[failed]}"))
    with Progress(*columns, *left, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(
            f"Evaluating{' at most' if tally.is_at_most else ''}",
            total=tally.num_wanted,
            completed=tally.num_before,
            failed="",
        )

        def listen(event: Event) -> None:
            tally.take(event)
            failed = f", {tally.num_failed} failed" if tally.num_failed else ""
            progress.update(task, completed=tally.num_done, failed=failed)

        yield listen


def lines(tally: Tally, clock: Callable[[], float] = time.monotonic) -> Listener:
    """A listener that prints a line every 10 s at most."""
    last = clock()
    pace = _Pace(tally)

    def listen(event: Event) -> None:
        nonlocal last
        tally.take(event)
        present = clock()
        pace.look(present)
        if present - last >= _LINE_SECONDS:
            last = present
            print(_line(tally, pace.seconds_left(present)), file=sys.stderr, flush=True)

    return listen


class _Pace:
    """How fast episodes end, once all lanes have played their first: before that, processes began and were compiled."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._begun: tuple[float, int] | None = None

    def look(self, present: float) -> None:
        """Begin to count where the first round is over."""
        if self._begun is None and self._tally.num_done - self._tally.num_before >= self._tally.num_round:
            self._begun = present, self._tally.num_done

    def seconds_left(self, present: float) -> float | None:
        """How long it will take; None where nothing is left, and before another round was played."""
        num_left = self._tally.num_wanted - self._tally.num_done
        if self._begun is None or num_left <= 0:
            return None
        begun, num_begun = self._begun
        played = self._tally.num_done - num_begun
        return num_left * (present - begun) / played if played >= self._tally.num_round else None


def _line(tally: Tally, seconds_left: float | None) -> str:
    most = "at most " if tally.is_at_most else ""
    text = f"{tally.num_done} of {most}{tally.num_wanted} episodes"
    if seconds_left is not None:
        text += f", about {seconds_text(seconds_left)} left"
    return text + (f", {count_text(tally.num_failed, 'run')} failed" if tally.num_failed else "")
