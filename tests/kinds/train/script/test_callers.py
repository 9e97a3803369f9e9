from __future__ import annotations

import sys

import pytest

from rlgauge.kinds.train.script.callers import Caller, name_of_tests, way_to


class Env:
    """Remembers who resets it."""

    def reset(self):
        self.way = way_to(sys._getframe(1))
        return 0, {}


def play(env):
    env.reset()


def evaluate(env):
    play(env)


class Trainer:
    def __init__(self):
        self.env, self.test_env = Env(), Env()

    def learn(self):
        self.env.reset()
        self.look()

    def look(self):
        _observation, _ = self.test_env.reset()


def names(env, other):
    return name_of_tests(env.way, other.way), name_of_tests(other.way, env.way)


def test_a_function_that_evaluates_names_what_it_steps():
    env, other = Env(), Env()
    play(env)
    evaluate(other)
    assert names(env, other) == ("", "evaluate")


def test_so_does_the_name_of_the_environment_where_it_is_reset_or_handed_on():
    trainer = Trainer()
    trainer.learn()
    assert names(trainer.env, trainer.test_env) == ("", "test_env")
    env, eval_env = Env(), Env()
    play(env)
    play(eval_env)
    assert names(env, eval_env) == ("", "eval_env")


def learn(env, eval_env):
    play(env)
    play(eval_env)


class Agent:
    """Trains in an environment of its own, and is handed another one to test in."""

    def __init__(self, env):
        self.env = env

    def learn(self, callback):
        self.env.reset()

    def fit(self, other_env):
        self.env.reset()


def test_a_name_on_the_way_that_is_not_handed_on_to_be_reset_says_nothing():
    env, eval_env, before = Env(), Env(), Env()
    play(before)
    Agent(env).learn([eval_env])
    assert names(before, env) == ("", "")
    Agent(env).fit(eval_env)
    assert names(before, env) == ("", "")


def test_what_both_have_in_common_says_nothing():
    env, other = Env(), Env()
    for one in (env, other):
        evaluate(one)
    assert names(env, other) == ("", "")
    env, other = Env(), Env()
    learn(env, eval_env=other)
    assert names(env, other) == ("", "eval_env")


def test_two_that_are_both_called_tests_are_not_told_apart():
    env, test_env = Env(), Env()
    evaluate(env)
    play(test_env)
    assert names(env, test_env) == ("", "")


@pytest.mark.parametrize(
    "name",
    [
        "latest_env",
        "train_and_evaluate",
        "Trainer.train_eval",
        "interval",
        "retrieve",
        "contest",
        "env_value",
        "play_episode",
        "envs",
    ],
)
def test_names_that_only_look_alike_are_none(name):
    way = (Caller(1, 1, "main", ""), Caller(2, 1, name, name.rpartition(".")[2]))
    assert name_of_tests(way, (Caller(1, 2, "main", ""),)) == ""


@pytest.mark.parametrize("name", ["testEnv", "env_eval", "Evaluator.run", "run_tests", "val_env", "eval_env2", "_test"])
def test_names_of_tests_are_known_in_every_style(name):
    way = (Caller(1, 1, "main", ""), Caller(2, 1, name, ""))
    assert name_of_tests(way, (Caller(1, 2, "main", ""),)) in name
    assert name_of_tests(way, (Caller(1, 2, "main", ""),))
