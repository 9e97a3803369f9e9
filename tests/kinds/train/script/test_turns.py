"""Environments that end episodes in turns are told of; parts of a vector and environments made anew are not."""

from __future__ import annotations

import gc

import gymnasium
import pytest

from rlgauge.kinds.train.journal import Journal, read_episodes
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.script.turns import Turns
from rlgauge.kinds.train.spec import Spec


class Tally:
    """Stands for one; may be referred to weakly."""


def test_one_that_trains_and_one_that_tests_take_turns():
    turns, training, testing = Turns(), Tally(), Tally()
    for tally in (training, training, testing, training):
        turns.ended(tally, env="CartPole-v1", place=0)
    (warning,) = turns.warnings
    assert "3 of the first and 1 of others" in warning


def test_parts_of_a_vector_take_no_turns():
    turns, parts = Turns(), [Tally(), Tally()]
    for number in range(6):
        turns.ended(parts[number % 2], env="CartPole-v1", place=number % 2)
    assert turns.warnings == []


def test_environments_made_anew_for_each_episode_take_no_turns():
    turns = Turns()
    for _ in range(50):
        tally = Tally()
        turns.ended(tally, env="CartPole-v1", place=0)
        del tally
        gc.collect()
    assert turns.warnings == []


@pytest.fixture
def counted(tmp_path):
    """What counts a script of this process, and its folder."""
    spec = Spec(script=__file__, env=None, seed=0, args=[], folder=str(tmp_path))
    counting.install(Journal(tmp_path), spec)
    yield tmp_path
    counting.stop()


def play(env, *, num_steps):
    """Step an environment on and on, without a look at what ends."""
    env.reset()
    for _ in range(num_steps):
        env.step(env.action_space.sample())


def until_over(env):
    env.reset()
    while not any(env.step(env.action_space.sample())[2:4]):
        pass


def test_a_script_that_tests_beside_its_training_is_told_so(counted):
    training, testing = gymnasium.make("CartPole-v1"), gymnasium.make("CartPole-v1")
    for env in (training, testing, training):
        until_over(env)
    assert len(read_episodes(counted)) == 3
    assert any("2 of the first and 1 of others" in text for text in counting.warnings())


def test_steps_past_an_end_are_told(counted):
    play(gymnasium.make("MountainCar-v0"), num_steps=203)
    (episode,) = read_episodes(counted)
    assert (episode.length, episode.is_truncated) == (200, True)
    assert any(text.startswith("3 steps were taken after an episode had ended") for text in counting.warnings())


def test_episodes_that_are_left_are_told_where_they_are_more_than_those_that_end(counted):
    env = gymnasium.make("MountainCar-v0")
    for _ in range(3):
        play(env, num_steps=20)
    env.reset()
    assert read_episodes(counted) == []
    assert any(text.startswith("3 episodes were left by a reset") for text in counting.warnings())
