"""AIRL: adversarial inverse reinforcement learning, whose reward stays one when the world changes.

Fu, Luo and Levine 2018, arXiv:1710.11248, algorithm 1. The network's output f(s, a, s') is a shaped reward, and

    D = exp f / (exp f + pi(a | s)),    so that    logit D = f - log pi(a | s).

The generator gets f; the entropy that the paper's log D - log(1 - D) = f - log pi adds to it is PPO's own affair
(`rl.ppo.ent_coef`), as in `imitation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from rlgauge.kinds.train.algorithms import adversarial
from rlgauge.kinds.train.algorithms.discriminator import Sense
from rlgauge.kinds.train.algorithms.networks import RewardNet, ShapedRewardNet

if TYPE_CHECKING:
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.common.vec_env import VecEnv

    from rlgauge.kinds.train.algorithms.config import AirlConfig
    from rlgauge.kinds.train.algorithms.interface import Context, MakeEnv
    from rlgauge.kinds.train.demonstrations import Demonstrations


def logits(output: Tensor, log_probs: Tensor) -> Tensor:
    """The output less log pi."""
    return output - log_probs


def reward(output: Tensor) -> Tensor:
    """The output itself."""
    return output


SENSE = Sense(logits=logits, reward=reward, asks_policy=True)


def train(make_env: MakeEnv, demonstrations: Demonstrations, config: AirlConfig, context: Context) -> ActorCriticPolicy:
    """The generator's policy; see `adversarial.train`."""

    def new_net(lanes: VecEnv) -> nn.Module:
        kind = ShapedRewardNet if config.reward.is_shaped else RewardNet
        return kind(lanes.observation_space, lanes.action_space, config.reward)

    return adversarial.train(make_env, demonstrations, config, context, sense=SENSE, new_net=new_net)
