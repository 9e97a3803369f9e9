from __future__ import annotations

import copy
import pickle

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import wrappers
from torch import nn

from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.spec import Spec


class Numbered(gymnasium.Env):
    """Episodes of ten steps; the observation is the step's number since the environment was made."""

    observation_space = gymnasium.spaces.Box(0, 1e6, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(1000)

    def __init__(self):
        self.steps = 0
        self.seen = np.zeros(2, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.seen, {}

    def step(self, action):
        self.steps += 1
        self.seen[:] = self.steps  # the same array each time
        return self.seen, 1.0, self.steps % 10 == 0, False, {}


class Endless(Numbered):
    def step(self, action):
        return *super().step(action)[:2], False, False, {}


@pytest.fixture
def witness(tmp_path):
    spec = Spec(script="no.py", env=None, seed=7, args=[], folder=str(tmp_path))
    counting.install(Journal(tmp_path), spec)
    yield counting.witness()
    counting.stop()


def play(env, num_steps, act):
    observation, _ = env.reset()
    for _ in range(num_steps):
        observation, _, ended, cut, _ = env.step(act(observation))
        if ended or cut:
            observation, _ = env.reset()


def test_the_action_is_that_which_followed_the_observation(witness):
    play(Numbered(), 100, lambda observation: int(observation[0]) % 7)
    assert len(witness.pairs) > 5
    assert all(pair.action == pair.observation[0] % 7 for pair in witness.pairs)
    assert len({float(pair.observation[0]) for pair in witness.pairs}) == len(witness.pairs)


def test_the_last_pairs_are_kept_and_no_more_than_some(witness):
    play(Numbered(), 20_000, lambda observation: 0)
    assert len(witness.pairs) == 128
    assert witness.pairs[0].observation[0] > 12_000


def test_an_episode_that_never_ends_is_watched_from_its_first_steps_on(witness):
    env = Endless()
    env.reset()
    for _ in range(300):
        env.step(3)
    assert counting.num_episodes() == 0
    assert len(witness.pairs) >= 40
    assert {pair.action for pair in witness.pairs} == {3}


def test_between_times_an_environment_has_the_step_that_counts_alone(witness):
    env = Numbered()
    play(env, 10, lambda observation: 0)
    watched = env.step
    play(env, 700, lambda observation: 0)
    assert type(env.step.__self__).__name__ == "Tally"
    assert type(watched.__self__).__name__ != "Tally"
    counting.stop()
    assert "step" not in vars(env)
    env.step(0)


def test_what_is_kept_is_what_the_outermost_wrapper_shows_and_takes(witness):
    env = wrappers.TransformObservation(Numbered(), lambda seen: seen + 0.5, Numbered.observation_space)
    env = wrappers.TransformAction(env, lambda action: 0, Numbered.action_space)
    play(env, 100, lambda observation: 5)
    assert {pair.action for pair in witness.pairs} == {5}
    assert all(pair.observation[0] % 1 == 0.5 for pair in witness.pairs)


def test_of_a_vector_rows_of_what_it_shows_are_kept(witness):
    envs = gymnasium.vector.SyncVectorEnv([Numbered] * 6)
    envs = wrappers.vector.TransformObservation(envs, lambda seen: seen + 0.25)
    envs.reset()
    for _ in range(100):
        envs.step(np.arange(6))
    assert {int(pair.action) for pair in witness.pairs} == set(range(6))
    assert all(pair.observation.shape == (2,) and pair.observation[0] % 1 == 0.25 for pair in witness.pairs)
    assert "step" not in vars(envs)


def test_what_a_network_was_given_is_kept_with_the_observation(witness):
    net = nn.Linear(2, 1)

    def act(observation):
        net(torch.zeros(64, 2))
        net(torch.as_tensor(observation[None] / 255))
        return 0

    play(Numbered(), 100, act)
    for pair in witness.pairs:
        (given,) = pair.inputs
        assert given.module == id(net)
        assert np.allclose(given.numbers, pair.observation / 255)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_of_a_watched_environment_is_not_watched(witness, copied):
    env = Numbered()
    play(env, 10, lambda observation: 0)
    env.step(0)
    other = copied(env)
    num = len(witness.pairs)
    for _ in range(20):
        other.step(3)
    assert len(witness.pairs) == num
    assert (env.steps, other.steps) == (11, 31)


def test_the_environment_that_was_stepped_is_known_and_how_it_was_made(witness):
    env = wrappers.FrameStackObservation(gymnasium.make("CartPole-v1"), 2)
    play(env, 60, lambda observation: 1)
    assert witness.stepped.env() is env
    assert [layer.name for layer in witness.stepped.spec.additional_wrappers] == ["FrameStackObservation"]
    del env
    counting.stop()
    import gc

    gc.collect()
    assert witness.stepped.env() is None


def test_it_is_known_through_which_layer_the_script_stepped(witness):
    env = gymnasium.make("CartPole-v1")
    outer = wrappers.FrameStackObservation(env, 2)
    play(outer, 60, lambda observation: 1)
    assert [witness.was_stepped(one) for one in (outer, env, env.unwrapped)] == [True, False, False]
    assert witness.around(env) is outer
    assert witness.around(outer) is None


def test_an_environment_in_a_vector_is_stepped_by_the_vector_alone(witness):
    parts = [gymnasium.make("CartPole-v1"), gymnasium.make("CartPole-v1")]
    envs = gymnasium.vector.SyncVectorEnv([lambda: parts[0], lambda: parts[1]])
    envs.reset()
    for _ in range(40):
        envs.step(np.ones(2, int))
    assert [witness.was_stepped(one) for one in (envs, *parts)] == [True, False, False]


def test_of_sb3_s_vectors_all_layers_count_as_stepped(witness):
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    env = gymnasium.make("CartPole-v1")
    venv = VecNormalize(DummyVecEnv([lambda: env]))
    other = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    venv.reset()
    for _ in range(40):
        venv.step([1])
    assert [witness.was_stepped(one) for one in (venv, venv.venv, other, env)] == [True, True, False, False]


def test_a_model_of_sb3_is_not_watched(witness):
    from stable_baselines3 import PPO

    PPO("MlpPolicy", "CartPole-v1", n_steps=128, device="cpu").learn(256)
    assert not witness.pairs
