"""Whole episodes: their transitions fit together, whatever the number of lanes."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rlgauge.envs.gymnasium import make
from rlgauge.episodes.policy import open_policy, parse_source
from rlgauge.kinds.train.experts.playing import WIDTH, labelling, play


def lean(observations):
    """Pushes the cart to where the pole leans."""
    return (observations[:, 2] + observations[:, 3] > 0).astype(np.int64)


def cart_pole():
    return gymnasium.make("CartPole-v1")


def test_transitions_follow_on_each_other_and_sum_to_the_lengths():
    played = play(cart_pole, lambda seen: np.ones(len(seen), np.int64), seeds=range(WIDTH + 3))
    ends = np.cumsum(played.lengths)
    assert len(played.lengths) == len(played.returns) == WIDTH + 3
    assert ends[-1] == len(played.observations) == len(played.actions)
    inside = np.setdiff1d(np.arange(len(played.actions)), ends - 1)
    assert np.array_equal(played.next_observations[inside], played.observations[inside + 1])
    assert not np.array_equal(played.next_observations[ends[:-1] - 1], played.observations[ends[:-1]])
    assert np.array_equal(np.flatnonzero(played.is_terminated), ends - 1)
    assert np.array_equal(played.returns, played.lengths)


def test_an_episode_that_is_cut_off_is_not_terminated():
    played = play(lambda: make("seals/CartPole-v0"), lean, seeds=[0, 1])
    assert list(played.lengths) == [500, 500]
    assert not played.is_terminated.any()


def test_an_episode_depends_on_its_seed_and_not_on_its_neighbours():
    together, alone = play(cart_pole, lean, seeds=[5, 6, 7]), play(cart_pole, lean, seeds=[6])
    start = together.lengths[0]
    assert np.array_equal(together.observations[start : start + alone.lengths[0]], alone.observations)


@pytest.mark.parametrize("num", [1, 15, 16, 17, 40])
def test_labels_are_there_for_any_number_of_observations(num):
    env = make("seals/Swimmer-v1")
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    label = labelling(open_policy(parse_source("zero"), width=WIDTH, **spaces), env.action_space)
    actions = label(np.zeros((num, *env.observation_space.shape)))
    assert actions.shape == (num, 2)
    assert actions.dtype == env.action_space.dtype
    assert not actions.any()


def test_random_actions_are_the_same_each_time():
    env = make("seals/Swimmer-v1")
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    labels = [
        labelling(open_policy(parse_source("random"), width=4, **spaces), env.action_space, width=4) for _ in "ab"
    ]
    one, other = (label(np.zeros((6, *env.observation_space.shape))) for label in labels)
    assert np.array_equal(one, other)
    assert len(np.unique(one, axis=0)) > 1
