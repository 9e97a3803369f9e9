"""The supervisor's watch over one run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rlgauge.core.execute import Limits
from rlgauge.core.run import Status
from rlgauge.core.store import BEAT_SECONDS
from rlgauge.core.workload import NOWHERE
from rlgauge.worker import supervise
from rlgauge.worker.supervise import _HungError, _KilledError, _signal_name, _Watch


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


class Watched:
    """An attempt that says where it is, and counts the beats of its heart."""

    def __init__(self) -> None:
        self.where: tuple[int, int] | None = None
        self.num_beats = 0

    def progress(self) -> tuple[int, int] | None:
        return self.where

    def beat(self) -> None:
        self.num_beats += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(supervise, "time", made)
    return made


def watch(attempt: Watched, *, deadline: float | None = None, **limits: float) -> _Watch:
    plan = SimpleNamespace(limits=Limits(**limits), hang_seconds=5.0)
    return _Watch(plan, attempt, SimpleNamespace(pid=1), deadline)


def test_an_index_without_progress_hangs(clock: Clock) -> None:
    attempt = Watched()
    watched = watch(attempt)
    attempt.where = (3, 1)
    watched.check()
    clock.seconds += 6.9
    watched.check()
    clock.seconds += 0.2
    with pytest.raises(_HungError) as caught:
        watched.check()
    assert caught.value.index == 3


def test_what_belongs_to_no_index_may_take_as_long_as_it_likes(clock: Clock) -> None:
    attempt = Watched()
    watched = watch(attempt)
    attempt.where = (3, 1)
    watched.check()
    attempt.where = (NOWHERE, 2)
    for _ in range(3):
        watched.check()
        clock.seconds += 100.0


def test_progress_at_the_same_index_is_progress(clock: Clock) -> None:
    attempt = Watched()
    watched = watch(attempt)
    for count in range(10):
        attempt.where = (3, count)
        watched.check()
        clock.seconds += 6.9


def test_a_session_may_be_long_in_opening(clock: Clock) -> None:
    watched = watch(Watched())
    for _ in range(10):
        clock.seconds += 60
        watched.check()


def test_a_child_is_not_blamed_for_the_index_at_which_the_one_before_it_was_killed(clock: Clock) -> None:
    attempt = Watched()
    attempt.where = (3, 9)
    watched = watch(attempt)
    for _ in range(10):
        clock.seconds += 60
        watched.check()
    attempt.where = (4, 10)
    watched.check()
    clock.seconds += 7.1
    with pytest.raises(_HungError) as caught:
        watched.check()
    assert caught.value.index == 4


def test_the_heart_beats(clock: Clock) -> None:
    attempt = Watched()
    watched = watch(attempt)
    for _ in range(35):
        clock.seconds += 1
        watched.check()
    assert attempt.num_beats == int(35 / (BEAT_SECONDS + 1))


def test_a_run_that_takes_too_long_is_killed(clock: Clock) -> None:
    watched = watch(Watched(), deadline=clock.seconds + 10, seconds=10.0)
    watched.check()
    clock.seconds += 10.1
    with pytest.raises(_KilledError) as caught:
        watched.check()
    assert caught.value.outcome.status is Status.TIMEOUT
    assert caught.value.outcome.fail_trace == "The run took longer than its limit of 10 s."


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert _signal_name(11) == "SIGSEGV"
    assert _signal_name(40) == "40"
