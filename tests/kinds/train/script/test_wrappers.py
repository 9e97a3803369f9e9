from __future__ import annotations

import io

import gymnasium
import numpy as np

from rlgauge.kinds.train.script.wrappers import copied, is_left_out, stack_of


class Shifted(gymnasium.ObservationWrapper):
    def __init__(self, env, file):
        super().__init__(env)
        self.shift = np.ones(4, np.float32)
        self.file = file
        self.inner_too = env

    def observation(self, observation):
        return observation + self.shift


def test_the_stack_goes_outwards_from_the_environment_itself():
    env = gymnasium.make("CartPole-v1")
    assert [type(layer).__name__ for layer in stack_of(env)] == [
        "CartPoleEnv",
        "PassiveEnvChecker",
        "OrderEnforcing",
        "TimeLimit",
    ]


def test_a_copy_has_its_own_state_and_stands_around_the_other_environment():
    old, new = gymnasium.make("CartPole-v1"), gymnasium.make("CartPole-v1")
    wrapper = Shifted(old, io.StringIO())
    made = copied(wrapper, {id(old): new})
    wrapper.shift += 1
    assert made.env is new
    assert made.inner_too is new
    assert made.shift.tolist() == [1, 1, 1, 1]


def test_what_cannot_be_copied_is_shared(tmp_path):
    env = gymnasium.make("CartPole-v1")
    with (tmp_path / "log.txt").open("w") as file:
        assert copied(Shifted(env, file), {id(env): env}).file is file


def test_methods_that_watch_an_instance_are_not_copied():
    old, new = gymnasium.make("CartPole-v1"), gymnasium.make("CartPole-v1")
    wrapper = Shifted(old, None)
    wrapper.step = lambda action: ("watched", action)
    wrapper._rlgauge_tally = object()
    made = copied(wrapper, {id(old): new})
    made.reset(seed=0)
    assert len(made.step(0)) == 5
    assert not hasattr(made, "_rlgauge_tally")


def test_statistics_of_a_copy_stand_still():
    env = gymnasium.wrappers.NormalizeObservation(gymnasium.make("CartPole-v1"))
    env.reset(seed=0)
    made = copied(env, {id(env.env): gymnasium.make("CartPole-v1")})
    before = made.obs_rms.mean.copy()
    made.reset(seed=1)
    assert np.array_equal(made.obs_rms.mean, before)
    assert env.update_running_mean


def test_only_known_wrappers_of_their_own_library_are_left_out():
    class Monitor(gymnasium.Wrapper):
        pass

    from stable_baselines3.common.monitor import Monitor as Sb3Monitor

    env = gymnasium.make("CartPole-v1")
    assert is_left_out(Sb3Monitor(env))
    assert not is_left_out(Monitor(env))
    assert not is_left_out(gymnasium.wrappers.FlattenObservation(env))


def test_a_wrapper_that_plays_by_itself_is_left_out():
    class Runner(gymnasium.Wrapper):
        def step(self, action):
            raise NotImplementedError

        def run(self, get_action, episodes):
            pass

    assert is_left_out(Runner(gymnasium.make("CartPole-v1")))
