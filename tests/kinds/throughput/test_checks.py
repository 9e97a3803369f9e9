from __future__ import annotations

import pytest

from rlgauge.kinds.throughput.checks import (
    LENGTHS,
    CheckError,
    check_change,
    check_counts,
    check_work,
    warnings_of,
    why_lengths_are_unchecked,
)
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.prepared import Done

CARTPOLE = Point(environment="cartpole", library="rlgauge", num_envs=10)


def test_episodes_as_long_as_random_ones_pass():
    checked = check_work(CARTPOLE, [Done(22_400, 1_000, 22_400.0)], {"flops": 12.0})
    assert any("mean length 22.40 of 1000 episodes" in text for text in checked)


@pytest.mark.parametrize(
    ("done", "facts", "message"),
    [
        (Done(30_000, 1_000, 1.0), {}, "here 30.00 of 1000"),
        (Done(9_000, 1_000, 1.0), {}, "here 9.00"),
        (Done(0, 0, 0.0), {}, "took no step"),
        (Done(30_000, 0, 1.0), {}, "No episode ended in 30000 random steps"),
        (Done(22_400, 1_000, float("nan")), {}, "not finite"),
        (Done(22_400, 1_000, 1.0), {"flops": 0.0}, "the compiler has removed the work"),
    ],
)
def test_work_that_was_not_done_fails_the_point(done, facts, message):
    with pytest.raises(CheckError, match=message):
        check_work(CARTPOLE, [done], facts)


def test_few_episodes_are_no_evidence():
    assert check_work(CARTPOLE, [Done(1_000, 30, 1.0)], {})


def test_two_ways_of_the_same_steps_must_agree():
    one = Done(1_000, 44, 1_000.0)
    assert "44 episodes of 1000 steps" in check_counts(CARTPOLE, one, one, how="in chunks of 3")
    for other in (Done(1_000, 45, 1_000.0), Done(1_000, 44, 1_100.0)):
        with pytest.raises(CheckError, match="in chunks of 3"):
            check_counts(CARTPOLE, one, other, how="in chunks of 3")


def test_environments_in_their_first_steps_have_no_lengths_to_check():
    point = Point(environment="cartpole", library="ours", num_envs=10**5)
    done = [Done(10**5, 0, 1e5)]
    with pytest.raises(CheckError, match="No episode ended"):
        check_work(point, done, {})
    assert check_work(point, done, {}, is_settled=False) == ["rewards sum to 100000"]


def test_the_name_that_a_library_has_for_an_environment_is_checked_like_ours():
    point = Point(environment="CartPole-v1", library="gymnax", num_envs=10)
    with pytest.raises(CheckError, match=r"last 22\.2 to 22\.6 steps"):
        check_work(point, [Done(30_000, 1_000, 30_000.0)], {})


def test_steps_that_change_nothing_and_end_nothing_are_none():
    with pytest.raises(CheckError, match="do nothing"):
        check_change(CARTPOLE, [Done(100, 0, 0.0)], has_changed=False)
    assert check_change(CARTPOLE, [Done(100, 0, 0.0)], has_changed=True) == ["the state changes"]
    assert check_change(CARTPOLE, [Done(100, 3, 0.0)], has_changed=False) == []


def test_loops_that_show_nothing_must_end_episodes_or_give_rewards():
    with pytest.raises(CheckError, match="Nothing shows"):
        check_change(CARTPOLE, [Done(100, 0, 0.0)], has_changed=None)
    assert check_change(CARTPOLE, [Done(100, 0, 1.0)], has_changed=None) == []
    assert check_change(CARTPOLE, [Done(100, 1, 0.0)], has_changed=None) == []


def test_an_environment_of_whole_numbers_needs_no_floats():
    point = Point(environment="toys:Whole", library="py", num_envs=10)
    checked = check_work(point, [Done(9, 1, 1.0)], {"flops": 0.0})
    assert "at least 0 floating-point operations in the compiled step of a block" in checked[1]


@pytest.mark.parametrize(
    ("axes", "done", "is_settled", "why"),
    [
        ({}, Done(22_400, 1_000, 1.0), True, None),
        ({"policy": "fixed"}, Done(22_400, 1_000, 1.0), True, "fixed actions"),
        ({"policy": "predrawn"}, Done(22_400, 1_000, 1.0), True, "predrawn actions"),
        ({}, Done(22_400, 1_000, 1.0), False, "episodes in step"),
        ({}, Done(1_000, 30, 1.0), True, "fewer than 200 episodes"),
        ({"environment": "mine:Env"}, Done(22_400, 1_000, 1.0), True, "how long they must be is not known"),
    ],
)
def test_why_lengths_tell_nothing_is_said_exactly_where_they_are_not_checked(axes, done, is_settled, why):
    point = Point(**{"environment": "cartpole", "library": "rlgauge", "num_envs": 10, **axes})
    checked = check_work(point, [done], {}, is_settled=is_settled)
    assert why_lengths_are_unchecked(point, [done], is_settled=is_settled) == why
    assert any(text.startswith(LENGTHS) for text in checked) is (why is None)


class Standing:
    """Stands still, and says how often it was asked."""

    def __init__(self):
        self.asked = []

    def stands_still(self, num_trips):
        self.asked.append(num_trips)
        return True


def test_what_stands_still_is_a_warning_and_is_looked_for_only_where_nothing_happened():
    prepared = Standing()
    assert "one repetition more ended no episode" in warnings_of(prepared, 300, Done(1_200, 0, 0.0))[0]
    assert prepared.asked == [300]
    for last in (Done(1_200, 1, 0.0), Done(1_200, 0, 0.5)):
        assert warnings_of(prepared, 300, last) == []
    assert prepared.asked == [300]
