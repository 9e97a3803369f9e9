"""Following runs by their folders: news, ends, mistakes, and the death of workers on other machines."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from rlgauge.core import claim
from rlgauge.core.execute import Event, Item, Plan
from rlgauge.core.run import USAGE, Record, Status
from rlgauge.core.store import Attempt, Store
from rlgauge.launch import following
from rlgauge.launch.following import follow
from tests import odd_toys


@pytest.fixture
def items() -> list[Item]:
    return [Item(case=case) for case in odd_toys.Odd(num_cases=2).cases()]


def begin(store: Store, item: Item, *, host: str | None = None) -> Attempt:
    """An attempt of this process, or of one on another machine."""
    plan = Plan(root=str(store.root), workload=None, items=[item])
    attempt = store.claim(item.case, item.need, plan.config(item), plan.start())
    assert attempt is not None
    if host is not None:
        path = claim.claim_path(attempt.folder.parent, claim.number_of(attempt.folder.name))
        made = claim.read_claim(attempt.folder.parent, claim.number_of(attempt.folder.name))
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(made, host=host)))
    return attempt


def events_while(happens: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Has one of these happen in each pause between two looks; the pauses."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if happens:
            happens.pop(0)()

    monkeypatch.setattr(following.time, "sleep", sleep)
    return pauses


def test_news_and_ends_are_told_once(tmp_path: Path, items: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    first, second = begin(store, items[0]), begin(store, items[1])
    events_while(
        [
            lambda: first.append(Record(0, {"value": 0.0})),
            lambda: first.commit(Status.COMPLETED),
            lambda: None,
            lambda: second.commit(Status.FAILED, fail_kind="error", fail_trace="it broke"),
        ],
        monkeypatch,
    )
    ids = [item.case.id for item in items]
    assert list(follow(store, items, is_over=lambda: False)) == [
        Event(case_id=ids[0], num_records=0),
        Event(case_id=ids[1], num_records=0),
        Event(case_id=ids[0], num_records=1),
        Event(case_id=ids[0], num_records=1, status=Status.COMPLETED),
        Event(case_id=ids[1], num_records=0, status=Status.FAILED, fail_kind="error", message="it broke"),
    ]


def test_an_end_between_the_question_and_the_last_look_is_not_missed(tmp_path: Path, items: list[Item]) -> None:
    store = Store(tmp_path)
    attempt = begin(store, items[0])

    def is_over() -> bool:
        attempt.commit(Status.COMPLETED)
        return True

    assert [event.status for event in follow(store, items, is_over=is_over)] == [Status.COMPLETED]


def test_a_worker_killed_on_another_machine_is_waited_for_until_its_heartbeat_is_old(
    tmp_path: Path, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    attempt = begin(store, items[0], host="elsewhere")
    pauses = events_while([lambda: None, lambda: os.utime(attempt.folder / "heartbeat", (0, 0))], monkeypatch)
    list(follow(store, items[:1], is_over=lambda: True, linger_seconds=70))
    assert len(pauses) == 2
    assert not store.is_busy(items[0].case)


def test_a_run_that_goes_on_elsewhere_is_waited_for_no_longer_than_asked(
    tmp_path: Path, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(Store(tmp_path), items[0], host="elsewhere")
    pauses = events_while([], monkeypatch)
    list(follow(Store(tmp_path), items[:1], is_over=lambda: True))
    assert pauses == []


@pytest.mark.parametrize(("begun", "is_told"), [(0, True), (1, False)])
def test_a_mistake_in_the_command_is_told_of_this_work_only(
    tmp_path: Path, items: list[Item], begun: int, is_told: bool
) -> None:
    store = Store(tmp_path)
    begin(store, items[0]).commit(Status.FAILED, fail_kind=USAGE, fail_trace="There is no policy.zip.")
    events = list(follow(store, items[:1], is_over=lambda: True, begun={items[0].case.id: begun}))
    assert [event.message for event in events] == ["There is no policy.zip."] * is_told


def test_looking_takes_a_small_part_of_the_time(
    tmp_path: Path, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    clock = iter([0.0, 3.0, 20.0, 23.0])
    pauses = events_while([], monkeypatch)
    monkeypatch.setattr(following.time, "monotonic", lambda: next(clock))
    list(follow(Store(tmp_path), items, is_over=lambda: next(answers), seconds=0.5))
    assert pauses == [12.0]


def test_what_is_done_with_the_news_is_no_part_of_looking(
    tmp_path: Path, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = begin(Store(tmp_path), items[0])
    clock = [0.0]
    pauses = events_while([lambda: attempt.commit(Status.COMPLETED)], monkeypatch)
    monkeypatch.setattr(following.time, "monotonic", lambda: clock[0])
    for _event in follow(Store(tmp_path), items[:1], is_over=lambda: False, seconds=0.5):
        clock[0] += 100.0
    assert pauses == [0.5, 0]
