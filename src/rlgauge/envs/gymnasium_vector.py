"""Gymnasium's environments, one by one or many behind one call, as ones that can be measured.

Shapes: N environments.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium import find_spec
from rlgauge.envs.gymnasium import make as make_one
from rlgauge.envs.host_env import HostEnv, HostOutcome, HostVecEnv
from rlgauge.envs.spaces import Sample, sampler

_DRAWN = 1024
Mode = Literal["vector_entry_point", "sync", "async"]


class NextStep:
    """Environments behind one call whose step after the end of an episode only starts the next one."""

    kind: Literal["vector"] = "vector"

    def __init__(self, env: Any, num_envs: int, single_action_space: Any) -> None:  # noqa: ANN401  # a library's own
        """Adapt `env`, which has Gymnasium's interface."""
        self._env = env
        self._num_envs = num_envs
        self._sample = sampler(single_action_space)
        self._was_over_N: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)

    def reset(self, seed: int) -> Any:  # noqa: ANN401
        """The first observations of all."""
        self._was_over_N = np.zeros(self._num_envs, np.bool_)
        return self._env.reset(seed=seed)[0]

    def sample(self, rng: np.random.Generator) -> Any:  # noqa: ANN401
        """Random actions, (N, ...)."""
        return self._sample(rng, self._num_envs)

    def step(self, actions: Any) -> HostOutcome:  # noqa: ANN401
        """A step of each; those whose episode was over begin the next one."""
        observation, reward, terminated, truncated, _ = self._env.step(actions)
        num_steps = self._num_envs - int(np.count_nonzero(self._was_over_N))
        self._was_over_N = terminated | truncated
        return HostOutcome(observation, reward, self._was_over_N, num_steps)

    def close(self) -> None:
        """Close the environments."""
        self._env.close()


class SameStep(NextStep):
    """Environments behind one call whose step that ends an episode starts the next one, too."""

    def step(self, actions: Any) -> HostOutcome:  # noqa: ANN401
        """A step of each."""
        observation, reward, terminated, truncated, _ = self._env.step(actions)
        return HostOutcome(observation, reward, terminated | truncated, self._num_envs)


class One:
    """One environment of Gymnasium."""

    kind: Literal["single"] = "single"

    def __init__(self, env_id: str) -> None:
        """Make it. Raises UserError."""
        self._env = make_one(env_id)
        self._draws = _draws(env_id)

    def reset(self, seed: int | None) -> Any:  # noqa: ANN401
        """The first observation of an episode."""
        return self._env.reset(seed=seed)[0]

    def sample(self, rng: np.random.Generator) -> Any:  # noqa: ANN401
        """A random action."""
        if not self._draws.left:
            self._draws.left.extend(self._draws.sample(rng, _DRAWN))
        return self._draws.left.pop()

    def step(self, action: Any) -> tuple[Any, float, bool]:  # noqa: ANN401
        """What was seen, the reward, and whether the episode is over."""
        observation, reward, terminated, truncated, _ = self._env.step(action)
        return observation, float(reward), terminated or truncated

    def close(self) -> None:
        """Close it."""
        self._env.close()


class _Draws(NamedTuple):
    """Actions that are drawn, and how: many at once, since a draw of one takes as long as a step of the environment."""

    sample: Sample
    left: list[Any]


@functools.cache
def _draws(env_id: str) -> _Draws:
    """The draws that all environments of that name in this process share."""
    return _Draws(sampler(make_one(env_id).action_space), [])


def make_serial(name: str) -> HostEnv:
    """One environment. Raises UserError."""
    return One(name)


def make_vector(name: str, num_envs: int) -> HostVecEnv:
    """The environment's own vectorised form. Raises UserError where it has none."""
    if find_spec(name).vector_entry_point is None:
        raise UserError(f"{name} has no vectorised form of its own; gymnasium-sync steps its single ones.")
    return _make(name, num_envs, "vector_entry_point")


def make_sync(name: str, num_envs: int) -> HostVecEnv:
    """Single environments, stepped one after the other in this process."""
    return _make(name, num_envs, "sync")


def make_async(name: str, num_envs: int) -> HostVecEnv:
    """Single environments, each in a process of its own."""
    return _make(name, num_envs, "async")


def _make(name: str, num_envs: int, mode: Mode) -> HostVecEnv:
    import gymnasium

    find_spec(name)
    env = gymnasium.make_vec(name, num_envs=num_envs, vectorization_mode=mode)
    told = env.metadata.get("autoreset_mode")
    way = str(getattr(told, "name", told))
    if way not in _WAYS:
        raise UserError(
            f"{name} goes on to the next episode by {way}, as its metadata's 'autoreset_mode' says; only "
            f"{' and '.join(_WAYS)} can be counted."
        )
    return _WAYS[way](env, num_envs, env.single_action_space)


_WAYS = {"NEXT_STEP": NextStep, "SAME_STEP": SameStep}
