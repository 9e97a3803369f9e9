from __future__ import annotations

import functools
import importlib
import sys

import gymnasium as gym
import pytest

from rlgauge.core.case import fingerprint
from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium import describe, describe_arguments, describe_class, find_spec, is_described, make
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


def test_frames_are_to_be_had_where_asked():
    with make("CartPole-v1", render=True) as env:
        assert env.render_mode == "rgb_array"
    with make("CartPole-v1") as env:
        assert env.render_mode is None


@pytest.mark.parametrize(
    ("env_id", "told"),
    [
        ("CartPol-v1", "Unknown environment 'CartPol-v1'. Did you mean 'CartPole-v1'"),
        ("CartPole-v9", "CartPole-v9"),
        ("no_such_module_anywhere:Env-v0", "needs 'no_such_module_anywhere', which is not installed"),
    ],
)
def test_an_unknown_environment_is_said_with_the_nearest_known(env_id, told):
    with pytest.raises(UserError, match=told):
        find_spec(env_id)


def test_an_argument_that_the_environment_does_not_take_is_said():
    with pytest.raises(UserError, match=r"'CartPole-v1' can't be made: .*gravitas"):
        make("CartPole-v1", gravitas=3)


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
    assert is_described(clipped(10))


def test_a_wrapper_that_recorded_no_arguments_is_not_fully_described():
    assert not is_described(describe(gyms.MyGym("CartPole-v1")))
    assert not is_described(describe(gyms.Toy()))


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


def test_live_arguments_are_like_no_others_and_plain_ones_like_their_equals(tmp_path):
    plain = {"a": (1, 2.0), "path": tmp_path, "kind": gym.Env}
    assert fingerprint(describe_arguments(plain)) == fingerprint(describe_arguments({**plain, "a": [1, 2]}))
    live = {"f": lambda: 0}
    assert fingerprint(describe_arguments(live)) != fingerprint(describe_arguments(live))


def test_an_environment_given_by_a_live_argument_is_described_all_the_same(registered):
    registered("Live-v0", entry_point="tests.gyms:Toy", kwargs={"length": object()})
    assert describe(gym.make("Live-v0", length=3))["kwargs"] == {"length": 3}
    assert describe(gym.make("Live-v0"))["kwargs"]["length"]["object"] == "builtins:object"
