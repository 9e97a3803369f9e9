from __future__ import annotations

import subprocess
import sys
import time

import psutil
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
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    took = Moment.after().since(start)
    assert took.cpu_seconds == pytest.approx(0.3, abs=0.1)
    assert took.seconds >= 0.3


def wait_for_work(process, seconds):
    """Until it has kept a processor busy for so long."""
    watched = psutil.Process(process.pid)
    start = sum(watched.cpu_times()[:2])
    while sum(watched.cpu_times()[:2]) - start < seconds:
        time.sleep(0.02)


def test_work_of_processes_that_it_started_is_its_own(monkeypatch):
    burning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        start = Moment.before()
        wait_for_work(burning, 0.3)
        took = Moment.after().since(start)
        monkeypatch.setattr("rlgauge.core.platform.descendants", lambda _pid: [])
        start = Moment.before()
        wait_for_work(burning, 0.3)
        unowned = Moment.after().since(start)
    finally:
        burning.kill()
        burning.wait()
    assert took.cpu_seconds > 0.25
    assert unowned.cpu_seconds < 0.15
    assert unowned.others * unowned.seconds > 0.1
