from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies import code
from rlgauge.quickstart.controllers import Acrobot, CartPole, Controller, Pendulum

LAWS = {"CartPole-v1": CartPole, "Acrobot-v1": Acrobot, "Pendulum-v1": Pendulum}


def mean_return(env_id, law, num_episodes):
    env = gymnasium.make(env_id)
    total = 0.0
    for seed in range(num_episodes):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(law.act(observation))
            total += float(reward)
            over = terminated or truncated
    env.close()
    return total / num_episodes


def controller_for(env_id):
    env = gymnasium.make(env_id)
    return Controller(observation_space=env.observation_space, action_space=env.action_space)


# Measured over 500 episodes: 500, -83 (sd 18), -150 (sd 91); a mean of 20 strays by 4 and 20.
@pytest.mark.parametrize(("env_id", "least"), [("CartPole-v1", 499), ("Acrobot-v1", -100), ("Pendulum-v1", -220)])
def test_a_controller_solves_its_task(env_id, least):
    assert mean_return(env_id, LAWS[env_id](), 20) >= least


@pytest.mark.parametrize("env_id", LAWS)
def test_actions_lie_in_the_action_space_for_any_observation(env_id):
    env = gymnasium.make(env_id)
    env.observation_space.seed(0)
    controller = controller_for(env_id)
    for _ in range(200):
        assert env.action_space.contains(controller.act(env.observation_space.sample()))


@pytest.mark.parametrize("env_id", LAWS)
def test_the_spaces_choose_the_law(env_id):
    space = gymnasium.make(env_id).observation_space
    space.seed(1)
    observations = [space.sample() for _ in range(50)]
    chosen, law = controller_for(env_id), LAWS[env_id]()
    assert [chosen.act(each) for each in observations] == [law.act(each) for each in observations]


def test_a_hanging_pendulum_at_rest_is_pushed():
    assert Pendulum().act(np.array([-1.0, 0.0, 0.0], np.float32)).tolist() == [2.0]


def test_an_upright_pendulum_at_rest_is_left_alone():
    assert Pendulum().act(np.array([1.0, 0.0, 0.0], np.float32)).tolist() == [0.0]


@pytest.mark.parametrize("env_id", ["MountainCar-v0", "MountainCarContinuous-v0"])
def test_spaces_of_another_task_are_refused_with_the_known_tasks(env_id):
    with pytest.raises(UserError, match=r"CartPole-v1, Acrobot-v1 and Pendulum-v1.* shape \(2,\)"):
        controller_for(env_id)


def test_observations_of_the_right_shape_with_other_actions_are_refused():
    cart = gymnasium.make("CartPole-v1").observation_space
    with pytest.raises(UserError, match=r"observations of shape \(4,\) and actions of shape \(1,\)"):
        Controller(observation_space=cart, action_space=gymnasium.spaces.Box(-3, 3, (1,)))


@pytest.mark.parametrize("env_id", LAWS)
def test_one_uri_serves_all_tasks(env_id):
    env = gymnasium.make(env_id)
    loaded = code.load(
        "rlgauge.quickstart.controllers:Controller",
        ckpt_path=None,
        observation_space=env.observation_space,
        action_space=env.action_space,
    )
    observation, _ = env.reset(seed=0)
    assert loaded.act(observation) == LAWS[env_id]().act(observation)
