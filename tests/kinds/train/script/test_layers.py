from __future__ import annotations

import gymnasium
import pytest
from gymnasium.wrappers import ClipReward, RecordEpisodeStatistics, TimeLimit

from rlgauge.kinds.train.script.layers import MADE, chain, counted, name_of, parts_in_process
from tests.kinds.train.script.counters import Countdown


class Strange(gymnasium.Wrapper):
    def step(self, action):
        return self.env.step(action)


class Quiet(gymnasium.Wrapper):
    pass


def made():
    env = Countdown()
    vars(env)[MADE] = True
    return env


def test_a_chain_leads_from_the_outermost_wrapper_to_the_environment_itself():
    base = gymnasium.make("CartPole-v1")
    env = TimeLimit(RecordEpisodeStatistics(base), 5)
    assert chain(env)[:3] == [env, env.env, base]
    assert chain(env)[-1] is base.unwrapped
    assert name_of(env) == "CartPole-v1"
    assert name_of(Countdown()) == ""


def test_an_environment_that_merely_has_another_one_is_the_end_of_a_chain():
    outer = Countdown()
    outer.env = Countdown()
    assert chain(outer) == [outer]


@pytest.mark.parametrize(
    ("build", "depth"),
    [
        (lambda: TimeLimit(RecordEpisodeStatistics(made()), 5), 0),
        (lambda: Quiet(made()), 0),
        (lambda: Strange(made()), 1),
        (lambda: TimeLimit(ClipReward(made(), 0, 1), 5), 2),
        (lambda: Strange(Countdown()), 0),
        (lambda: Strange(RecordEpisodeStatistics(Countdown())), 1),
        (lambda: Quiet(ClipReward(Strange(Countdown()), 0, 1)), 2),
    ],
)
def test_what_is_counted_is_the_outermost_that_shows_the_tasks_own_rewards(build, depth):
    layers = chain(build())
    assert counted(layers) is layers[depth]


def test_only_vectors_have_parts():
    env = gymnasium.vector.SyncVectorEnv([Countdown, Countdown])
    assert parts_in_process(env) == env.envs
    single = Countdown()
    single.envs = [Countdown()]
    assert parts_in_process(single) == []
    assert parts_in_process(gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="vector_entry_point")) == []
