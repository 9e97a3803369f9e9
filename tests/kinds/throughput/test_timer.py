from __future__ import annotations

import time

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.throughput import timer
from rlgauge.kinds.throughput.noise import Disturbance, Noise
from rlgauge.kinds.throughput.prepared import Done
from rlgauge.kinds.throughput.timer import Settings


class Sleeping:
    """A trip is 10 steps of 3 environments and takes a millisecond; the first one longer."""

    steps_per_trip = 10

    def __init__(self):
        self.trips = []

    def go(self, num_trips):
        time.sleep(0.05 if not self.trips else 0.001 * num_trips)
        self.trips.append(num_trips)
        return Done(30 * num_trips, num_trips, 1.0)


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(Disturbance, "noise", Noise.QUIET)


@pytest.mark.usefixtures("quiet")
def test_repetitions_are_as_long_as_asked_and_the_first_call_is_none_of_them():
    env = Sleeping()
    series = timer.measure(env, Settings(min_seconds=0.02, warmup=2, repeats=4, burn_in=95))
    assert series.first_seconds > 0.05
    assert env.trips[0] == 1
    assert env.trips[-10:] == [1, 2, 4, 3, *[series.num_trips] * 6]
    assert series.burn_in == 100
    assert all(0.02 <= one.took.seconds < 0.2 for one in series.repetitions)
    assert [one.done.num_steps for one in series.repetitions] == [30 * series.num_trips] * 4
    assert series.num_tries == 1


@pytest.mark.usefixtures("quiet")
def test_slow_environments_are_not_burnt_in_for_ever(monkeypatch):
    monkeypatch.setattr(timer, "_BURN_IN_SECONDS", 0.0)
    series = timer.measure(Sleeping(), Settings(min_seconds=0.02, repeats=1, burn_in=95))
    assert series.burn_in == 0


@pytest.mark.usefixtures("quiet")
def test_so_many_steps_are_so_many_trips():
    env = Sleeping()
    series = timer.measure(env, Settings(num_steps=70, warmup=0, repeats=2, burn_in=0))
    assert env.trips == [1, 7, 7]
    assert series.num_trips == 7


def test_steps_that_are_no_whole_chunks_are_refused():
    with pytest.raises(UserError, match="no multiple of 10"):
        timer.measure(Sleeping(), Settings(num_steps=75))


def test_where_something_else_went_on_it_is_tried_again_and_the_quietest_series_is_kept(monkeypatch):
    others = iter([0.4, 0.2, 0.9])
    seen = []

    def repeat(*_args, **_options):
        seen.append(Disturbance(seconds=1, cpu_seconds=1, steal=0.0, others=next(others), switches=0))
        return [], seen[-1]

    monkeypatch.setattr(timer, "_repeat", repeat)
    series = timer.measure(Sleeping(), Settings(min_seconds=0.001))
    assert series.disturbance is seen[1]
    assert series.noise is Noise.NOISY
    assert series.num_tries == 3


@pytest.mark.parametrize(
    "given", [{"repeats": 0}, {"warmup": -1}, {"num_steps": 0}, {"min_seconds": 0}, {"min_seconds": float("nan")}]
)
def test_what_cannot_be_timed_is_refused(given):
    with pytest.raises(UserError):
        Settings(**given)
