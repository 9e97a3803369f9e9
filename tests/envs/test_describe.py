from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from rlgauge.core.case import fingerprint
from rlgauge.envs.describe import describe, describe_arguments, describe_class, hash_contents
from tests import gyms

OWN = """
import gymnasium
import numpy as np

class Parent(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

class Own(Parent):
    pass
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that (re)writes a module `own_env` and returns it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text: str, name: str = "own_env"):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    yield write
    for name in ("own_env", "own_parent"):
        sys.modules.pop(name, None)


@pytest.fixture
def registered():
    """A function that registers an environment for the length of a test."""
    before = set(gym.registry)
    yield functools.partial(gym.register, disable_env_checker=True)
    for name in set(gym.registry) - before:
        del gym.registry[name]


def test_a_registered_environment_is_described_by_all_that_defines_it():
    assert describe(gym.make("CartPole-v1", render_mode="rgb_array")) == {
        "gym_id": "CartPole-v1",
        "entry_point": "gymnasium.envs.classic_control.cartpole:CartPoleEnv",
        "kwargs": {},
        "max_episode_steps": 500,
        "wrappers": [],
        "versions": {"gymnasium": gym.__version__},
    }


@pytest.mark.parametrize(
    "other",
    [
        lambda: gym.make("CartPole-v1", sutton_barto_reward=True),
        lambda: gym.make("CartPole-v1", max_episode_steps=100),
        lambda: gym.make("CartPole-v0"),
        lambda: gym.wrappers.NormalizeObservation(gym.make("CartPole-v1")),
        lambda: gym.wrappers.TimeLimit(gym.make("CartPole-v1"), 10),
    ],
    ids=["argument", "steps", "version", "wrapper", "limit"],
)
def test_what_differs_in_the_environment_differs_in_its_description(other):
    assert fingerprint(describe(other())) != fingerprint(describe(gym.make("CartPole-v1")))


def test_the_arguments_of_wrappers_are_described():
    def clipped(limit):
        return describe(gym.wrappers.TimeLimit(gym.make("CartPole-v1"), limit))

    assert fingerprint(clipped(10)) == fingerprint(clipped(10))
    assert fingerprint(clipped(10)) != fingerprint(clipped(20))


def test_how_an_environment_renders_does_not_define_it():
    plain, filmed = gym.make("CartPole-v1"), gym.make("CartPole-v1", render_mode="rgb_array")
    assert describe(plain) == describe(filmed)


@pytest.mark.parametrize("changed", ["own_env", "own_parent"])
def test_the_source_of_an_own_environment_and_of_what_it_inherits_defines_it(own, changed):
    head, parent, child = OWN.partition("class Parent")[0], "class Parent", "class Own"
    body = OWN[OWN.index(parent) : OWN.index(child)]
    texts = {"own_parent": head + body, "own_env": "from own_parent import Parent\n" + OWN[OWN.index(child) :]}

    def described():
        own(texts["own_parent"], "own_parent")
        return describe(own(texts["own_env"]).Own())

    before = described()
    assert described() == before
    texts[changed] += "\n# another rule\n"
    assert {**described(), "source": ""} == {**before, "source": ""}
    assert described()["source"] != before["source"]


def test_the_source_of_a_registered_own_environment_defines_it(own, registered):
    own(OWN)
    registered("Own-v0", entry_point="own_env:Own")
    before = describe(gym.make("Own-v0"))
    own(OWN + "\n# another rule\n")
    assert describe(gym.make("Own-v0"))["source"] != before["source"]


def test_an_editable_installation_is_known_by_its_source_and_not_by_its_version(own, tmp_path):
    metadata = tmp_path / "own_env-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own_env\nVersion: 1.0\n")
    assert "source" not in describe_class(own(OWN).Own)
    (metadata / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    assert describe_class(own(OWN).Own)["version"] == "1.0"
    assert describe_class(own(OWN + "#\n").Own)["source"] != describe_class(own(OWN).Own)["source"]


def test_live_arguments_are_known_by_what_they_hold_and_what_cant_be_told_is_like_no_other(tmp_path):
    plain = {"a": (1, 2.0), "path": tmp_path, "kind": gym.Env}
    assert fingerprint(describe_arguments(plain)) == fingerprint(describe_arguments({**plain, "a": [1, 2]}))
    zero, one, lock = ({"f": value} for value in (lambda: 0, lambda: 1, threading.Lock()))
    assert describe_arguments(zero) == describe_arguments({"f": lambda: 0}) != describe_arguments(one)
    assert describe_arguments(lock) != describe_arguments(lock)


def test_a_registered_function_is_known_by_what_it_closes_over(registered):
    for name, length in (("Five-v0", 5), ("Same-v0", 5), ("Six-v0", 6)):
        registered(name, entry_point=lambda length=length, **_: gyms.Toy(length))
    registered("Part-v0", entry_point=functools.partial(gyms.Toy, 5))
    five, same, six, part = (
        describe(gym.make(name))["callable"]["contents"] for name in ("Five-v0", "Same-v0", "Six-v0", "Part-v0")
    )
    assert five == same
    assert len({five, six, part}) == 3


def test_the_version_of_a_wrappers_library_is_told():
    (wrapper,) = describe(gym.wrappers.ClipReward(gym.make("CartPole-v1"), 0, 1))["wrappers"]
    assert wrapper["version"] == gym.__version__
    (wrapper,) = describe(gym.wrappers.ClipReward(gyms.Toy(), 0, 1))["wrappers"]
    assert wrapper["version"] == gym.__version__


def test_an_environment_given_by_a_live_argument_is_described_all_the_same(registered):
    registered("Live-v0", entry_point="tests.gyms:Toy", kwargs={"length": object()})
    assert describe(gym.make("Live-v0", length=3))["kwargs"] == {"length": 3}
    assert describe(gym.make("Live-v0"))["kwargs"]["length"]["object"] == "builtins:object"


def told(*envs) -> str | None:
    return hash_contents(envs, lambda env: env.reset(seed=0))


def heavier(gravity):
    env = gym.make("InvertedPendulum-v5")
    env.unwrapped.model.opt.gravity[2] = gravity
    return env


def normalised(mean):
    env = gym.wrappers.NormalizeObservation(gym.make("CartPole-v1"))
    env.update_running_mean = False
    env.obs_rms.mean = np.array([0.0, 0.0, mean, 0.0])
    return env


def pole(**fields):
    env = gym.make("CartPole-v1")
    for name, value in fields.items():
        setattr(env.unwrapped, name, value)
    return env


@pytest.mark.parametrize(
    ("make", "one", "other"),
    [
        (heavier, -9.81, 9.81),
        (normalised, 0.0, 0.5),
        (lambda by: gym.wrappers.TransformReward(gyms.Toy(), lambda reward: reward * by), 1, 2),
        (lambda gravity: pole(gravity=gravity), 9.8, 9.9),
        (lambda name: pole(kinematics_integrator=name), "euler", "semi-implicit"),
        (lambda table: pole(table=table), {"a": [1, {2, 3}]}, {"a": [1, {2, 4}]}),
        (lambda array: pole(array=array), np.zeros(3), np.zeros((3, 1))),
    ],
    ids=["physics", "statistics", "closure", "number", "text", "table", "array"],
)
def test_what_an_environment_holds_tells_it_from_others(make, one, other):
    assert told(make(one)) == told(make(one)) == told(make(one), make(one)) != told(make(other))


def test_what_was_played_before_and_how_it_is_seeded_and_rendered_tells_nothing():
    expected = told(pole())
    played, counted = pole(), gym.wrappers.RecordEpisodeStatistics(pole())
    for env in (played, counted):
        env.reset(seed=5)
        while not any(env.step(0)[2:4]):
            pass
    assert told(played) == expected
    assert told(counted) == told(gym.wrappers.RecordEpisodeStatistics(pole()))
    assert told(gym.make("CartPole-v1", render_mode="rgb_array")) == expected


def test_what_differs_between_two_environments_made_alike_tells_nothing():
    made = (pole(made_at=number) for number in range(100))
    assert told(next(made), next(made)) == told(next(made), next(made))
    assert told(next(made)) != told(next(made))


def test_the_contents_are_the_same_in_another_process_whatever_its_hashes():
    program = "from tests.envs.test_describe import *; print(told(heavier(-9)), told(pole(names={'a', 'b', 'c'})))"
    expected = [told(heavier(-9)), told(pole(names={"a", "b", "c"}))]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        argv = [sys.executable, "-c", program]
        ended = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        assert ended.stdout.split()[-2:] == expected
