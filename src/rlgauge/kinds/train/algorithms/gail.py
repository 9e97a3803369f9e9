"""GAIL: generative adversarial imitation learning.

Ho and Ermon 2016, arXiv:1606.03476, algorithm 1. The network's output is the logit of D, and the generator gets

    r(s, a) = - log(1 - D(s, a)) = log(1 + exp(logit)),

which is never negative. It is - log D where D is written as the probability of the generator's, as in the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import softplus

from rlgauge.kinds.train.algorithms import adversarial
from rlgauge.kinds.train.algorithms.discriminator import Sense
from rlgauge.kinds.train.algorithms.networks import RewardNet

if TYPE_CHECKING:
    from stable_baselines3.common.policies import ActorCriticPolicy

    from rlgauge.kinds.train.algorithms.config import GailConfig
    from rlgauge.kinds.train.algorithms.interface import Context, MakeEnv
    from rlgauge.kinds.train.demonstrations import Demonstrations


def logits(output: Tensor, _log_probs: Tensor) -> Tensor:
    """The output itself: the policy has no part in it."""
    return output


def reward(output: Tensor) -> Tensor:
    """- log(1 - sigmoid(output))."""
    return softplus(output)


SENSE = Sense(logits=logits, reward=reward, asks_policy=False)


def train(make_env: MakeEnv, demonstrations: Demonstrations, config: GailConfig, context: Context) -> ActorCriticPolicy:
    """The generator's policy; see `adversarial.train`."""
    return adversarial.train(
        make_env,
        demonstrations,
        config,
        context,
        sense=SENSE,
        new_net=lambda lanes: RewardNet(lanes.observation_space, lanes.action_space, config.reward),
    )
