"""PyBullet's environments for OpenAI Gym, made Gymnasium's; a stand-in has the form of what the package ships."""

from __future__ import annotations

import importlib
import sys

import gymnasium
import numpy as np
import pytest

BULLET = """
import gym
import numpy as np
from gym import spaces
from gym.utils import seeding
from pkg_resources import parse_version

RENDER_HEIGHT = 720
RENDER_WIDTH = 960


class MinitaurBulletEnv(gym.Env):
    def __init__(self, render=True):
        assert not render, "a window would open"
        high = np.ones(2)
        self.observation_space = self.action_space = spaces.Box(-high, high, dtype=np.float64)
        self.seed()

    def seed(self, seed=None):
        self.np_random, seed = seeding.np_random(seed)
        return [seed]

    def reset(self):
        self.place = self.np_random.uniform(-1, 1, size=2)
        return self.place

    def step(self, action):
        self.place = np.clip(self.place + action, -1, 1)
        return self.place, self.place.sum(), bool((self.place == 1).all()), {"old": True}

    def render(self, mode="human"):
        return np.zeros((RENDER_HEIGHT, RENDER_WIDTH, 3)) if mode == "rgb_array" else None

    assert parse_version(gym.__version__) >= parse_version("0.9.6")


class CartPoleContinuousBulletEnv(MinitaurBulletEnv):
    def __init__(self, renders=True):
        super().__init__(render=renders)
"""
REGISTERING = """
from gym.envs.registration import registry, make, spec
import gym

def register(id, *args, **kwargs):
    if id in registry.env_specs:
        return
    return gym.envs.registration.register(id, *args, **kwargs)

register(id="MinitaurBulletEnv-v0", entry_point="pybullet_envs.bullet:MinitaurBulletEnv")
"""
IDS = ("CartPoleContinuousBulletEnv-v0", "MinitaurBulletEnv-v0")


def of_gym():
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "gym"}


@pytest.fixture(autouse=True)
def _package(tmp_path, monkeypatch):
    """A package in the form of the real one; what was imported and registered is forgotten."""
    bullet = tmp_path / "pybullet_envs" / "bullet"
    bullet.mkdir(parents=True)
    (bullet.parent / "__init__.py").write_text(REGISTERING)
    (bullet / "__init__.py").write_text("from .minitaur_gym_env import *\n")
    (bullet / "minitaur_gym_env.py").write_text(BULLET)
    (tmp_path / "pybullet_envs_gymnasium.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    importlib.import_module("rlgauge.envs.pybullet")
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("pybullet", "rlgauge.envs.pybullet")) or name.partition(".")[0] == "gym":
            del sys.modules[name]
    for env_id in IDS:
        gymnasium.registry.pop(env_id, None)


@pytest.mark.parametrize("env_id", IDS)
def test_an_environment_of_gym_does_as_gymnasium_wants(env_id):
    env = gymnasium.make(env_id)
    first, _ = env.reset(seed=1)
    again, _ = env.reset(seed=1)
    other, _ = env.reset(seed=2)
    assert first.dtype == np.float32
    assert (first == again).all()
    assert not (first == other).all()
    observation, reward, terminated, truncated, info = env.step(np.full(2, 2, np.float32))
    assert observation.tolist() == [1, 1]
    assert (reward, terminated, truncated, info) == (2.0, True, False, {"old": True})
    env.close()


def test_episodes_are_cut_off_as_the_package_says():
    env = gymnasium.make("CartPoleContinuousBulletEnv-v0")
    env.reset(seed=0)
    ends = [env.step(np.zeros(2, np.float32))[2:4] for _ in range(200)]
    assert ends[-1] == (False, True)
    assert not any(truncated for _, truncated in ends[:-1])
    env.close()


def test_a_frame_is_of_bytes_and_small_enough_to_be_drawn_without_a_gpu():
    env = gymnasium.make("MinitaurBulletEnv-v0", render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert (frame.shape, frame.dtype) == ((240, 320, 3), np.uint8)
    env.close()


@pytest.mark.parametrize("is_imported", [False, True])
def test_a_gym_that_is_too_new_for_them_is_not_used_and_stays_as_it_was(tmp_path, is_imported):
    new = tmp_path / "gym" / "envs"
    new.mkdir(parents=True)
    (new.parent / "__init__.py").write_text("from gym import envs\nclass Env: pass\n")
    (new / "__init__.py").write_text("from gym.envs import registration\n")
    (new / "registration.py").write_text("registry = {}\ndef register(id, **_): registry[id] = 1\nmake = spec = None\n")
    importlib.invalidate_caches()
    if is_imported:
        importlib.import_module("gym")
    before = of_gym()
    assert len(before) == 3 * is_imported
    env = gymnasium.make("MinitaurBulletEnv-v0")
    env.reset(seed=0)
    env.close()
    assert of_gym() == before


def test_nothing_stays_of_the_modules_that_stood_in():
    gymnasium.make("MinitaurBulletEnv-v0").close()
    assert not of_gym()
