from __future__ import annotations

import time

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers

from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.script.fresh import OutOfTimeError, Recipe, recipe_of
from rlgauge.kinds.train.script.witness import Stepped, Witness
from rlgauge.kinds.train.script.wrappers import UnmadeError, stack_of


def rewards(env, *, seed=3, actions=(0, 1, 1, 0)):
    env.reset(seed=seed)
    return [env.step(action)[1] for action in actions]


def first(env, seed=3):
    return env.reset(seed=seed)[0]


def named(**values):
    return [Thing(name, value) for name, value in values.items()]


class Doubled(gymnasium.ObservationWrapper):
    def observation(self, observation):
        return observation * 2


class Skipping(gymnasium.Wrapper):
    def step(self, action):
        total = 0.0
        for _ in range(3):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total += reward
            if terminated or truncated:
                break
        return observation, total, terminated, truncated, info


def test_a_new_environment_has_the_script_s_wrappers_and_does_not_touch_its_environment():
    old = Doubled(wrappers.FlattenObservation(gymnasium.make("CartPole-v1")))
    start = first(old)
    new = Recipe(old, "env").make(films=False)
    assert np.array_equal(first(new), start)
    assert new.unwrapped is not old.unwrapped
    new.step(0)
    assert np.allclose(old.unwrapped.state, start / 2)


def test_arguments_of_make_are_kept():
    old = gymnasium.make("FrozenLake-v1", is_slippery=False, max_episode_steps=7)
    new = Recipe(old, "env").make(films=False)
    assert new.unwrapped.spec.kwargs["is_slippery"] is False
    assert new.spec.max_episode_steps == 7


def test_observations_are_normalised_by_what_was_learned_and_no_further():
    old = wrappers.NormalizeObservation(gymnasium.make("CartPole-v1"))
    for seed in range(20):
        old.reset(seed=seed)
    new = Recipe(old, "env").make(films=False)
    raw = first(gymnasium.make("CartPole-v1"))
    expected = (raw - old.obs_rms.mean) / np.sqrt(old.obs_rms.var + old.epsilon)
    assert np.allclose(first(new), expected)
    assert np.allclose(first(new), expected)


def test_stacked_frames_are_stacked_again():
    old = wrappers.FrameStackObservation(gymnasium.make("CartPole-v1"), 4)
    new = Recipe(old, "env").make(films=False)
    assert first(new).shape == (4, 4)


def test_rewards_are_those_of_the_environment_itself():
    old = wrappers.NormalizeReward(wrappers.TransformReward(gymnasium.make("CartPole-v1"), lambda r: 7 * r))
    recipe = Recipe(old, "env")
    assert rewards(recipe.make(films=False)) == [1, 1, 1, 1]
    assert recipe.has_other_rewards


def test_rewards_that_no_wrapper_changes_are_not_told_of():
    recipe = Recipe(Doubled(gymnasium.make("CartPole-v1")), "env")
    assert rewards(recipe.make(films=False)) == [1, 1, 1, 1]
    assert not recipe.has_other_rewards


def test_rewards_of_skipped_steps_are_added_up():
    recipe = Recipe(Skipping(gymnasium.make("CartPole-v1")), "env")
    assert rewards(recipe.make(films=False), actions=(0, 1)) == [3, 3]
    assert not recipe.has_other_rewards


def test_an_environment_without_a_spec_is_copied():
    old = gymnasium.envs.classic_control.CartPoleEnv()
    old.gravity = 1.5
    recipe = Recipe(Doubled(old), "env")
    assert (recipe.id, recipe.has_limit) == ("CartPoleEnv", False)
    new = recipe.make(films=False)
    assert new.unwrapped.gravity == 1.5
    assert new.unwrapped is not old


def test_a_wrapper_that_records_videos_is_not_made_again():
    class RecordVideo(gymnasium.Wrapper):  # theirs needs moviepy
        __module__ = "gymnasium.wrappers.rendering"

    old = Doubled(RecordVideo(gymnasium.make("CartPole-v1")))
    new = Recipe(old, "env").make(films=False)
    assert not any(isinstance(layer, RecordVideo) for layer in stack_of(new))
    assert np.array_equal(first(new), first(old))


def test_frames_are_to_be_had_for_films_and_only_then():
    recipe = Recipe(gymnasium.make("CartPole-v1"), "env")
    assert recipe.make(films=False).render_mode is None
    filmed = recipe.make(films=True)
    filmed.reset(seed=0)
    assert filmed.render().shape[-1] == 3
    assert Recipe(gymnasium.make("CartPole-v1", render_mode="human"), "env").make(films=False).render_mode is None


