from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

from rlgauge import Benchmark
from rlgauge.episodes.policies.actions import as_array, network_actions
from rlgauge.episodes.policies.protocol import Illegal, WrongActionError
from rlgauge.episodes.policies.spaces import describe


def decoded(output, space):
    return network_actions(describe(space), len(output))(np.asarray(output))


def test_the_largest_logit_is_the_action_counted_from_the_start_of_the_space():
    logits = np.array([[0.1, 3.0, 2.0], [9.0, 9.0, 1.0]], np.float32)
    assert decoded(logits, gym.spaces.Discrete(3)) == [1, 0]
    assert decoded(logits, gym.spaces.Discrete(3, start=4)) == [5, 4]


def test_integers_are_actions_as_they_are():
    assert decoded([2, 0], gym.spaces.Discrete(3)) == [2, 0]
    assert decoded([[2], [0]], gym.spaces.Discrete(3)) == [2, 0]


def test_a_row_of_logits_with_nan_has_no_action_and_its_neighbours_keep_theirs():
    actions = decoded(np.array([[1.0, 2.0], [np.nan, 5.0], [-np.inf, np.inf]]), gym.spaces.Discrete(2))
    assert actions[0] == 1
    assert actions[1] == Illegal("returned NaN, of which no value is the largest")
    assert actions[2] == 1


def test_box_actions_are_clipped_into_the_bounds_and_a_row_with_nan_is_none():
    space = gym.spaces.Box(-2, 2, (1,), np.float32)
    *actions, nothing = decoded(np.array([[5.0], [-0.5], [np.nan]]), space)
    assert actions == [np.float32(2), np.float32(-0.5)]
    assert all(action.dtype == np.float32 for action in actions)
    assert nothing == Illegal(f"returned NaN, but the action space is {space}")


class SeesNoNan(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        assert not np.isnan(action).any()
        return np.array([0, 1], np.float32), 1.0, False, False, {}


def root(observation):
    return np.array([0.5, np.nan if observation[1] > 0 else 0.5], np.float32)


class Root(torch.nn.Module):
    """Of minus the observation: NaN in the second place from the second step on."""

    def forward(self, observation):
        return torch.sqrt(-observation)


@pytest.mark.parametrize("kind", ["a function", "a network"])
def test_the_environment_never_sees_nan_and_the_message_blames_the_action(kind, tmp_path):
    policy = root
    if kind == "a network":
        torch.jit.trace(Root(), torch.zeros(1, 2)).save(str(tmp_path / "policy.pt"))
        policy = f"torchscript:{tmp_path}/policy.pt"
    benchmark = Benchmark([SeesNoNan], num_episodes=1, max_steps=3)
    (result,) = benchmark.evaluate(policy, trust=True).results
    assert result.n_errors == 1
    assert result.episodes[0].length == 1
    assert "returned NaN, but the action space is Box" in result.episodes[0].error


@pytest.mark.parametrize(
    ("output", "space", "message"),
    [
        (np.zeros((2, 3)), gym.spaces.Discrete(2), r"shape \(2, 3\).*\(2, 2\) logits"),
        (np.zeros((2, 3)), gym.spaces.Box(-1, 1, (2,)), r"shape \(2, 3\)"),
        (np.zeros((2, 2)), gym.spaces.MultiBinary(2), "takes integers"),
        (np.zeros((2, 2)), gym.spaces.Text(2), "no way to act in Text"),
    ],
)
def test_outputs_that_are_no_actions_are_named(output, space, message):
    with pytest.raises(WrongActionError, match=message):
        decoded(output, space)


def test_tensors_that_carry_gradients_become_arrays():
    assert as_array(torch.ones(2, requires_grad=True) * 2).tolist() == [2, 2]
