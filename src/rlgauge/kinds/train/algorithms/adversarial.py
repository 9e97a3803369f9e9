"""What GAIL and AIRL share: a generator that is rewarded for what a discriminator takes for the expert's.

A round plays `rl.batch_size` steps, rewards them, lets PPO learn from them, and then fits the discriminator, which
minimises the cross-entropy of its logits on n transitions of the expert and n of the generator,

    L = - 1/(2n) [ sum_expert log D + sum_generated log(1 - D) ],    D = sigmoid(logit) = P(it is the expert's).

High is the expert, as in `imitation` and in Fu et al. 2018; Ho and Ermon 2016 write it the other way round.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rlgauge.core.errors import UserError
from rlgauge.core.files import write_atomic
from rlgauge.core.seeding import derive
from rlgauge.kinds.train.algorithms import data, generator
from rlgauge.kinds.train.algorithms.discriminator import Discriminator, Sense
from rlgauge.kinds.train.algorithms.finite import check_values, check_weights, unchecked_distributions
from rlgauge.kinds.train.algorithms.lanes import make_lanes
from rlgauge.kinds.train.algorithms.output_norm import OutputNorm
from rlgauge.kinds.train.algorithms.rollout import Ended, Watched
from rlgauge.kinds.train.algorithms.uncompiled import uncompiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.common.vec_env import VecEnv

    from rlgauge.kinds.train.algorithms.config import AdversarialConfig
    from rlgauge.kinds.train.algorithms.data import Transitions
    from rlgauge.kinds.train.algorithms.interface import Context, MakeEnv
    from rlgauge.kinds.train.demonstrations import Demonstrations


@uncompiled()
def train(
    make_env: MakeEnv,
    demonstrations: Demonstrations,
    config: AdversarialConfig,
    context: Context,
    *,
    sense: Sense,
    new_net: Callable[[VecEnv], nn.Module],
) -> ActorCriticPolicy:
    """The generator's policy behind the last round that `total_timesteps` has room for.

    Scalars are at numbers of environment steps: `rollout/true_return_mean` is of the task's own reward,
    `rollout/learned_return_mean` of what the generator was given. Raises UserError, DivergedError.
    """
    lanes = make_lanes(make_env, config.environment)
    try:
        data.check_demonstrations(demonstrations, lanes.observation_space, lanes.action_space)
        expert = data.as_transitions(data.first_episodes(demonstrations, config.demonstrations.n_expert_demos))
        with unchecked_distributions(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(context.seed, "reward"))
            net = new_net(lanes)
            training = Training(lanes, expert, config, sense, net, seed=context.seed)
            training.run(context)
    finally:
        lanes.close()
    return training.policy


class _Rollout(NamedTuple):
    """What the generator did in a round, and what it got."""

    transitions: Transitions
    rewards_TN: NDArray[np.float32]


class Training:
    """A generator and a discriminator, and the rounds that they play."""

    def __init__(
        self, lanes: VecEnv, expert: Transitions, config: AdversarialConfig, sense: Sense, net: nn.Module, *, seed: int
    ) -> None:
        """Make both; the network is taken as it is."""
        self.config = config
        self.discriminator = Discriminator(net, sense, expert, config, seed=derive(seed, "discriminator"))
        self.watched = Watched(lanes, num_steps=config.rl.batch_size // config.environment.num_envs)
        self.ppo = generator.new_generator(self.watched, config, self._reward, seed=derive(seed, "generator"))
        self._normalize = OutputNorm() if config.reward.normalize_output else None
        self._lengths: set[int] = set()
        self._rollout: _Rollout | None = None

    @property
    def policy(self) -> ActorCriticPolicy:
        """The generator's."""
        return self.ppo.policy

    def run(self, context: Context) -> None:
        """Play all rounds, and keep what is to be kept."""
        num_rounds = self.config.total_timesteps // self.config.rl.batch_size
        interval = self.config.checkpoint_interval
        for index in range(1, num_rounds + 1):
            told = self.play()
            context.log(told, step=self.ppo.num_timesteps)
            context.progress(self.ppo.num_timesteps, num_rounds * self.config.rl.batch_size)
            if context.folder is not None and interval > 0 and index % interval == 0:
                self._keep(context.folder / f"round-{index:05d}")
        self.policy.set_training_mode(False)
        if context.folder is not None and interval >= 0:
            self._keep(context.folder)

    def play(self) -> dict[str, float]:
        """One round; its scalars. Raises UserError for episodes of different lengths, DivergedError."""
        told = generator.learn(self.ppo, self.config.rl.batch_size)
        assert self._rollout is not None  # noqa: S101  # the generator was rewarded
        transitions, rewards_TN = self._rollout
        ended = self.watched.ended(rewards_TN)
        self._check_lengths(ended)
        self.discriminator.replay.add(transitions.at(self.watched.by_fragments()))
        fitted = self.discriminator.fit(self.policy)
        when = f"after {self.ppo.num_timesteps} steps"
        check_values({"train/loss": told["train/loss"], **fitted}, when=when)
        check_weights(self.policy, when=when)
        check_weights(self.discriminator.net, when=when)
        told |= fitted | _told(ended) | {"rollout/learned_reward_mean": float(rewards_TN.mean())}
        return {name: value for name, value in told.items() if math.isfinite(value)}

    def _reward(self) -> NDArray[np.float32]:
        """The learned rewards of the rollout that is just complete, (T, N)."""
        transitions = self.watched.transitions()
        rewards_TN: NDArray[np.float32] = self.discriminator.reward(transitions).numpy()
        rewards_TN = rewards_TN.reshape(-1, self.watched.num_envs)
        if self._normalize is not None:
            rewards_TN = self._normalize(rewards_TN)
        self._rollout = _Rollout(transitions, rewards_TN)
        return rewards_TN

    def _check_lengths(self, ended: list[Ended]) -> None:
        self._lengths |= {episode.length for episode in ended}
        if len(self._lengths) > 1 and not self.config.allow_variable_horizon:
            shortest, longest = min(self._lengths), max(self._lengths)
            raise UserError(
                f"Episodes have different lengths, from {shortest} to {longest} steps: their ends tell of the reward, "
                "which misleads what learns it. Take an environment of seals, or set allow_variable_horizon."
            )

    def _keep(self, folder: Path) -> None:
        """Write the policy, as `ActorCriticPolicy.load` reads it, and the weights of the reward's network."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = io.BytesIO()
        torch.save(self.discriminator.net.state_dict(), weights)
        write_atomic(folder / "reward.pt", weights.getvalue())
        self.policy.save(str(folder / "policy.pt"))


def _told(ended: list[Ended]) -> dict[str, float]:
    """Means over the episodes that ended in a round; nothing where none did."""
    if not ended:
        return {}
    return {
        "rollout/true_return_mean": float(np.mean([episode.true_return for episode in ended])),
        "rollout/learned_return_mean": float(np.mean([episode.learned_return for episode in ended])),
        "rollout/episode_length_mean": float(np.mean([episode.length for episode in ended])),
        "rollout/num_episodes": float(len(ended)),
    }
