from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.core.errors import UserError
from rlgauge.kinds.throughput.point import Point, default_block, default_chunk, is_odd_block, largest_divisor


def point(**axes):
    return Point(environment="cartpole", library="rlgauge", **{"num_envs": 100, **axes})


@pytest.mark.parametrize(
    ("num_envs", "chunk"),
    [
        (1, 256),
        (9_999, 256),
        (10_000, 128),
        (100_000, 128),
        (100_001, 32),
        (1_000_000, 32),
        (1_000_001, 16),
        (2_000_000, 16),
        (2_000_001, 8),
        (5_000_000, 8),
    ],
)
def test_the_more_environments_the_shorter_a_scan(num_envs, chunk):
    assert default_chunk(num_envs) == chunk


@given(st.integers(1, 3_000_000))
def test_a_block_divides_the_environments_and_no_divisor_is_nearer_to_the_best(num_envs):
    block = default_block(num_envs)
    assert num_envs % block == 0
    divisors = [one for one in range(1, int(num_envs**0.5) + 1) if num_envs % one == 0]
    far = min(max(one, 10_000) / min(one, 10_000) for small in divisors for one in (small, num_envs // small))
    assert max(block, 10_000) / min(block, 10_000) == far


@pytest.mark.parametrize(
    ("num_envs", "block", "is_odd"),
    [
        (7, 7, False),
        (100_000, 10_000, False),
        (10_007, 10_007, False),
        (1_000_003, 1_000_003, True),
        (15_000, 7_500, False),
    ],
)
def test_a_number_without_a_good_block_is_stepped_at_once_and_known_as_odd(num_envs, block, is_odd):
    assert default_block(num_envs) == block
    assert is_odd_block(num_envs, block) is is_odd


@given(st.integers(1, 5_000), st.integers(1, 5_000))
def test_the_largest_divisor_is_the_largest(number, most):
    assert largest_divisor(number, most) == max(n for n in range(1, min(number, most) + 1) if number % n == 0)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"num_envs": 0}, "num_envs=0: there must be at least one"),
        ({"num_envs": -3}, "num_envs=-3"),
        ({"num_envs": 10**30}, "no machine holds more than 1,000,000,000,000"),
        ({"scan_chunk_size": 0}, "scan_chunk_size=0"),
        ({"block": 7}, "block=7 does not divide 100 environments; try 5"),
        ({"devices": 3}, "can't be shared evenly by 3 devices"),
        ({"devices": 2, "block": 100}, "does not divide 50 environments a device"),
        ({"policy": "randm"}, "Did you mean 'random'"),
        ({"emit": "both"}, "emit"),
        ({"rng": "mt19937"}, "rng"),
    ],
)
def test_what_cannot_be_measured_is_refused(axes, message):
    with pytest.raises(UserError, match=message):
        point(**axes)


def test_what_is_left_to_the_runner_is_no_part_of_the_case():
    assert "block" not in point().params
    assert point(block=50).params["block"] == 50
