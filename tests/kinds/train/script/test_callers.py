from __future__ import annotations

import linecache
import sys
import types

import pytest

from rlgauge.kinds.train.script.callers import Caller, is_told_by_its_own_name, name_of_tests, way_to


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


def test_a_call_over_several_lines_is_read_whole():
    env, eval_env = Env(), Env()
    play(
        env,
    )
    play(
        # the one to test in
        eval_env,
    )
    assert names(env, eval_env) == ("", "eval_env")


def test_calls_on_one_line_are_told_apart():
    env, eval_env = Env(), Env()
    _both = "größer", play(env), play(eval_env)
    assert names(env, eval_env) == ("", "eval_env")
    env, eval_env = Env(), Env()
    _both = env.reset(), eval_env.reset()
    assert names(env, eval_env) == ("", "eval_env")


def test_the_key_of_an_environment_is_a_part_of_its_name():
    envs = {"train": Env(), "eval": Env(), "both-ways": Env()}
    play(envs["train"])
    play(envs["eval"])
    assert names(envs["train"], envs["eval"]) == ("", "envs['eval']")
    envs["both-ways"].reset()
    assert names(envs["train"], envs["both-ways"]) == ("", "")
    envs = {"train": Env(), "eval": Env()}
    _both = envs["train"].reset(), envs["eval"].reset()
    assert names(envs["train"], envs["eval"]) == ("", "envs['eval']")


def compete(first, *, second=None):
    play(second or first) if second is None else play(second)


def test_what_is_handed_in_is_found_by_the_place_of_its_argument():
    env, eval_env, other = Env(), Env(), Env()
    compete(env, second=None)
    compete(eval_env, second=other)
    assert names(env, other) == ("", "")
    compete(other, second=eval_env)
    assert names(env, eval_env) == ("", "eval_env")


class Runner:
    def __call__(self, policy, env):
        play(env)

    def run(self, *, env):
        return [play(env) for _ in range(1)]


def test_methods_and_comprehensions_hand_on_what_they_are_given():
    env, eval_env = Env(), Env()
    Runner()(play, env)
    Runner()(play, eval_env)
    assert names(env, eval_env) == ("", "eval_env")
    env, eval_env = Env(), Env()
    Runner().run(env=env)
    Runner().run(env=eval_env)
    assert names(env, eval_env) == ("", "eval_env")


def test_where_python_keeps_no_columns_the_line_tells(monkeypatch):
    source = "def look(play, env, eval_env):\n    play(env)\n    play(eval_env)\n"
    file = "script_without_columns.py"
    monkeypatch.setitem(linecache.cache, file, (len(source), None, source.splitlines(keepends=True), file))
    space = {}
    exec(compile(source, file, "exec"), space)
    bare = space["look"].__code__.replace(co_linetable=_lines_only(space["look"].__code__))
    look = types.FunctionType(bare, space)
    assert {place[2:] for place in bare.co_positions()} == {(None, None)}
    env, eval_env = Env(), Env()
    look(play, env, eval_env)
    assert names(env, eval_env) == ("", "eval_env")


def _lines_only(code):
    """The table of a code's lines, in the form of CPython that has no columns."""
    no_column, table, line = 13, bytearray(), code.co_firstlineno
    for first, *_ in code.co_positions():
        delta, line = first - line, first
        table += bytes([0x80 | no_column << 3, delta << 1 if delta >= 0 else -delta << 1 | 1])
    return bytes(table)


def test_an_environment_is_told_by_its_own_name_where_both_have_one():
    env, test_env, other = Env(), Env(), Env()
    play(env)
    play(test_env)
    evaluate(other)
    assert is_told_by_its_own_name(test_env.way, env.way)
    assert not is_told_by_its_own_name(env.way, test_env.way)
    assert not is_told_by_its_own_name(other.way, env.way)


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