def test_a_limit_of_steps_is_known_from_the_spec_or_a_wrapper():
    assert Recipe(gymnasium.make("CartPole-v1"), "env").has_limit
    assert not Recipe(gymnasium.make("CliffWalking-v1"), "env").has_limit
    assert Recipe(wrappers.TimeLimit(gymnasium.make("CliffWalking-v1"), 5), "env").has_limit


def test_a_step_after_the_deadline_ends_more_than_an_episode():
    env = Recipe(gymnasium.make("CartPole-v1"), "env").make(films=False, deadline=time.monotonic() - 1)
    env.reset(seed=0)
    with pytest.raises(OutOfTimeError):
        env.step(0)
    assert not issubclass(OutOfTimeError, Exception)


def test_the_environment_of_the_run_goes_before_others_and_then_the_usual_names():
    cart, lake = gymnasium.make("CartPole-v1"), gymnasium.make("FrozenLake-v1")
    assert recipe_of(named(other=lake, env=cart), "FrozenLake-v1").name == "other"
    assert recipe_of(named(other=lake, env=cart), None).name == "env"
    assert recipe_of(named(eval_env=cart, env=gymnasium.make("CartPole-v1")), "CartPole-v1").name == "env"


def test_an_environment_of_another_id_is_not_tested_in():
    with pytest.raises(UnmadeError, match="there is only FrozenLake-v1 left, and not CartPole-v1"):
        recipe_of(named(eval_env=gymnasium.make("FrozenLake-v1")), "CartPole-v1")
    assert recipe_of(named(env=gymnasium.make("CartPole-v1")), "cartpole").id == "CartPole-v1"
    assert recipe_of(named(env=gymnasium.envs.classic_control.CartPoleEnv()), "Cart-v0").id == "CartPoleEnv"


def test_a_model_of_sb3_is_tested_in_its_own_environment():
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu")
    recipe = recipe_of(named(env=gymnasium.make("CartPole-v1"), model=model), "CartPole-v1")
    assert recipe.name == "model.env"
    assert rewards(recipe.make(films=False)) == [1, 1, 1, 1]


def test_without_an_environment_and_without_an_id_nothing_can_be_made():
    with pytest.raises(UnmadeError, match="left no environment"):
        recipe_of(named(x=np.zeros(3)), None)
    with pytest.raises(UnmadeError, match=r"left no environment .* and Nowhere-v0 can't be made"):
        recipe_of(named(x=np.zeros(3)), "Nowhere-v0")


def test_without_an_environment_that_of_the_run_is_made_and_said():
    recipe = recipe_of(named(x=np.zeros(3)), "CartPole-v1")
    assert rewards(recipe.make(films=False)) == [1, 1, 1, 1]
    (note,) = recipe.notes
    assert note.startswith("The script left no environment: tests were played in CartPole-v1 as it is registered;")


def gone(env, *, around=(), is_many=False):
    return seen(Stepped(lambda: None, env.spec, is_many, around))


def seen(stepped):
    witness = Witness()
    witness.stepped = stepped
    return witness


def test_of_an_environment_that_is_gone_the_wrappers_are_made_again():
    env = wrappers.FrameStackObservation(wrappers.RecordEpisodeStatistics(gymnasium.make("CartPole-v1")), 3)
    recipe = recipe_of([], "CartPole-v1", gone(env))
    assert recipe.make(films=False).reset(seed=0)[0].shape == (3, 4)
    (note,) = recipe.notes
    assert note.endswith("made again as it was, in FrameStackObservation in RecordEpisodeStatistics.")


def test_what_a_wrapper_that_is_gone_had_learned_can_t_be_had():
    env = wrappers.NormalizeObservation(gymnasium.make("CartPole-v1"))
    with pytest.raises(UnmadeError, match="with it what its NormalizeObservation was"):
        recipe_of([], "CartPole-v1", gone(env))
    env = gymnasium.make("CartPole-v1")
    with pytest.raises(UnmadeError, match="so is the FrameStack around it"):
        recipe_of([], "CartPole-v1", gone(env, around=("FrameStack",), is_many=True))


def test_an_environment_without_a_name_that_was_stepped_is_found():
    env = wrappers.FrameStackObservation(gymnasium.make("CartPole-v1"), 2)
    recipe = recipe_of([], "CartPole-v1", seen(Stepped(lambda: env, None)))
    assert recipe.make(films=False).reset(seed=0)[0].shape == (2, 4)
    assert recipe.notes == []


def stepping(*envs, alive=True):
    """A witness of episodes that ended in environments, by the layers that were stepped."""
    witness = Witness()
    for env in envs:
        witness.note(env)
    witness.stepped = Stepped((lambda: envs[-1]) if alive else (lambda: None), envs[-1].spec)
    return witness


