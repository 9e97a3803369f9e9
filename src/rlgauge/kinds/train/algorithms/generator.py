"""PPO of Stable-Baselines3 as the generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy

from rlgauge.kinds.train.algorithms.policies import policy_kwargs
from rlgauge.kinds.train.algorithms.rollout import LateRewards, Watched
from rlgauge.kinds.train.algorithms.uncompiled import step_uncompiled

if TYPE_CHECKING:
    from rlgauge.kinds.train.algorithms.config import AdversarialConfig


def new_generator(
    watched: Watched, config: AdversarialConfig, rewards: Callable[[], NDArray[Any]], *, seed: int
) -> PPO:
    """PPO that learns from the rewards of whole rollouts, a rollout per call of `learn`; it logs nowhere by itself."""
    ppo = PPO(
        ActorCriticPolicy,
        watched,
        n_steps=config.rl.batch_size // config.environment.num_envs,
        rollout_buffer_class=LateRewards,
        rollout_buffer_kwargs={"rewards": rewards},
        policy_kwargs=policy_kwargs(config.policy),
        seed=seed,
        device="cpu",
        **msgspec.structs.asdict(config.rl.ppo),
    )
    step_uncompiled(ppo.policy.optimizer)
    ppo.set_logger(Logger(folder=None, output_formats=[]))
    return ppo


def learn(ppo: PPO, num_steps: int) -> dict[str, float]:
    """Let it play and learn from so many steps more; what it logged, by its own names."""
    ppo.learn(num_steps, reset_num_timesteps=False, log_interval=None)  # type: ignore[arg-type]  # None is: never
    logged = {name: float(value) for name, value in ppo.logger.name_to_value.items()}
    ppo.logger.dump(ppo.num_timesteps)
    return logged
