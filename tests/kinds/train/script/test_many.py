from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers import vector as vector_wrappers
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecFrameStack, VecNormalize

from rlgauge.kinds.train.script.fresh import Recipe
from rlgauge.kinds.train.script.many import single_of
from rlgauge.kinds.train.script.wrappers import UnmadeError


def normalised():
    return wrappers.NormalizeObservation(gymnasium.make("CartPole-v1"))


def played(env, actions=(0, 1, 0), seed=3):
    seen = [env.reset(seed=seed)[0]]
    return np.array(seen + [env.step(action)[0] for action in actions])


def plain(actions=(0, 1, 0), seed=3):
    return played(gymnasium.make("CartPole-v1"), actions, seed)


def ended(env):
    env.reset(seed=0)
    for number in range(1, 501):
        _, _, terminated, truncated, _ = env.step(0)
        if terminated or truncated:
            return number, terminated, truncated
    raise AssertionError


def test_of_a_vector_the_first_environment_is_made_again_with_its_statistics():
    envs = SyncVectorEnv([normalised] * 3)
    for seed in range(5):
        envs.reset(seed=seed)
    env = Recipe(envs, "envs").make(films=False)
    first = envs.envs[0].obs_rms
    assert np.allclose(played(env), (plain() - first.mean) / np.sqrt(first.var + 1e-8), atol=1e-5)


def test_a_wrapper_around_the_vector_stands_around_the_single_one():
    envs = vector_wrappers.NormalizeObservation(SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 3))
    for seed in range(5):
        envs.reset(seed=seed)
    env = Recipe(envs, "envs").make(films=False)
    assert env.observation_space.shape == (4,)
    expected = (plain() - envs.obs_rms.mean) / np.sqrt(envs.obs_rms.var + envs.epsilon)
    assert np.allclose(played(env), expected, atol=1e-5)
    assert np.allclose(played(env), expected, atol=1e-5)


def test_a_single_function_around_every_row_of_a_vector_is_kept():
    envs = vector_wrappers.FlattenObservation(SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 3))
    assert np.allclose(played(Recipe(envs, "envs").make(films=False)), plain())


def test_wrappers_around_a_vector_that_only_count_are_left_out():
    envs = vector_wrappers.RecordEpisodeStatistics(SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 2))
    assert np.allclose(played(Recipe(envs, "envs").make(films=False)), plain())


def test_a_vector_in_other_processes_is_made_again_from_its_functions():
    envs = AsyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 2, context="forkserver")
    try:
        assert np.allclose(played(Recipe(envs, "envs").make(films=False)), plain())
    finally:
        envs.close()


def test_a_vector_of_an_older_gymnasium_is_said_to_be_one(monkeypatch):
    class Old(gymnasium.Env):
        num_envs = 2

    monkeypatch.setattr(gymnasium.vector, "VectorEnv", Old)
    monkeypatch.setattr(gymnasium, "__version__", "0.29.1")
    with pytest.raises(UnmadeError, match=r"vectors are tested with Gymnasium 1\.0 or newer, and this is 0\.29\.1"):
        single_of(gymnasium.Wrapper(Old()))


def test_statistics_that_are_in_other_processes_can_t_be_had():
    make = lambda: wrappers.NormalizeObservation(gymnasium.make("CartPole-v1"))  # noqa: E731  # sent by its content
    envs = AsyncVectorEnv([make] * 2, context="forkserver")
    try:
        with pytest.raises(UnmadeError, match="the statistics of its NormalizeObservation are in other processes"):
            Recipe(envs, "envs")
    finally:
        envs.close()


def test_a_vector_of_its_own_kind_is_tested_in_the_single_environment_of_its_id():
    envs = gymnasium.make_vec("CartPole-v1", num_envs=3, vectorization_mode="vector_entry_point")
    recipe = Recipe(envs, "envs")
    assert (recipe.id, recipe.has_limit, recipe.is_many) == ("CartPole-v1", True, True)
    assert np.allclose(played(recipe.make(films=False)), plain())


def test_sb3_s_statistics_are_kept_and_rewards_are_the_environment_s():
    venv = VecNormalize(make_vec_env("CartPole-v1", 3), norm_reward=True)
    venv.reset()
    for _ in range(30):
        venv.step(np.array([0, 1, 0]))
    env = Recipe(venv, "env").make(films=False)
    assert np.allclose(played(env), venv.normalize_obs(plain()), atol=1e-5)
    env.reset(seed=0)
    assert env.step(0)[1] == 1
    assert venv.training


def test_sb3_s_stacked_frames_are_stacked_again():
    venv = VecFrameStack(make_vec_env("CartPole-v1", 3), 2)
    env = Recipe(venv, "env").make(films=False)
    seen = played(env)
    assert seen.shape == (4, 8)
    assert np.allclose(seen[1], np.concatenate([plain()[0], plain()[1]]))


def test_episodes_in_a_row_of_a_vector_end_when_they_end_outside_of_it():
    number = ended(gymnasium.make("CartPole-v1"))
    for vector in (
        VecNormalize(make_vec_env("CartPole-v1", 2)),
        vector_wrappers.NormalizeObservation(SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 2)),
    ):
        env = Recipe(vector, "env").make(films=False)
        assert ended(env) == number
        assert ended(env) == number


def test_the_last_picture_in_sb3_s_vector_is_of_the_state_in_which_the_episode_ended():
    env = Recipe(VecNormalize(make_vec_env("CartPole-v1", 1)), "env").make(films=False)
    ended(env)
    inner = env.env.single.unwrapped
    assert abs(inner.state[2]) > 0.2


def test_an_episode_of_sb3_s_vector_that_is_cut_off_says_so():
    venv = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1", max_episode_steps=3)]))
    env = Recipe(venv, "env").make(films=False)
    assert ended(env) == (3, False, True)


def test_sb3_s_environments_in_other_processes_are_made_again_from_their_spec():
    venv = make_vec_env("CartPole-v1", 1, vec_env_cls=SubprocVecEnv)
    recipe = Recipe(venv, "env")
    venv.close()
    assert np.allclose(played(recipe.make(films=False)), plain())
    with pytest.raises(UnmadeError, match="have ended"):
        Recipe(venv, "env")
    ended_one = Recipe(venv, "env", wanted="CartPole-v1")
    assert "The processes of `env` have ended" in ended_one.notes[0]
    assert np.allclose(played(ended_one.make(films=False)), plain())
    with pytest.raises(UnmadeError, match="were not Acrobot-v1 as it is"):
        Recipe(venv, "env", wanted="Acrobot-v1")
    with pytest.raises(UnmadeError, match="have ended"):
        Recipe(venv, "env", wanted="Nothing-v9")
