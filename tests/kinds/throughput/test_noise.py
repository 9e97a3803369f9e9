from __future__ import annotations

import subprocess
import sys
import time

import pytest

from rlgauge.kinds.throughput.noise import Disturbance, Moment, Noise


@pytest.mark.parametrize(
    ("steal", "others", "noise"),
    [
        (0.0, 0.0, Noise.QUIET),
        (None, None, Noise.UNKNOWN),
        (0.02, 0.0, Noise.NOISY),
        (0.0, 0.2, Noise.NOISY),
        (0.2, 0.0, Noise.INVALID),
        (0.0, 0.6, Noise.INVALID),
    ],
)
def test_steal_and_other_processes_are_noise(steal, others, noise):
    assert Disturbance(seconds=1, cpu_seconds=1, steal=steal, others=others, switches=0).noise is noise


def test_own_work_is_told_from_others():
    start = Moment.before()
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        pass
    took = Moment.after().since(start)
    assert took.seconds == pytest.approx(0.5, abs=0.2)
    assert 0.1 < took.cpu_seconds <= took.seconds + 0.05


def test_work_of_processes_that_it_started_is_its_own(monkeypatch):
    burning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        start = Moment.before()
        time.sleep(0.6)
        took = Moment.after().since(start)
        monkeypatch.setattr("rlgauge.core.platform.descendants", lambda _pid: [])
        start = Moment.before()
        time.sleep(0.6)
        unowned = Moment.after().since(start)
    finally:
        burning.kill()
        burning.wait()
    assert took.cpu_seconds > 0.1 > unowned.cpu_seconds
    assert unowned.others > 0.2
