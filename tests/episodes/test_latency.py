from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.core.errors import UserError
from rlgauge.episodes.latency import Durations, Latency

SECONDS = st.floats(1e-8, 1e4)


def noted(seconds) -> Durations:
    durations = Durations()
    for one in seconds:
        durations.append(one)
    return durations


@given(st.lists(SECONDS, min_size=1), st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]))
def test_quantiles_are_those_of_the_durations_to_a_bin(seconds, q):
    exact = np.quantile(seconds, q, method="inverted_cdf")
    assert noted(seconds).quantile(q) == pytest.approx(exact, rel=0.0117)


def test_nothing_noted_has_no_quantile():
    assert Durations().quantile(0.5) is None
    assert Durations().num == 0


def test_a_quantile_outside_0_to_1_is_refused():
    with pytest.raises(UserError, match="between 0 and 1"):
        noted([1.0]).quantile(95)


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_durations_of_two_runs_add_up(first, second):
    together = noted(first)
    together.add(noted(second))
    assert together.to_json() == noted([*first, *second]).to_json()
    assert together.num == len(first) + len(second)


@given(st.lists(SECONDS))
def test_the_histogram_survives_json(seconds):
    durations = noted(seconds)
    assert Durations(durations.to_json()).to_json() == durations.to_json()


def test_a_clock_that_stands_still_is_no_error():
    assert noted([0.0, 0.0]).quantile(0.5) == pytest.approx(1e-9, rel=0.02)


def test_memory_does_not_grow_with_the_number_of_durations():
    durations = Durations()
    for index in range(20_000):
        durations.append(1e-6 * (1 + index % 7))
        assert len(durations.pending) <= 4096
    assert len(durations.to_json()) == 7
    latency = Latency()
    for _ in range(9000):
        latency.environment.pending.append(1e-5)
        latency.policy.pending.append(1e-5)
        latency.flush()
        assert len(latency.environment.pending) <= 4096
        assert len(latency.policy.pending) <= 4096
    assert latency.environment.num == latency.policy.num == 9000


def test_the_three_parts_stay_apart_through_json():
    latency = Latency()
    latency.policy.append(1.0)
    latency.environment.append(0.01)
    total = Latency()
    total.add_json(latency.to_json())
    total.add_json(latency.to_json())
    assert (total.policy.num, total.environment.num, total.render.num) == (2, 2, 0)
    assert math.isclose(total.policy.quantile(0.5), 1.0, rel_tol=0.012)
