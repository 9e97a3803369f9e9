from __future__ import annotations

import pytest

from rlgauge.kinds.train.algorithms.schedules import ExponentialBeta, LinearBeta


def test_the_linear_schedule_goes_down_to_nothing() -> None:
    schedule = LinearBeta(rampdown_rounds=4)
    assert [schedule.beta(index) for index in range(6)] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


def test_the_exponential_schedule_decays_from_one() -> None:
    schedule = ExponentialBeta(decay_probability=0.7)
    assert [schedule.beta(index) for index in range(4)] == pytest.approx([1.0, 0.7, 0.49, 0.343])
