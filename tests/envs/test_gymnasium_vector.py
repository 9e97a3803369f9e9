from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import envpool, gymnasium_vector

ACTIONS = np.random.default_rng(0).integers(0, 2, (300, 3))


@pytest.mark.parametrize("make", [gymnasium_vector.make_vector, gymnasium_vector.make_sync, envpool.make])
def test_calls_that_only_start_an_episode_are_no_steps(make):
    env = make("CartPole-v1", 3)
    env.reset(1)
    num_steps = num_episodes = 0
    reward = 0.0
    for actions in ACTIONS:
        outcome = env.step(actions)
        num_steps += outcome.num_steps
        num_episodes += outcome.is_over.sum()
        reward += outcome.reward.sum()
    env.close()
    assert num_steps == reward  # CartPole rewards every step with 1, and no other call
    assert num_steps + num_episodes - outcome.is_over.sum() == 900
    assert num_episodes > 20


def test_environments_in_processes_do_the_same_as_one_after_the_other():
    seen = []
    for make in (gymnasium_vector.make_sync, gymnasium_vector.make_async):
        env = make("CartPole-v1", 2)
        first = env.reset(5)
        seen.append([first, *(env.step(actions[:2]).observation.copy() for actions in ACTIONS[:40])])
        env.close()
    np.testing.assert_array_equal(*seen)


def test_a_single_one_is_gymnasiums_own():
    env, theirs = gymnasium_vector.make_serial("CartPole-v1"), gymnasium.make("CartPole-v1")
    np.testing.assert_array_equal(env.reset(3), theirs.reset(seed=3)[0])
    for action in (0, 1, 1):
        observation, reward, terminated, truncated, _ = theirs.step(action)
        ours = env.step(action)
        np.testing.assert_array_equal(ours[0], observation)
        assert ours[1:] == (reward, terminated or truncated)


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (gymnasium_vector.make_vector, "Acrobot-v1", "no vectorised form of its own; gymnasium-sync"),
        (gymnasium_vector.make_vector, "CartPole-v9", "CartPole"),
        (envpool.make, "NoSuch-v1", "EnvPool has no environment"),
    ],
)
def test_what_is_not_there_is_said(make, name, message):
    with pytest.raises(UserError, match=message):
        make(name, 2)


def vector_of(mode):
    return lambda num_envs=1: gymnasium.vector.SyncVectorEnv(
        [lambda: gymnasium.make("CartPole-v1")] * num_envs, autoreset_mode=mode
    )


@pytest.fixture
def register(monkeypatch):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))

    def registered(mode):
        gymnasium.register(
            "Resetting-v0", "gymnasium.envs.classic_control:CartPoleEnv", vector_entry_point=vector_of(mode)
        )

    return registered


def test_where_the_next_episode_begins_in_the_same_step_every_call_is_a_step_of_each(register):
    register(gymnasium.vector.AutoresetMode.SAME_STEP)
    env = gymnasium_vector.make_vector("Resetting-v0", 3)
    env.reset(1)
    outcomes = [env.step(actions) for actions in ACTIONS]
    assert sum(one.num_steps for one in outcomes) == sum(one.reward.sum() for one in outcomes) == 900
    assert sum(one.is_over.sum() for one in outcomes) > 20


def test_environments_that_nobody_resets_are_refused(register):
    register(gymnasium.vector.AutoresetMode.DISABLED)
    with pytest.raises(UserError, match="goes on to the next episode by DISABLED"):
        gymnasium_vector.make_vector("Resetting-v0", 3)


def test_single_ones_draw_their_actions_many_at_once_and_uniformly():
    envs, rng = [gymnasium_vector.make_serial("CartPole-v1") for _ in range(2)], np.random.default_rng(0)
    actions = [env.sample(rng) for _ in range(3000) for env in envs]
    assert set(actions) == {0, 1}
    assert abs(np.mean(actions) - 0.5) < 5 * 0.5 / np.sqrt(6000)
