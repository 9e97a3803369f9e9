from __future__ import annotations

import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.host_env import HostOutcome
from rlgauge.kinds.throughput import on_host
from rlgauge.kinds.throughput.point import Point
from tests.kinds.throughput.toys import Compiled, Single, Vector


def point(**axes):
    return Point(environment="toy", library="py", **{"num_envs": 6, **axes})


def test_of_environments_behind_one_call_only_steps_of_episodes_count():
    env = Vector(6)
    prepared = on_host.Vectorised(lambda: env, point(), 0)
    assert prepared.go(5) == (20, 30, 30.0)
    assert len(env.actions) == 5
    prepared.close()
    assert env.is_closed


@pytest.mark.parametrize(("policy", "num_distinct"), [("random", 130), ("predrawn", 64), ("fixed", 1)])
def test_actions_are_drawn_as_they_were_asked_for(policy, num_distinct):
    env = Vector(6)
    prepared = on_host.Vectorised(lambda: env, point(policy=policy), 0)
    prepared.go(100)
    prepared.go(30)
    assert len({actions.tobytes() for actions in env.actions}) == num_distinct
    if policy == "predrawn":
        np.testing.assert_array_equal(env.actions[0], env.actions[64])


def test_single_environments_take_a_step_each_in_turn_and_begin_anew():
    envs = []

    def make():
        envs.append(Single())
        return envs[-1]

    prepared = on_host.Serial(make, point(), 0)
    assert prepared.go(9) == (54, 12, 108.0)
    assert [len(env.actions) for env in envs] == [9] * 6
    assert [env.length for env in envs] == [1] * 6


def test_compiled_loops_are_asked_for_all_steps_at_once():
    prepared = on_host.Native(lambda: Compiled(6), point(), 0)
    assert prepared.go(2) == (128 * 6, 128 * 3, 128.0)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"scan_chunk_size": 8}, "scan_chunk_size=8 can't be honoured"),
        ({"block": 2}, "block=2"),
        ({"rng": "rbg"}, "rng=rbg"),
        ({"devices": 2}, "devices=2"),
    ],
)
@pytest.mark.parametrize("way", [on_host.Vectorised, on_host.Serial, on_host.Native])
def test_a_choice_without_effect_is_refused(way, axes, message):
    with pytest.raises(UserError, match=message):
        way(lambda: None, point(**axes), 0)


@pytest.mark.parametrize("axes", [{"policy": "fixed"}, {"emit": "write"}])
def test_compiled_loops_have_actions_and_outcomes_of_their_own(axes):
    with pytest.raises(UserError, match="can't be honoured"):
        on_host.Native(lambda: Compiled(6), point(**axes), 0)


def test_what_is_written_is_in_memory_of_its_own():
    buffer = np.zeros(3)
    env = Single()
    env.step = lambda _action: ({"grid": buffer, "both": (buffer, 1)}, 0.0, False)
    prepared = on_host.Serial(lambda: env, point(num_envs=1, emit="write"), 0)
    prepared.go(1)
    (written,) = [one for one in prepared._written if one is not None]
    assert set(written) == {"grid", "both"}
    assert not np.shares_memory(written["grid"], buffer)
    assert not np.shares_memory(written["both"][0], buffer)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (HostOutcome(np.zeros(6), np.zeros(1), np.zeros(1, bool), 6), r"rewards of shape \(1,\)"),
        (HostOutcome(np.zeros(6), np.zeros(6), np.zeros(6, bool), 7), "can't be 14 steps in all"),
    ],
)
def test_more_steps_than_there_are_environments_to_take_them_are_refused(outcome, message):
    env = Vector(6)
    env.step = lambda _actions: outcome
    prepared = on_host.Vectorised(lambda: env, point(), 0)
    with pytest.raises(UserError, match=message):
        prepared.go(2)


def test_environments_that_show_the_same_for_ever_do_nothing():
    idle, moving = Single(), Single()
    idle.step = lambda _action: (0.0, 0.0, False)
    moving.step = lambda action: (action, 0.0, False)
    for env, has_changed in ((idle, False), (moving, True)):
        prepared = on_host.Serial(lambda env=env: env, point(num_envs=1), 0)
        prepared.go(3)
        assert prepared.has_changed() is has_changed
    still, going = Vector(6), Vector(6)
    still.reset = lambda _seed: {"seen": (np.ones(6),)}
    still.step = lambda _actions: HostOutcome({"seen": (np.ones(6),)}, np.zeros(6), np.zeros(6, bool), 6)
    for env, has_changed in ((still, False), (going, True)):
        prepared = on_host.Vectorised(lambda env=env: env, point(), 0)
        prepared.go(3)
        assert prepared.has_changed() is has_changed


def test_environments_that_show_the_same_from_some_step_on_stand_still():
    stopped, moving, chosen = Single(), Single(), Single()
    for env, seen in ((stopped, lambda env: min(env.length, 9)), (moving, lambda env: env.length)):
        env.step = lambda _action, env=env, seen=seen: (
            setattr(env, "length", env.length + 1),
            (seen(env), 0.0, False),
        )[1]
    chosen.step = lambda action: (round(action), 0.0, False)
    for env, is_still in ((stopped, True), (moving, False), (chosen, False)):
        prepared = on_host.Serial(lambda env=env: env, point(num_envs=1), 0)
        prepared.go(20)
        assert prepared.stands_still(20) is is_still
    native = on_host.Native(lambda: Compiled(6), point(), 0)
    assert native.stands_still(1) is False


def test_observations_of_another_form_than_the_first_are_others():
    assert not on_host._is_same({"a": 1}, np.zeros(1))
    assert not on_host._is_same((1, 2), (1, 2, 3))
    assert on_host._is_same({"a": (1, 2)}, {"a": (1, 2)})
