from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from rlgauge.kinds.train.algorithms import data
from rlgauge.kinds.train.algorithms.config import Reward, ShapedReward
from rlgauge.kinds.train.algorithms.networks import RewardNet, ShapedRewardNet, flat
from tests.kinds.train.algorithms.toys import Target, show, to_target

SEEN, ACTED = Target.observation_space, Target.action_space
EPISODE = data.as_transitions(show(Target, to_target, 1))


def test_numbers_that_name_one_of_several_are_one_hot() -> None:
    assert flat(torch.tensor([1, 0]), spaces.Discrete(3)).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert flat(torch.ones(2, 3, 4), spaces.Box(-1, 1, (3, 4))).shape == (2, 12)


@pytest.mark.parametrize(
    ("config", "num_inputs"),
    [
        (Reward(), 5),
        (Reward(use_state=False), 2),
        (Reward(use_action=False), 3),
        (Reward(use_next_state=True), 8),
        (Reward(use_done=True), 6),
    ],
)
def test_it_sees_what_the_configuration_says(config: Reward, num_inputs: int) -> None:
    net = RewardNet(SEEN, ACTED, config)
    assert net.mlp[1].in_features == num_inputs
    assert net(EPISODE).shape == (20,)


def test_the_network_without_hidden_layers_is_what_one_computes_by_hand() -> None:
    net = RewardNet(SEEN, ACTED, Reward(hid_sizes=(), normalize_input=False))
    inputs = torch.cat([EPISODE.observations, EPISODE.actions], dim=1)
    expected = inputs @ net.mlp[0].weight[0] + net.mlp[0].bias
    torch.testing.assert_close(net(EPISODE), expected)


def test_the_shaped_reward_is_the_equation() -> None:
    net = ShapedRewardNet(SEEN, ACTED, ShapedReward(discount_factor=0.9)).eval()
    shaped, base = net(EPISODE), net.base(EPISODE)
    before, after = net.potential(EPISODE.observations), net.potential(EPISODE.next_observations)
    torch.testing.assert_close(shaped[:-1], (base + 0.9 * after - before)[:-1])
    torch.testing.assert_close(shaped[-1], (base - before)[-1])


def test_shaping_telescopes_along_an_episode() -> None:
    net = ShapedRewardNet(SEEN, ACTED, ShapedReward(discount_factor=0.9)).eval()
    discounts = torch.as_tensor(0.9 ** np.arange(20), dtype=torch.float32)
    shaping = (net(EPISODE) - net.base(EPISODE)) @ discounts
    torch.testing.assert_close(shaping, -net.potential(EPISODE.observations[:1])[0], rtol=1e-4, atol=1e-5)
