"""The environments of seals: what they promise, and that they are what the package itself makes."""

from __future__ import annotations

import json
import subprocess

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlgauge import isolation
from rlgauge.envs import seals
from rlgauge.envs.gymnasium import make

NUM_STEPS = 1000
WALK = """
import json
import sys

import gymnasium
import numpy as np

from rlgauge.envs import seals
from rlgauge.envs.gymnasium import make


def walk(env):
    env.action_space.seed(0)
    observations, rewards, ends = [env.reset(seed=0)[0]], [], []
    for _ in range(int(sys.argv[1])):
        observation, reward, is_terminated, is_truncated, _ = env.step(env.action_space.sample())
        observations.append(observation)
        rewards.append(float(reward))
        ends.append((is_terminated, is_truncated))
        if is_terminated or is_truncated:
            observations.append(env.reset()[0])
    return np.asarray(observations), np.asarray(rewards), np.asarray(ends)


own = {name: make(name) for name in seals.NAMES}
walked = {name: walk(env) for name, env in own.items()}
import seals as package  # registers its own under the same ids

told = {}
for name in seals.NAMES:
    env = gymnasium.make(name)
    told[name] = {
        "is another": type(env.unwrapped) is not type(own[name].unwrapped) or env.spec != own[name].spec,
        "dtypes": [str(env.observation_space.dtype), str(own[name].observation_space.dtype)],
        "same": [bool(np.array_equal(a, b)) for a, b in zip(walked[name], walk(env), strict=True)],
        "resets": int(walked[name][2].any(axis=1).sum()),
    }
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def compared():
    """What a thousand steps of ours and of the package's came to, with the same seed and actions."""
    found = isolation.environment("seals")
    command = [str(found.python), "-P", "-W", "ignore", "-c", WALK, str(NUM_STEPS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=found.variables(), timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", seals.NAMES)
def test_observations_rewards_and_ends_are_those_of_the_package(compared, name):
    told = compared[name]
    assert told["is another"]
    assert told["same"] == [True, True, True]
    assert told["dtypes"][0] == told["dtypes"][1]
    assert told["resets"] >= 1


@pytest.mark.parametrize("name", seals.NAMES)
def test_an_environment_keeps_the_rules_of_gymnasium(name):
    check_env(make(name).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("name", seals.NAMES)
def test_no_episode_ends_before_its_limit(name):
    env = make(name)
    env.action_space.seed(1)
    env.reset(seed=1)
    limit = env.spec.max_episode_steps
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(limit)]
    assert ends == [(False, False)] * (limit - 1) + [(False, True)]


def test_cart_pole_goes_on_when_the_pole_has_fallen_and_pays_nothing_then():
    env = make("seals/CartPole-v0")
    env.reset(seed=0)
    steps = [env.step(0) for _ in range(500)]
    angles = np.array([step[0][2] for step in steps])
    places = np.array([step[0][0] for step in steps])
    stands = (np.abs(angles) < env.unwrapped.theta_threshold_radians) & (np.abs(places) < 2.4)
    assert [step[1] for step in steps] == list(stands.astype(float))
    assert stands[0]
    assert not stands[-1]
    assert np.abs(angles).max() <= np.pi


def test_cart_pole_pays_again_where_the_pole_is_back():
    env = make("seals/CartPole-v0")
    env.reset(seed=0)
    env.unwrapped.state = np.array([0.0, 0.0, 0.6, -10.0])
    assert [env.step(0)[1] for _ in range(3)] == [0.0, 1.0, 1.0]


def test_mountain_car_stays_at_its_goal_and_pays_nothing_there():
    env = make("seals/MountainCar-v0")
    env.reset(seed=0)
    env.unwrapped.state = np.array([0.49, 0.05])
    place, reward, *_ = env.step(2)
    assert place[0] >= 0.5
    assert reward == -1.0
    for action in (0, 1, 2, 0):
        after, reward, is_terminated, is_truncated, _ = env.step(action)
        assert np.array_equal(after, place)
        assert reward == 0.0
        assert not is_terminated
        assert not is_truncated


def test_mountain_car_begins_anew_after_its_goal():
    env = make("seals/MountainCar-v0")
    env.reset(seed=0)
    env.unwrapped.state = np.array([0.49, 0.05])
    env.step(2)
    env.reset(seed=1)
    assert env.step(0)[1] == -1.0


def test_an_environment_that_seals_has_and_we_have_not_is_unknown():
    assert "seals/Humanoid-v1" not in gymnasium.registry
