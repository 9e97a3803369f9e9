"""PushT of gym-pusht: a disc that pushes a T onto its place, seen from above.

Chi et al. 2023, "Diffusion Policy: Visuomotor Policy Learning via Action Diffusion", arXiv:2303.04137; the task is of
Florence et al. 2021, "Implicit Behavioral Cloning", arXiv:2109.00137.
"""

from __future__ import annotations

import importlib
from typing import Any, Literal, TypeAlias

import gymnasium

from rlgauge.envs import distributions

Observed: TypeAlias = Literal["pixels_agent_pos", "pixels", "environment_state_agent_pos", "state"]
FILM_SIZE = 256
MAX_STEPS = 300
"""As gym-pusht registers it: 30 seconds."""


def is_installed() -> bool:
    """Whether this Python has the gym-pusht that works with what is imported here."""
    return distributions.has("gym-pusht", "0.1")


def versions() -> dict[str, str]:
    """Of what decides how an episode goes."""
    return distributions.versions("gym-pusht", "pymunk", "shapely", "numpy")


class Forgetful(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Forgets the last action at a reset: gym-pusht marks it in films, and would begin with that of another episode."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """What the environment's own reset gives."""
        unwrapped: Any = self.unwrapped
        unwrapped._last_action = None  # noqa: SLF001  # there is no public one
        return self.env.reset(seed=seed, options=options)


def make(*, observation: Observed, height: int, width: int) -> gymnasium.Env[Any, Any]:
    """The environment as gym-pusht has it, without a limit of steps; films are square and upright.

    It ends where more than 95 % of the T's place are covered, which `info["is_success"]` tells.
    """
    module: Any = importlib.import_module("gym_pusht.envs")
    made = module.PushTEnv(
        obs_type=observation,
        render_mode="rgb_array",
        observation_height=height,
        observation_width=width,
        visualization_height=FILM_SIZE,
        visualization_width=FILM_SIZE,
    )
    return Forgetful(made)
