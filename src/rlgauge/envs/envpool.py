"""Environments of EnvPool (github.com/sail-sg/envpool): C++ behind a pool of threads."""

from __future__ import annotations

from rlgauge.core.errors import UserError
from rlgauge.envs.gymnasium_vector import NextStep
from rlgauge.envs.host_env import HostVecEnv


def make(name: str, num_envs: int) -> HostVecEnv:
    """N environments in its synchronous mode, with as many threads as it thinks best. Raises UserError."""
    import envpool

    try:
        env = envpool.make(name, env_type="gymnasium", num_envs=num_envs)
    except AssertionError as error:  # how it says that it does not know the name
        raise UserError(f"EnvPool can't make {name!r}: {error}") from error
    return NextStep(env, num_envs, env.action_space)
