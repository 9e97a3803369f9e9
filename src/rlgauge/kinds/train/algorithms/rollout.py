"""The generator's steps, kept as they are made, and rewarded all at once when a round of them is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import Tensor

from rlgauge.kinds.train.algorithms.data import Transitions, as_tensor


class Ended(NamedTuple):
    """An episode that ended: its return by the true reward, by the learned one, and its length."""

    true_return: float
    learned_return: float
    length: int


class Watched(VecEnvWrapper):
    """Environments whose rewards are hidden: the agent gets 0, and the learned reward with the whole rollout.

    Of T steps in N lanes. Equivalent to a reward at every step, for an agent like PPO that looks at rewards when its
    rollout is complete, and a reward that is not changed within it.
    """

    def __init__(self, lanes: VecEnv, *, num_steps: int) -> None:
        """Watch these lanes, so many steps at a time."""
        super().__init__(lanes)
        shape = (num_steps, lanes.num_envs)
        observed = self.observation_space.shape or ()
        self._observations = np.zeros((*shape, *observed), self.observation_space.dtype)
        self._next = np.zeros_like(self._observations)
        self._actions = np.zeros((*shape, *(self.action_space.shape or ())), self.action_space.dtype)
        self._dones = np.zeros(shape, bool)
        self._true = np.zeros(shape)
        self._sums = np.zeros((3, lanes.num_envs))
        self._time = 0
        self._zeros = np.zeros(lanes.num_envs, np.float32)

    def reset(self) -> NDArray[Any]:
        """The first observations, (N, *observation)."""
        self._last: NDArray[Any] = self.venv.reset()  # type: ignore[assignment]
        return self._last

    def step_async(self, actions: NDArray[Any]) -> None:
        """Begin a step."""
        self._actions[self._time] = actions
        self.venv.step_async(actions)

    def step_wait(self) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """End it, with rewards of 0."""
        observations, rewards, dones, infos = self.venv.step_wait()
        time = self._time
        self._observations[time] = self._last
        self._next[time] = observations
        for lane in np.flatnonzero(dones):
            self._next[time, lane] = infos[lane]["terminal_observation"]
        self._dones[time] = dones
        self._true[time] = rewards
        self._last = observations  # type: ignore[assignment]
        self._time = (time + 1) % len(self._dones)
        return self._last, self._zeros.copy(), dones, infos

    def transitions(self) -> Transitions:
        """The rollout's T N transitions, lanes of a step side by side."""
        arrays = (self._observations, self._actions, self._next, self._dones.astype(np.float32))
        return Transitions(*(as_tensor(array.reshape(-1, *array.shape[2:])) for array in arrays))

    def by_fragments(self) -> Tensor:
        """The transitions' indices, (T N,), in the order in which `imitation` keeps them.

        Lane for lane, episode for episode: first those that ended, as they ended, then those under way. So where a
        replay has no room for all, it keeps what is of few lanes and many times, rather than the last few times of all.
        """
        num_steps, num_lanes = self._dones.shape
        times = np.where(self._dones, np.arange(num_steps)[:, None], num_steps)
        ends = np.minimum.accumulate(times[::-1])[::-1]
        time, lane = np.indices((num_steps, num_lanes))
        return torch.as_tensor(np.lexsort((time.ravel(), lane.ravel(), ends.ravel())))

    def ended(self, learned: NDArray[np.floating[Any]]) -> list[Ended]:
        """The episodes that ended in the rollout, whose learned rewards (T, N) these are. Once per rollout."""
        found: list[Ended] = []
        for true, reward, dones in zip(self._true, learned, self._dones, strict=True):
            self._sums += (true, reward, np.ones_like(true))
            if dones.any():
                found += [Ended(one[0], one[1], int(one[2])) for one in self._sums.T[dones].tolist()]
                self._sums[:, dones] = 0
        return found


class LateRewards(RolloutBuffer):
    """A rollout buffer that is told its rewards when it is full, before advantages are computed.

    What the agent put there stays: the value of what an episode that was cut off would have come to.
    """

    def __init__(self, *args: Any, rewards: Callable[[], NDArray[Any]], **kwargs: Any) -> None:  # noqa: ANN401  # its own
        """`rewards` gives those of the rollout, (T, N)."""
        self._rewards = rewards
        super().__init__(*args, **kwargs)

    def compute_returns_and_advantage(self, last_values: Tensor, dones: NDArray[Any]) -> None:
        """Add the rewards, and go on as ever."""
        self.rewards += self._rewards()
        super().compute_returns_and_advantage(last_values, dones)
