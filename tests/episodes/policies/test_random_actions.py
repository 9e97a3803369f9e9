from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from rlgauge.episodes.policies.random_actions import RandomPolicy

SPACES = [
    gym.spaces.Discrete(3, start=5),
    gym.spaces.Box(-2.0, 3.0, (2, 3), np.float32),
    gym.spaces.Box(-np.inf, np.inf, (2,), np.float64),
    gym.spaces.Box(np.array([0.0, -np.inf]), np.array([np.inf, 1.0]), dtype=np.float64),
    gym.spaces.Box(0, 255, (4, 4, 3), np.uint8),
    gym.spaces.MultiDiscrete([2, 5], start=[1, -3]),
    gym.spaces.MultiBinary(4),
    gym.spaces.Dict({"a": gym.spaces.Discrete(2), "b": gym.spaces.Box(-1, 1, (2,))}),
    gym.spaces.Tuple([gym.spaces.Discrete(2), gym.spaces.Text(4)]),
]


def play(policy: RandomPolicy, row: int, seed: int, steps: int, width: int) -> list[object]:
    policy.begin(row, seed)
    return [policy.act(np.zeros((width, 1)), [row])[row] for _ in range(steps)]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_every_action_lies_in_the_space(space):
    for action in play(RandomPolicy(space, width=1), 0, 7, 100, 1):
        assert space.contains(action)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_actions_depend_on_the_seed_alone_not_on_the_row_or_the_neighbours(space):
    alone = play(RandomPolicy(space, width=1), 0, 11, 80, 1)
    policy = RandomPolicy(space, width=3)
    for row in (0, 1):
        policy.begin(row, 5 + row)
    policy.act(np.zeros((3, 1)), [0, 1])
    policy.begin(2, 11)
    together = [policy.act(np.zeros((3, 1)), [1, 2])[2] for _ in range(80)]
    assert repr(alone) == repr(together)
    assert repr(alone) != repr(play(RandomPolicy(space, width=1), 0, 12, 80, 1))


def test_discrete_actions_are_uniform_over_the_whole_range():
    actions = play(RandomPolicy(gym.spaces.Discrete(3, start=5), width=1), 0, 0, 3000, 1)
    assert all(type(action) is int for action in actions)
    counts = np.bincount(actions)
    assert (counts[:5] == 0).all()
    assert (np.abs(counts[5:] - 1000) < 120).all()


def test_bounded_boxes_are_filled_up_to_their_bounds():
    actions = np.array(play(RandomPolicy(gym.spaces.Box(-2.0, 3.0, (1,)), width=1), 0, 0, 3000, 1))
    assert actions.min() < -1.95
    assert actions.max() > 2.95
    assert actions.mean() == pytest.approx(0.5, abs=0.1)


def test_the_seed_of_the_space_itself_is_left_alone():
    space = gym.spaces.Text(8, seed=3)
    expected = gym.spaces.Text(8, seed=3).sample()
    play(RandomPolicy(space, width=1), 0, 1, 5, 1)
    assert space.sample() == expected
