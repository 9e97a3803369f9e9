"""Environments that are stepped together, each restarted when its episode is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from rlgauge.kinds.train.algorithms.data import check_spaces

if TYPE_CHECKING:
    from rlgauge.kinds.train.algorithms.config import Lanes as Settings
    from rlgauge.kinds.train.algorithms.interface import MakeEnv


class InProcess(DummyVecEnv):
    """Environments in this process. Of what they say beside a step, only what ends an episode is handed on.

    `DummyVecEnv` copies all of it, deeply, at every step: in MuJoCo's environments that is half of a step's time.
    """

    def step_wait(self) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], list[dict[str, Any]]]:
        """Observations (the first of the next episode where one is over), rewards, dones, and what ended."""
        observations = np.empty_like(self.buf_obs[None])  # type: ignore[index]  # the key where spaces have no parts
        rewards = np.empty(self.num_envs)
        infos: list[dict[str, Any]] = []
        for index, env in enumerate(self.envs):
            observation, reward, is_terminated, is_truncated, _ = env.step(self.actions[index])
            rewards[index] = reward
            self.buf_dones[index] = is_done = is_terminated or is_truncated
            infos.append({})
            if is_done:
                infos[index] = {
                    "terminal_observation": observation,
                    "TimeLimit.truncated": is_truncated and not is_terminated,
                }
                observation, self.reset_infos[index] = env.reset()
            observations[index] = observation
        return observations, rewards, self.buf_dones.copy(), infos


def make_lanes(make_env: MakeEnv, config: Settings) -> VecEnv:
    """As many environments as the configuration says. Raises UserError."""
    lanes = InProcess([make_env] * config.num_envs)
    check_spaces(lanes.observation_space, lanes.action_space)
    return lanes
