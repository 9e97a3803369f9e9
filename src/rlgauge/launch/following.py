"""What workers elsewhere do, as the folders of their runs tell it: no line connects them with the driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping

from rlgauge.core.claim import number_of
from rlgauge.core.execute import POLL_SECONDS, Event, Item
from rlgauge.core.run import USAGE, Run, Status, read_records
from rlgauge.core.store import Store

_REST = 4.0
"""So many times as long as looking took is waited before the next look."""


def follow(
    store: Store,
    items: Iterable[Item],
    *,
    is_over: Callable[[], bool],
    seconds: float = POLL_SECONDS,
    begun: Mapping[str, int] | None = None,
    linger_seconds: float = 0.0,
) -> Generator[Event]:
    """News of the items' runs, looked for every so many seconds, until all have ended or `is_over` says so.

    `is_over` is asked before the folders are looked at for the last time, so that no end is missed. After it, runs that
    still count as alive are waited for, so long at most: of a worker that was killed on another machine only the age of
    its heartbeat tells. `begun` is the last attempt, by case id, before this work: a mistake in the command is told
    only of later ones.
    """
    waiting = {item.case.id: item for item in items}
    old = begun or {}
    told: dict[str, tuple[str, int]] = {}
    over_since: float | None = None
    while waiting:
        start = time.monotonic()
        is_last = is_over()
        found: list[Event] = []
        for item in list(waiting.values()):
            run = store.find(item.case)
            if run is None:
                continue
            if not store.needs(item.case, item.need) or _is_new_mistake(run, old):
                del waiting[item.case.id]
                found.append(_ended(run))
            elif run.status is Status.RUNNING and (news := _news(run)) != told.get(item.case.id):
                told[item.case.id] = news
                found.append(Event(case_id=item.case.id, num_records=news[1]))
        present = time.monotonic()
        yield from found  # who hears them may take long, and that is no part of looking
        over_since = (over_since or present) if is_last else None
        if over_since is not None and not _may_go_on(store, waiting.values(), over_since + linger_seconds - present):
            return
        time.sleep(max(seconds, _REST * (present - start)) if waiting else 0)


def _may_go_on(store: Store, items: Iterable[Item], seconds_left: float) -> bool:
    return seconds_left > 0 and any(store.is_busy(item.case) for item in items)


def _is_new_mistake(run: Run, begun: Mapping[str, int]) -> bool:
    return run.file.fail_kind == USAGE and number_of(run.attempt) > begun.get(run.case.id, number_of(run.attempt))


def _news(run: Run) -> tuple[str, int]:
    """The attempt, and how many records it has."""
    return run.attempt, len(read_records(run.folder / "records.jsonl").records)


def _ended(run: Run) -> Event:
    return Event(
        case_id=run.case.id,
        num_records=run.num_records,
        status=run.status,
        fail_kind=run.file.fail_kind,
        message=run.file.fail_trace,
    )
