from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.spaces import describe
from rlgauge.episodes.policies.zero import ZeroPolicy


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (gym.spaces.Discrete(3, start=5), 5),
        (gym.spaces.Box(-1, 1, (2,)), [0, 0]),
        (gym.spaces.Box(np.array([1.0, -3.0]), np.array([2.0, -2.0])), [1, -2]),
        (gym.spaces.MultiDiscrete([2, 5], start=[1, -3]), [1, -3]),
        (gym.spaces.MultiBinary(2), [0, 0]),
    ],
    ids=str,
)
def test_zero_is_moved_into_the_space(space, expected):
    action = ZeroPolicy(describe(space), width=2).act(np.zeros((2, 1)), [1])[1]
    assert space.contains(action)
    assert np.array_equal(action, expected)


def test_zero_of_a_dictionary_is_a_dictionary_of_zeros():
    space = gym.spaces.Dict({"a": gym.spaces.Discrete(2), "b": gym.spaces.Tuple([gym.spaces.Box(-1, 1, (2,))])})
    assert space.contains(ZeroPolicy(describe(space), width=1).act([{}], [0])[0])


def test_an_environment_that_changes_its_action_does_not_change_the_next():
    policy = ZeroPolicy(describe(gym.spaces.Box(-1, 1, (2,))), width=1)
    policy.act(np.zeros((1, 1)), [0])[0][:] = 1
    assert not policy.act(np.zeros((1, 1)), [0])[0].any()


def test_a_space_without_a_zero_is_refused_in_a_sentence():
    with pytest.raises(UserError, match=r"no zero in the action space Text.*'random' works"):
        ZeroPolicy(describe(gym.spaces.Text(3)), width=1)
