"""Environments of EnvPool (github.com/sail-sg/envpool): C++ behind a pool of threads."""

from __future__ import annotations

from typing import Any

from rlgauge.core.errors import UserError, did_you_mean
from rlgauge.envs.gymnasium_vector import NextStep
from rlgauge.envs.host_env import HostVecEnv


class Pool(NextStep):
    """Environments in its synchronous mode, with as many threads as it thinks best.

    It takes a seed only when it makes them; later resets go on with its random numbers.
    """

    def __init__(self, name: str, num_envs: int) -> None:
        """Raises UserError for a name that EnvPool does not know."""
        import envpool

        known = envpool.list_all_envs()
        if name not in known:
            raise UserError(f"EnvPool has no environment {name!r}.{did_you_mean(name, known)}")
        self._name = name
        super().__init__(None, num_envs, envpool.make_spec(name).gymnasium_action_space)

    def reset(self, seed: int) -> Any:  # noqa: ANN401
        """The first observations of all."""
        import envpool

        if self._env is None:
            self._env = envpool.make(self._name, env_type="gymnasium", num_envs=self._num_envs, seed=seed)
        self._was_over_N[:] = False
        return self._env.reset()[0]


def make(name: str, num_envs: int) -> HostVecEnv:
    """N environments. Raises UserError."""
    return Pool(name, num_envs)
