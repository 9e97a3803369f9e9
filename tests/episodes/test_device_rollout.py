"""Whole episodes on a device."""

from __future__ import annotations

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.core.seeding import action_seed, episode_seed
from rlgauge.envs import gymnax, own
from rlgauge.episodes import device_rollout
from rlgauge.episodes.device_loop import NUM_ROWS, idle, make_program
from rlgauge.episodes.device_rollout import Compiled, Task, sheets
from rlgauge.episodes.policies.traced import random_policy, trace, zero_policy
from rlgauge.episodes.rollout import Episode
from tests.episodes.toy import Toy


def listed(indices):
    return [Episode(i, episode_seed(7, "task", i), action_seed(7, "task", i)) for i in indices]


def play(env, policy, indices, *, lanes=4, max_steps=None, chunk=16):
    compiled = Compiled(jax.jit(make_program(env, policy.choose, chunk=chunk)), policy.params, idle(env, lanes))
    played = list(compiled.play(listed(indices), Task("task", max_steps, "0 to 2")))
    assert sorted(one.index for one in played) == sorted(indices)
    return sorted(played, key=lambda one: one.index)


def lean(observation):
    return observation[2] > 0


@pytest.fixture(scope="module")
def cartpole():
    env = own.make("cartpole")
    return env, trace(lean, env, name="lean", environment="cartpole")


@pytest.fixture(scope="module")
def played(cartpole):
    return play(*cartpole, range(30))


def test_episodes_are_those_of_gymnasium_from_the_same_start(cartpole, played):
    env, theirs = cartpole[0], gymnasium.make("CartPole-v1")
    keys = jax.vmap(lambda seed: jax.random.fold_in(jax.random.key(seed), 0))(jnp.uint32([one.seed for one in played]))
    starts = np.asarray(env.reset(keys)[1])
    for start, one in zip(starts, played, strict=True):
        theirs.reset()
        theirs.unwrapped.state = observation = start
        total, length, terminated, truncated = 0.0, 0, False, False
        while not (terminated or truncated):
            observation, reward, terminated, truncated, _ = theirs.step(int(lean(observation)))
            total, length = total + reward, length + 1
        assert (one.total_return, one.length) == (total, length)
        assert (one.terminated, one.truncated) == (terminated, truncated)
    assert len({one.length for one in played}) > 5


@pytest.mark.parametrize("change", [{"chunk": 1}, {"chunk": 7}, {"lanes": 3}, {"lanes": 64}])
def test_chunks_and_lanes_change_nothing(cartpole, played, change):
    assert play(*cartpole, range(30), **change) == played


def test_an_episode_is_the_same_whatever_is_played_beside_it(cartpole, played):
    assert play(*cartpole, [29, 3, 4]) == [played[3], played[4], played[29]]


def test_random_episodes_differ_by_their_seeds_and_repeat(cartpole):
    env = cartpole[0]
    first = play(env, random_policy(env), range(40))
    assert len({one.length for one in first}) > 10
    assert play(env, random_policy(env), range(40), lanes=7) == first


def test_episodes_of_gymnax_are_those_of_a_plain_rollout_with_their_keys():
    env = gymnax.make("CartPole-v1")
    theirs, params = __import__("gymnax").make("CartPole-v1")
    policy = trace(lean, env, name="lean", environment="CartPole-v1")

    def rollout(seed):
        key = jax.random.key(seed)
        first = theirs.reset(jax.random.fold_in(key, 0), params)

        def step(so_far, number):
            observation, state = so_far
            action = lean(observation).astype(jnp.int32)
            seen = theirs.step(jax.random.fold_in(key, number), state, action, params)
            return (seen[0], seen[1]), seen[3]

        return jax.lax.scan(step, first, jnp.arange(1, 501))[1]

    found = play(env, policy, range(20))
    over = np.asarray(jax.jit(jax.vmap(rollout))(jnp.uint32([one.seed for one in found])))
    assert [one.length for one in found] == (over.argmax(axis=1) + 1).tolist()
    assert {(one.terminated, one.truncated) for one in found} == {(None, None)}


def test_an_episode_is_cut_after_max_steps():
    (one,) = play(Toy(last=None), zero_policy(Toy()), [3], max_steps=40)
    assert (one.length, one.total_return, one.terminated, one.truncated) == (40, 40.0, False, True)


def test_an_episode_that_ends_at_the_limit_terminated():
    (one,) = play(Toy(last=5), zero_policy(Toy()), [3], max_steps=5)
    assert (one.terminated, one.truncated) == (True, False)


def test_what_a_library_does_not_tell_is_not_told():
    (one,) = play(Toy(tells=False), zero_policy(Toy()), [0])
    assert (one.length, one.terminated, one.truncated) == (5, None, None)


def test_an_episode_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(device_rollout, "LONGEST", 5000)
    with pytest.raises(UserError, match="has not ended after 5,000 steps, and nothing limits it: give --max-steps"):
        play(Toy(last=None), zero_policy(Toy()), [0])


def test_a_reward_that_is_not_finite_is_an_error():
    env = Toy(reward=lambda count: jnp.where(count == 3, jnp.nan, 1.0))
    (one,) = play(env, zero_policy(env), [0])
    assert (one.error, one.total_return, one.length) == ("step 3: the reward is not finite", None, 3)


@pytest.mark.parametrize(("at", "says", "length"), [(0, "reset", 0), (2, "step 2", 2)])
def test_an_observation_that_is_not_finite_is_an_error(at, says, length):
    env = Toy(seen=lambda count: jnp.where(count == at, jnp.inf, 1.0)[:, None])
    (one,) = play(env, zero_policy(env), [0])
    assert (one.error, one.length) == (f"{says}: the observation is not finite", length)


def test_an_action_that_is_not_allowed_is_an_error_and_no_step():
    env = Toy()
    policy = trace(lambda seen: jnp.where(seen[0] > 1, 3, 0), env, name="p", environment="toy")
    (one,) = play(env, policy, [0])
    assert one.error == "step 3: the policy returned an action that is none of 0 to 2"
    assert one.length == 2


def test_many_small_rewards_add_up():
    env = Toy(last=30_000, reward=lambda count: jnp.full(count.shape, 0.1, jnp.float32))
    (one,) = play(env, zero_policy(env), [0])
    assert one.total_return == pytest.approx(30_000 * float(np.float32(0.1)), rel=1e-9)


def test_every_episode_stands_in_the_lane_of_its_index():
    (sheet,) = sheets(listed([1, 9, 5, 2]), num_lanes=4)
    assert [[None if one is None else one.index for one in row] for row in sheet.episodes] == [
        [None, 1, 2, None],
        [None, 5, None, None],
        [None, 9, None, None],
    ]
    assert sheet.queue.num.tolist() == [0, 3, 1, 0]
    assert sheet.queue.seeds[1, 1] == episode_seed(7, "task", 5)


@pytest.mark.parametrize(("num", "parts", "expected"), [(8, 1, 1), (8, 2, 2), (4 * NUM_ROWS + 1, 1, 2), (1, 2, 1)])
def test_episodes_are_parted_for_processors_and_for_the_size_of_a_queue(num, parts, expected):
    found = sheets(listed(range(num)), num_lanes=4, num_parts=parts)
    assert len(found) == expected
    indices = [one.index for sheet in found for row in sheet.episodes for one in row if one is not None]
    assert sorted(indices) == list(range(num))
