"""Networks that give transitions a reward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from stable_baselines3.common.preprocessing import get_flattened_obs_dim, preprocess_obs
from torch import Tensor, nn

from rlgauge.kinds.train.algorithms.norm import RunningNorm

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gymnasium

    from rlgauge.kinds.train.algorithms.config import Reward, ShapedReward
    from rlgauge.kinds.train.algorithms.data import Transitions


def mlp(num_inputs: int, hidden: Sequence[int], *, normalize: bool) -> nn.Sequential:
    """(n, num_inputs) to (n,), with rectified hidden layers; `normalize` puts a RunningNorm before the first."""
    layers: list[nn.Module] = [RunningNorm(num_inputs)] if normalize else []
    for width in hidden:
        layers += [nn.Linear(num_inputs, width), nn.ReLU()]
        num_inputs = width
    return nn.Sequential(*layers, nn.Linear(num_inputs, 1), nn.Flatten(0))


def flat(values: Tensor, space: gymnasium.Space[Any]) -> Tensor:
    """(n, features) float32: numbers that name one of several as one-hot, images as 0..1."""
    ready = preprocess_obs(values, space)
    assert isinstance(ready, Tensor)  # noqa: S101  # spaces with several parts are refused before
    return ready.flatten(1)


class RewardNet(nn.Module):
    """g(s, a, s', done): one number per transition, of what the configuration lets it see."""

    def __init__(
        self, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], config: Reward
    ) -> None:
        """Make it with fresh weights."""
        super().__init__()
        self._spaces = observation_space, action_space
        self._config = config
        num_observed, num_acted = get_flattened_obs_dim(observation_space), get_flattened_obs_dim(action_space)
        num_inputs = (
            num_observed * (config.use_state + config.use_next_state)
            + num_acted * config.use_action
            + int(config.use_done)
        )
        self.mlp = mlp(num_inputs, config.hid_sizes, normalize=config.normalize_input)

    def forward(self, transitions: Transitions) -> Tensor:
        """(n,)."""
        observation_space, action_space = self._spaces
        seen: list[Tensor] = []
        if self._config.use_state:
            seen.append(flat(transitions.observations, observation_space))
        if self._config.use_action:
            seen.append(flat(transitions.actions, action_space))
        if self._config.use_next_state:
            seen.append(flat(transitions.next_observations, observation_space))
        if self._config.use_done:
            seen.append(transitions.dones[:, None])
        rewards: Tensor = self.mlp(torch.cat(seen, dim=1))
        return rewards


class ShapedRewardNet(nn.Module):
    """f(s, a, s') = g(s, a, s') + gamma (1 - done) h(s') - h(s).

    Fu, Luo and Levine 2018, arXiv:1710.11248, equation 4. The potential h is that of Ng, Harada and Russell 1999,
    "Policy invariance under reward transformations": along an episode that is done its discounted terms sum to -h(s_0),
    whatever was done. An episode that was cut off is done here too, as in `imitation`.
    """

    def __init__(
        self, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], config: ShapedReward
    ) -> None:
        """Make both networks with fresh weights."""
        super().__init__()
        self._space = observation_space
        self.discount_factor = config.discount_factor
        self.base = RewardNet(observation_space, action_space, config)
        num_inputs = get_flattened_obs_dim(observation_space)
        self.potential = mlp(num_inputs, config.potential_hid_sizes, normalize=config.normalize_input)

    def forward(self, transitions: Transitions) -> Tensor:
        """(n,)."""
        rewards: Tensor = self.base(transitions)
        after: Tensor = self.potential(flat(transitions.next_observations, self._space))
        before: Tensor = self.potential(flat(transitions.observations, self._space))
        return rewards + self.discount_factor * (1 - transitions.dones) * after - before
