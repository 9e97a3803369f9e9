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
        (None, None, Noise.QUIET),
        (0.02, 0.0, Noise.NOISY),
        (0.0, 0.2, Noise.NOISY),
        (0.2, 0.0, Noise.INVALID),
        (0.0, 0.6, Noise.INVALID),
    ],
)
def test_steal_and_other_processes_are_noise(steal, others, noise):
    assert Disturbance(seconds=1, cpu_seconds=1, steal=steal, others=others, switches=0).noise is noise


def test_own_work_is_told_from_others():
    start = Moment.now()
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        pass
    took = Moment.now().since(start)
    assert took.seconds == pytest.approx(0.5, abs=0.2)
    assert 0.1 < took.cpu_seconds <= took.seconds + 0.05


def test_another_process_that_is_busy_is_seen():
    burning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        start = Moment.now()
        time.sleep(1.0)
        others = Moment.now().since(start).others
    finally:
        burning.kill()
        burning.wait()
    assert others is not None
    assert others > 0.3
