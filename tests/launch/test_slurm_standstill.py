"""Cases that a task's time is too short for are given up; those that come further are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from rlgauge.core.execute import Event, Item, Plan
from rlgauge.core.run import Record, Status
from rlgauge.core.store import Need, Store
from rlgauge.launch.slurm_standstill import give_up
from tests import odd_toys

ITEM = Item(case=next(iter(odd_toys.Odd().cases())))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def attempt(
    store: Store,
    *,
    minutes: float = 29.0,
    status: Status = Status.INTERRUPTED,
    record: int | None = None,
    checkpoint: str | None = None,
) -> None:
    """An attempt that took so long, and what it brought."""
    plan = Plan(root=str(store.root), workload=None, items=[ITEM])
    began = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=minutes)
    start = msgspec.structs.replace(plan.start(), start_time=began.isoformat(timespec="microseconds"))
    made = store.claim(ITEM.case, ITEM.need, plan.config(ITEM), start)
    assert made is not None
    if record is not None:
        made.append(Record(record, {"value": 0.0}))
    if checkpoint is not None:
        (made.folder / "artifacts" / "checkpoints").mkdir()
        (made.folder / "artifacts" / "checkpoints" / checkpoint).write_text("weights")
    made.commit(status)


def judged(store: Store, minutes: int = 30) -> Event | None:
    plan = Plan(root=str(store.root), workload=None, items=[ITEM])
    return give_up(store, ITEM, plan, minutes=minutes, signal_seconds=30)


def test_what_brought_nothing_in_a_whole_task_times_out(store: Store) -> None:
    attempt(store)
    event = judged(store)
    assert event is not None
    assert (event.status, event.fail_kind) == (Status.TIMEOUT, "time")
    assert "interrupted after 29.0 of the 30 minutes of its task" in event.message
    assert not store.needs(ITEM.case, ITEM.need)
    assert not store.is_busy(ITEM.case)
    assert store.needs(ITEM.case, Need(rerun_up_to=store.num_attempts(ITEM.case)))  # --rerun-failed


def test_a_record_that_no_attempt_had_before_is_progress_and_one_that_was_there_is_none(store: Store) -> None:
    attempt(store, record=0)
    assert judged(store) is None
    attempt(store, record=1)
    assert judged(store) is None
    attempt(store, record=1)
    assert judged(store) is not None


def test_a_checkpoint_that_no_attempt_had_before_is_progress_and_one_that_was_there_is_none(store: Store) -> None:
    attempt(store, checkpoint="round-000.npz")
    assert judged(store) is None
    attempt(store, checkpoint="round-000.npz")
    assert judged(store) is not None


def test_what_had_less_than_a_whole_task_may_go_on(store: Store) -> None:
    attempt(store, minutes=20.0)
    assert judged(store) is None


def test_what_now_has_more_time_may_go_on(store: Store) -> None:
    attempt(store)
    assert judged(store, minutes=60) is None


@pytest.mark.parametrize("minutes", [1, 2, 5])
def test_a_task_that_is_told_to_stop_as_early_as_slurm_may_still_counts_as_whole(store: Store, minutes: int) -> None:
    attempt(store, minutes=max(minutes - 1.6, 0.35 * minutes))
    assert judged(store, minutes=minutes) is not None


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_what_has_ended_by_itself_is_left_as_it_is(store: Store, status: Status) -> None:
    attempt(store, status=status)
    assert judged(store) is None


def test_what_never_began_is_left_as_it_is(store: Store) -> None:
    assert judged(store) is None
    assert store.num_attempts(ITEM.case) == 0
