from __future__ import annotations

import contextlib
import signal
import threading
from time import perf_counter

import pytest

from rlgauge.episodes import alarm as alarm_module
from rlgauge.episodes.alarm import EpisodeTimeoutError, StepAlarm
from tests import gyms


@pytest.fixture
def ticking(monkeypatch):
    """An alarm that is entered, and a function that lets it tick at a time."""

    def enter(limit: float) -> tuple[StepAlarm, object]:
        times: list[float] = []
        monkeypatch.setattr(alarm_module, "perf_counter", lambda: times[-1])
        alarm = StepAlarm(limit)

        def tick(time: float) -> None:
            times.append(time)
            signal.getsignal(signal.SIGALRM)(signal.SIGALRM, None)

        return alarm, tick

    return enter


def test_a_step_that_has_lasted_longer_than_the_limit_is_interrupted_once(ticking):
    alarm, tick = ticking(60.0)
    with alarm:
        alarm.step_start = 100.0
        tick(160.0)
        with pytest.raises(EpisodeTimeoutError):
            tick(160.1)
        tick(1000.0)


def test_nothing_is_interrupted_outside_of_steps(ticking):
    alarm, tick = ticking(60.0)
    with alarm:
        tick(1e9)


def test_a_sleep_is_really_interrupted():
    with StepAlarm(0.05) as alarm:
        alarm.step_start = perf_counter()
        with pytest.raises(EpisodeTimeoutError):
            gyms.sleep_in_python()


def test_code_that_catches_every_exception_does_not_catch_the_alarm():
    assert not issubclass(EpisodeTimeoutError, Exception)


def test_the_handler_and_the_timer_of_before_go_on_afterwards():
    def mine(number, frame): ...

    outer = signal.signal(signal.SIGALRM, mine)
    timer = signal.setitimer(signal.ITIMER_REAL, 500.0, 250.0)
    try:
        with contextlib.suppress(RuntimeError), StepAlarm(60.0):
            assert signal.getsignal(signal.SIGALRM) != mine
            raise RuntimeError
        assert signal.getsignal(signal.SIGALRM) is mine
        delay, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 490 < delay <= 500
        assert interval == 250
    finally:
        signal.signal(signal.SIGALRM, outer)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def test_without_a_limit_or_outside_the_main_thread_nothing_is_armed():
    before = signal.getsignal(signal.SIGALRM)
    with StepAlarm(None) as alarm:
        assert signal.getsignal(signal.SIGALRM) is before
        assert not alarm.is_over(1e12)
    armed = []

    def enter():
        with StepAlarm(60.0) as alarm:
            armed.append(signal.getsignal(signal.SIGALRM) is not before)
            assert alarm.is_over(61.0)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert armed == [False]