def test_the_environment_that_was_stepped_goes_before_one_that_lies_inside_of_it_or_was_made_for_its_spaces():
    env = gymnasium.make("CartPole-v1")
    outer = Doubled(env)
    things = named(env=env, outer=outer, envs=gymnasium.make("CartPole-v1"))
    assert recipe_of(things, "CartPole-v1").name == "env"
    assert recipe_of(things, "CartPole-v1", stepping(outer)).name == "outer"
    assert recipe_of(things, "CartPole-v1", stepping(env, outer)).name == "env"
    assert recipe_of(things, "CartPole-v1", stepping(things[2].value)).name == "envs"


def test_a_layer_without_a_name_through_which_the_script_stepped_is_made_again():
    env = gymnasium.make("CartPole-v1")
    outer = wrappers.FrameStackObservation(env, 2)
    recipe = recipe_of(named(env=env), "CartPole-v1", stepping(outer))
    assert recipe.make(films=False).reset(seed=0)[0].shape == (2, 4)


def test_a_layer_that_is_gone_is_made_again_or_nothing_is():
    env = gymnasium.make("CartPole-v1")
    for layer in (wrappers.FrameStackObservation(env, 2), Doubled(env)):
        witness = Witness()
        witness.stepped = Stepped(lambda: None, layer.spec, base=lambda: env.unwrapped)
        if isinstance(layer, Doubled):
            with pytest.raises(UnmadeError, match="with it what its Doubled was"):
                recipe_of(named(env=env), "CartPole-v1", witness)
        else:
            recipe = recipe_of(named(env=env), "CartPole-v1", witness)
            assert recipe.make(films=False).reset(seed=0)[0].shape == (2, 4)


def test_where_what_was_stepped_can_t_be_made_again_another_one_is_not_taken():
    envs = gymnasium.vector.AsyncVectorEnv([lambda: wrappers.NormalizeObservation(gymnasium.make("CartPole-v1"))])
    envs.close()
    things = named(env=gymnasium.make("CartPole-v1"), envs=envs)
    with pytest.raises(UnmadeError, match="the statistics of its NormalizeObservation are in other processes"):
        recipe_of(things, "CartPole-v1", stepping(envs))
    assert recipe_of(things, "CartPole-v1").name == "env"


def test_rewards_that_are_no_numbers_are_not_laid_to_wrappers():
    class Blank(gymnasium.Env):
        observation_space = action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return 0, {}

        def step(self, action):
            return 0, float("nan"), False, False, {}

    recipe = Recipe(Blank(), "env")
    assert all(np.isnan(rewards(recipe.make(films=False))))
    assert not recipe.has_other_rewards


def test_an_environment_that_cannot_be_made_again_is_named():
    class Once(gymnasium.envs.classic_control.CartPoleEnv):
        made = 0

        def __init__(self, **kwargs):
            Once.made += 1
            if Once.made > 1:
                raise RuntimeError("there is one robot only")
            super().__init__(**kwargs)

    gymnasium.register("Once-v0", entry_point=Once)
    try:
        env = gymnasium.make("Once-v0")
        with pytest.raises(UnmadeError, match="there is one robot only"):
            Recipe(env, "env").make(films=False)
    finally:
        del gymnasium.registry["Once-v0"]


def test_a_script_may_set_the_type_of_its_observation_space():
    old = gymnasium.make("Acrobot-v1")
    old.observation_space.dtype = np.float64
    assert Recipe(old, "env").make(films=False).observation_space.dtype == np.float32


class Lives(gymnasium.Env):
    """Three lives of two steps each; a reward of 5 a step."""

    observation_space = gymnasium.spaces.Box(0, 10, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        self.ale = self
        self.steps = 0

    def lives(self):
        return 3 - self.steps // 2

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.full(1, self.steps, np.float32), 5.0, self.lives() == 0, False, {}


def test_episodes_last_for_all_lives_with_rewards_as_they_are():
    from stable_baselines3.common.atari_wrappers import ClipRewardEnv, EpisodicLifeEnv

    old = ClipRewardEnv(EpisodicLifeEnv(Lives()))
    old.reset(seed=0)
    env = Recipe(old, "env").make(films=False)
    for _ in range(2):
        env.reset(seed=0)
        steps = [env.step(0) for _ in range(6)]
        assert [step[1] for step in steps] == [5.0] * 6
        assert [step[2] for step in steps] == [False] * 5 + [True]


def test_environments_of_envpool_are_not_taken_for_single_ones():
    class Pool(Lives):
        __module__ = "envpool.python.gymnasium_envpool"

    with pytest.raises(UnmadeError, match="EnvPool"):
        Recipe(Pool(), "envs")
